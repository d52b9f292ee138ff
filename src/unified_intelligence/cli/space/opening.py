"""From a Space's name to everything its commands need: the spec with its owner, the files, the secrets, the Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from unified_intelligence.cli.output import Output
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.factories.space_factory import secret_values, space_host

if TYPE_CHECKING:
    from unified_intelligence.interfaces.space_host import ISpaceHost
    from unified_intelligence.spaces.lint import Finding
    from unified_intelligence.spaces.render import RenderedSpace
    from unified_intelligence.spaces.secret_values import SecretValues
    from unified_intelligence.spaces.spec import SpaceSpec
    from unified_intelligence.spaces.spec_file import SpecFile

PLACEHOLDER = "OWNER"


class OpenedSpace(NamedTuple):
    """`host` is asked as late as it can be; `name` is what people call the Space here."""

    name: str
    host: ISpaceHost
    rendered: RenderedSpace
    secrets: SecretValues

    @property
    def spec(self) -> SpaceSpec:
        return self.rendered.spec


def spec_file(name: str | None, output: Output) -> SpecFile:
    """The spec that NAME means. Raises ConfigurationError."""
    from unified_intelligence.spaces.spec_file import HERE, find_spec, read_spec

    return read_spec(find_spec(name or HERE, output.environment.directory))


def offline(file: SpecFile, owner: str | None, output: Output) -> tuple[RenderedSpace, SecretValues]:
    """Rendered without asking the Hub: an owner that nobody names is OWNER."""
    from unified_intelligence.spaces.sources import rendered

    spec = file.spec.owned_by(owner) if owner else file.spec
    spec = spec if "/" in spec.id else spec.owned_by(PLACEHOLDER)
    return rendered(file, spec), secret_values(spec, output.environment)


def opened(name: str | None, owner: str | None, output: Output) -> OpenedSpace:
    """Everything, checked. Raises ConfigurationError where the files would not run or hold a secret."""
    from unified_intelligence.spaces.sources import rendered

    file = spec_file(name, output)
    host = space_host(output.environment)
    spec = file.spec.owned_by(owner) if owner else file.spec
    spec = spec if "/" in spec.id else spec.owned_by(host.account())
    opened = OpenedSpace(file.name, host, rendered(file, spec), secret_values(spec, output.environment))
    refuse_errors(findings(opened.rendered, opened.secrets), output)
    return opened


def findings(rendered: RenderedSpace, secrets: SecretValues) -> tuple[Finding, ...]:
    """What the lints say, the secrets' own values among what is looked for."""
    from unified_intelligence.spaces.lint import lint

    return lint(rendered, secrets.values)


def refuse_errors(found: tuple[Finding, ...], output: Output) -> None:
    """Warnings are told; errors too, and then raised as one ConfigurationError."""
    errors = [finding for finding in found if finding.level == "error"]
    for finding in found:
        if finding not in errors:
            output.warn(f"{finding.told()}.")
    if errors:
        for finding in errors[1:]:
            output.note(f"also: {finding.told()}")
        more = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
        raise ConfigurationError(
            f"{errors[0].told()}.{more}", hint="Nothing was sent. uic space validate checks it again."
        )
