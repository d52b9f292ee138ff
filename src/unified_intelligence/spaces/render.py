"""From a spec and files to what is to be on the Hub: bytes by path. Pure: it reads and asks nothing.

The same spec and files give the same bytes, whoever renders them and when.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.entities.space import host_of
from unified_intelligence.spaces import front_matter
from unified_intelligence.spaces.content import FILE_NAME, Deployment, deployment_of
from unified_intelligence.spaces.patterns import Patterns
from unified_intelligence.spaces.spec import SpaceSpec

README = "README.md"
SPEC_NAME = "space.yaml"
_PLACE = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")


@dataclass(frozen=True, slots=True)
class RenderedSpace:
    """`files` are all that is committed, `deployment.json` among them; `deployment` is what that says."""

    spec: SpaceSpec
    files: Mapping[str, bytes] = field(repr=False)
    deployment: Deployment = field(repr=False)

    @property
    def digest(self) -> str:
        return self.deployment.digest


def render(
    spec: SpaceSpec, sources: Mapping[str, bytes], *, built: Mapping[str, bytes] | None = None, source: str = ""
) -> RenderedSpace:
    """`sources` are the files of the spec's folder by path, `built` those made for it, such as the package's wheel.

    `source` is the revision of the repository that they come from. Raises ConfigurationError.
    """
    include, exclude = Patterns(spec.source.include), Patterns(spec.source.exclude)
    chosen = {
        path: content
        for path, content in sources.items()
        if include.match(path) and not exclude.match(path) and path not in {SPEC_NAME, FILE_NAME}
    }
    files = _filled(spec, chosen)
    files[README] = _readme(spec, files.get(README))
    files |= built or {}
    files = {path: files[path] for path in sorted(files)}
    deployment = deployment_of(files, source, settings_of(spec), checks_of(spec))
    return RenderedSpace(spec, {**files, FILE_NAME: deployment.text().encode()}, deployment)


def settings_of(spec: SpaceSpec) -> dict[str, object]:
    """What the files run with, as deployment.json records it: a rollback restores it.

    Without the id, so that a candidate has the same bytes; without visibility and sleep time, which change no answer.
    """
    return {
        "hardware": spec.hardware,
        "variables": dict(sorted(spec.variables.items())),
        "secrets": sorted(spec.secrets),
        "volumes": [volume.model_dump(exclude_none=True) for volume in spec.volumes],
    }


def checks_of(spec: SpaceSpec) -> dict[str, object]:
    """What the files are to meet, as deployment.json records it. A key stands there by its reference only."""
    told = spec.model_dump(mode="json", include={"contract", "smoke"})
    return told if spec.contract is not None else {}


def _filled(spec: SpaceSpec, files: Mapping[str, bytes]) -> dict[str, bytes]:
    known = {"SPACE": spec.id, "OWNER": spec.id.partition("/")[0], "HOST": host_of(spec.id), **spec.template.values}
    filled = dict(files)
    for path in spec.template.files:
        if path not in files:
            raise ConfigurationError(f"template.files names {path}, which is not among the Space's files.")

        def value(place: re.Match[str], path: str = path) -> str:
            if place[1] not in known:
                hint = f"Add {place[1]} to template.values, or take the file out of template.files."
                raise ConfigurationError(f"{path} has {place[0]}, and nobody says what that is.", hint=hint)
            return known[place[1]]

        filled[path] = _PLACE.sub(value, _text(path, files[path])).encode()
    return filled


def _readme(spec: SpaceSpec, content: bytes | None) -> bytes:
    head, body = front_matter.split(_text(README, content)) if content is not None else ({}, f"\n# {spec.name}\n")
    wanted = {"title": spec.name, "sdk": spec.sdk, **head, **spec.readme}
    if wanted["sdk"] != spec.sdk:
        raise ConfigurationError(
            f"{README} says sdk: {wanted['sdk']}, and the spec says {spec.sdk}.", hint="Mend the wrong one."
        )
    if content is not None and wanted == head:
        return content
    return front_matter.joined(wanted, body).encode()


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8, so nothing can be filled in.") from None
