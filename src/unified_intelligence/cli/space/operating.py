"""What the commands on a Space that is there need: its spec, the Hub, a visitor, and the report of the run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space.opening import spec_file
from unified_intelligence.config.places import state_folder
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.factories.space_factory import redaction, secret_values, space_host, space_visitor

if TYPE_CHECKING:
    from pathlib import Path

    from unified_intelligence.interfaces.space_host import ISpaceHost
    from unified_intelligence.spaces.deployer import Deployer
    from unified_intelligence.spaces.spec import SpaceSpec

Result = TypeVar("Result")


class Operated(NamedTuple):
    """A Space by its spec, and the Hub it is on."""

    spec: SpaceSpec
    host: ISpaceHost


def operated(name: str | None, owner: str | None, output: Output) -> Operated:
    """Its files are not rendered: what is on the Hub is what counts here. Raises ConfigurationError."""
    file = spec_file(name, output)
    host = space_host(output.environment)
    spec = file.spec.owned_by(owner) if owner else file.spec
    return Operated(spec if "/" in spec.id else spec.owned_by(host.account()), host)


def deployer_of(
    spec: SpaceSpec, host: ISpaceHost, output: Output, verb: str, hear: Callable[[str], None] | None = None
) -> Deployer:
    """Tells what it does on stderr."""
    from unified_intelligence.spaces.deployer import Deployer
    from unified_intelligence.spaces.report import DeploymentReport

    redact = redaction(spec, output.environment)
    return Deployer(
        host,
        space_visitor(host, output.environment),
        secrets=secret_values(spec, output.environment),
        hear=hear or output.note,
        redact=redact,
        report=DeploymentReport(spec.id, verb, redact),
    )


@contextmanager
def reported(deployer: Deployer, output: Output) -> Generator[None]:
    """Writes the report of what happens inside, however it ends, and says where it is."""
    report = deployer.report
    try:
        yield
        report.outcome = "done"
    except UnifiedIntelligenceError as error:
        report.failed(error)
        raise
    except BaseException:
        report.outcome = "interrupted"
        raise
    finally:
        output.note(f"Report: {report.write(reports_folder(output))}")


def reports_folder(output: Output) -> Path:
    """Where the reports of this user's deployments are."""
    return state_folder(output.environment.home, output.environment.get("XDG_STATE_HOME")) / "deployments"


def waited_for(work: Coroutine[Any, Any, Result]) -> Result:
    """Runs it; Ctrl-C ends the wait at once."""
    import asyncio

    return asyncio.run(work)
