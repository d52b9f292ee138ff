"""`uic space rehearse`: the whole deployment on this machine, on a local Hub, with a real model in the end."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags
from unified_intelligence.config.environment import Environment
from unified_intelligence.entities.errors import InvalidRequestError, MissingDependencyError

if TYPE_CHECKING:
    from unified_intelligence.spaces.deployer import Deployer
    from unified_intelligence.spaces.rehearsal import Rehearsed
    from unified_intelligence.spaces.render import RenderedSpace
    from unified_intelligence.spaces.simulator.faults import Fault
    from unified_intelligence.spaces.spec import SpaceSpec
    from unified_intelligence.spaces.spec_file import SpecFile

app = new_app()
_OWNER, _TOKEN, _MADE_UP = "rehearsal", "hf_rehearsal", "made-up-for-a-rehearsal"
_MODEL, _EMBEDDED = "MODEL_ID", "embedded"
_SECOND = "rehearsal.txt"
_LIBRARIES = {"gradio": ("space", ("gradio",)), "docker": ("serve", ("fastapi", "uvicorn"))}
"""By the kind of Space: the extra that an app of this package needs, and modules of it."""


class Versions(NamedTuple):
    """Two of the same Space, and the environment in which they are deployed."""

    first: RenderedSpace
    second: RenderedSpace
    environment: Environment


@app.command(cls=LightCommand)
def rehearse(
    context: typer.Context,
    name: flags.Name = None,
    fault: Annotated[
        str | None, typer.Option("--fault", metavar="NAME", help="deploy once more, and let this go wrong")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="another value of a variable [MODEL_ID=embedded]"),
    ] = None,
    keep: Annotated[bool | None, typer.Option("--keep", help="go on until Ctrl-C, and print HF_ENDPOINT")] = None,
    json: flags.Json = None,
) -> int:
    """Deploy to a Hub on this machine: plan, apply, start the app, ask it, and prove that it is the one.

    With --fault a good version is deployed first, then a second one that goes wrong: exit 0 if it ends as it should,
    mended, rolled back or refused. uic space simulate --faults lists them. Nothing is installed or built, and the Hub
    is not asked. Where the spec has MODEL_ID, the model of this package takes that one's place.
    """
    output: Output = context.obj
    from unified_intelligence.cli.space.opening import spec_file

    file = spec_file(name, output)
    _check_libraries(file.spec)
    with tempfile.TemporaryDirectory(prefix="uic-rehearsal-") as folder:
        return _rehearse(output, file, Path(folder), (fault, _pairs(setting or ())), keep=bool(keep), json=bool(json))


def _check_libraries(spec: SpaceSpec) -> None:
    """Nothing is installed in a rehearsal. Raises MissingDependencyError for what the app cannot start without."""
    from importlib.util import find_spec

    wanted = _LIBRARIES.get(spec.sdk if spec.sdk == "gradio" or spec.source.package else "", ("", ()))
    for module in wanted[1]:
        if find_spec(module) is None:
            raise MissingDependencyError(f"The app of {spec.name}, which is started here,", module, wanted[0])


def _rehearse(
    output: Output, file: SpecFile, folder: Path, asked: tuple[str | None, Mapping[str, str]], *, keep: bool, json: bool
) -> int:
    from unified_intelligence.cli.space.operating import waited_for
    from unified_intelligence.factories.space_factory import space_host
    from unified_intelligence.spaces.rehearsal import Rehearsal
    from unified_intelligence.spaces.simulator.faults import read_fault
    from unified_intelligence.spaces.simulator.server import end_in_order, running

    from unified_intelligence.spaces.simulator.hub import Hub  # isort: skip - after the server, which says what is missing

    end_in_order()
    for library in ("asyncio", "huggingface_hub.hf_api"):  # they tell of streams that break off when the local Hub ends
        logging.getLogger(library).setLevel(logging.CRITICAL)
    fault: Fault | None = read_fault(asked[0]) if asked[0] else None
    hub = Hub(folder / "hub", owner=_OWNER)
    with running(hub.folder, hub=hub, base=output.environment.variables) as url:
        output.note(f"A local Hub: {url}")
        versions = _versions(output, file, url, asked[1])
        host = space_host(versions.environment)

        def deployer() -> Deployer:
            return _deployer(output, versions)

        rehearsal = Rehearsal(hub, host, deployer, output.note)
        told: Rehearsed = waited_for(rehearsal.rehearse(versions.first, versions.second, fault))
        if json:
            output.json(told.as_json(), indented=True)
        else:
            output.line(told.told())
        if keep:
            _wait(output, url, host.info(told.space).host)
    return 0


def _versions(output: Output, file: SpecFile, url: str, given: Mapping[str, str]) -> Versions:
    """Rendered and checked as for the Hub. Raises ConfigurationError."""
    from unified_intelligence.cli.space.opening import findings, refuse_errors
    from unified_intelligence.factories.space_factory import secret_values
    from unified_intelligence.spaces.content import deployment_of
    from unified_intelligence.spaces.render import FILE_NAME
    from unified_intelligence.spaces.sources import rendered

    spec = file.spec if "/" in file.spec.id else file.spec.owned_by(_OWNER)
    model = {_MODEL: _EMBEDDED} if _MODEL in spec.variables else {}
    spec = spec.model_copy(update={"variables": {**spec.variables, **model, **given}})
    for variable, value in {**model, **given}.items():
        if file.spec.variables.get(variable) != value:
            output.note(f"{variable} is {value} here.")
    environment = _environment(output, spec, url)
    first = rendered(file, spec)
    refuse_errors(findings(first, secret_values(spec, environment)), output)
    files = {path: content for path, content in first.files.items() if path != FILE_NAME}
    files[_SECOND] = b"The second version of a rehearsal.\n"
    deployment = deployment_of(files, first.deployment.source, first.deployment.settings, first.deployment.checks)
    second = replace(first, files={**files, FILE_NAME: deployment.text().encode()}, deployment=deployment)
    return Versions(first, second, environment)


def _environment(output: Output, spec: SpaceSpec, url: str) -> Environment:
    """The process's, with the local Hub for the Hub and a token of its own; secrets that are not there are made up."""
    key = spec.contract.key if spec.contract is not None and spec.contract.kind == "openai" else None
    wanted = [*spec.secrets.values(), *([key] if key else [])]
    variables = dict(output.environment.variables)
    names = sorted({name for kind, _, name in (text.partition(":") for text in wanted) if kind == "env"})
    missing = [name for name in names if not variables.get(name)]
    if missing:
        output.note(f"Made up, because they are not set here: {', '.join(missing)}.")
    made_up = dict.fromkeys(missing, _MADE_UP)
    return Environment({**variables, **made_up, "HF_ENDPOINT": url, "HF_TOKEN": _TOKEN})


def _deployer(output: Output, versions: Versions) -> Deployer:
    from unified_intelligence.factories.space_factory import redaction, secret_values, space_host, space_visitor
    from unified_intelligence.spaces.deployer import Deployer
    from unified_intelligence.spaces.rehearsal import patience_of_rehearsal

    spec, environment = versions.first.spec, versions.environment
    host = space_host(environment)
    return Deployer(
        host,
        space_visitor(host, environment),
        secrets=secret_values(spec, environment),
        hear=output.note,
        redact=redaction(spec, environment),
        patience=patience_of_rehearsal(spec),
    )


def _wait(output: Output, url: str, address: str) -> None:
    import threading

    output.line(f"HF_ENDPOINT={url}")
    output.note(f"It answers at {address}. Ctrl-C ends it.")
    threading.Event().wait()


def _pairs(given: list[str] | tuple[()]) -> dict[str, str]:
    for text in given:
        if "=" not in text:
            raise InvalidRequestError(f"--set wants NAME=VALUE, not {text!r}.")
    return {name: value for name, _, value in (text.partition("=") for text in given)}
