"""`uic space logs`: what a Space says while it runs, or said while it was built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags

if TYPE_CHECKING:
    from unified_intelligence.entities.space import LogKind

app = new_app()


@app.command(cls=LightCommand)
def logs(
    context: typer.Context,
    name: flags.Name = None,
    owner: flags.Owner = None,
    follow: Annotated[bool | None, typer.Option("--follow", "-f", help="go on until Ctrl-C")] = None,
    build: Annotated[bool | None, typer.Option("--build", help="of the build, not of the app")] = None,
) -> int:
    """The log on stdout, secrets of the spec taken out."""
    import threading

    from unified_intelligence.cli.space.operating import operated
    from unified_intelligence.cli.terminal import harmless
    from unified_intelligence.factories.space_factory import redaction
    from unified_intelligence.spaces.log_tail import followed

    output: Output = context.obj
    space = operated(name, owner, output)
    redact = redaction(space.spec, output.environment)
    kind: LogKind = "build" if build else "run"
    lines = (
        followed(space.host, space.spec.id, kind, threading.Event()) if follow else space.host.logs(space.spec.id, kind)
    )
    for line in lines:
        text = redact(line)
        output.line(harmless(text) if output.stdout_is_terminal else text)
    return 0
