"""`uic space simulate`: a Hub on this machine, for as long as the command runs."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unified_intelligence.cli.command import LightCommand
from unified_intelligence.cli.command import new_app as new_command
from unified_intelligence.cli.output import Output
from unified_intelligence.entities.errors import ConfigurationError

if TYPE_CHECKING:
    from unified_intelligence.spaces.simulator.faults import Faults

app = new_command()
_HIGHEST_PORT = 65535


@app.command(cls=LightCommand)
def simulate(
    context: typer.Context,
    folder: Annotated[
        str | None, typer.Option("--folder", metavar="FOLDER", help="where everything is kept [nowhere]")
    ] = None,
    port: Annotated[str | None, typer.Option("--port", metavar="N", help="0 takes a free one [0]")] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="NAME", help="the account that every token is of [local]")
    ] = None,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="NAME", help="what it does wrong; may be repeated [nothing]")
    ] = None,
    faults: Annotated[bool | None, typer.Option("--faults", help="list what it can do wrong")] = None,
) -> int:
    """Serve the routes of the Hub that deploying Spaces needs, and run what is deployed, on this machine only.

    It prints HF_ENDPOINT: with that in their environment, huggingface_hub, gradio_client, hf and uic talk to it, with
    any token. Docker images are not built and nothing is installed: apps run with this Python.
    """
    output: Output = context.obj
    from unified_intelligence.spaces.simulator.faults import FAULTS, Faults, read_fault

    if faults:
        for name, summary in FAULTS.items():
            output.line(f"{name:17} {summary}")
        return 0
    chosen = Faults([read_fault(text) for text in fault or ()])
    _serve(output, folder or "", _port(port), owner or "local", chosen)
    return 0


def _serve(output: Output, folder: str, port: int, owner: str, faults: Faults) -> None:
    """Without a folder in one that is gone afterwards."""
    from unified_intelligence.spaces.simulator.hub import Hub
    from unified_intelligence.spaces.simulator.server import end_in_order, new_app, serve

    end_in_order()
    with nullcontext(folder) if folder else tempfile.TemporaryDirectory(prefix="uic-hub-") as where:
        hub = Hub(Path(where), owner=owner, faults=faults)

        def announce(url: str) -> None:
            kept = f"kept in {folder}" if folder else "gone when it ends: --folder keeps it"
            output.line(f"HF_ENDPOINT={url}")
            output.note(f"A local Hub: {url} shows its Spaces, what is deployed is {kept}. Ctrl-C ends it.")

        try:
            serve(new_app(hub, output.environment.variables), port, announce)
        finally:
            hub.close()


def _port(given: str | None) -> int:
    text = given or "0"
    if not (text.isascii() and text.isdigit() and int(text) <= _HIGHEST_PORT):
        raise ConfigurationError(f"--port is a number from 0 to {_HIGHEST_PORT}, not {text!r}.")
    return int(text)
