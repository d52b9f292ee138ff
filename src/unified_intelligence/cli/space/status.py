"""`uic space status`: how a Space is, and what drifted since it was found good."""

from __future__ import annotations

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags

app = new_app()


@app.command(cls=LightCommand)
def status(context: typer.Context, name: flags.Name = None, owner: flags.Owner = None, json: flags.Json = None) -> int:
    """Hold the Space against its last good version. Exit 0 where they agree, 15 where something drifted."""
    from unified_intelligence.cli.space.found import show_status
    from unified_intelligence.cli.space.operating import operated, waited_for
    from unified_intelligence.factories.space_factory import space_visitor
    from unified_intelligence.spaces.status import status_of

    output: Output = context.obj
    space = operated(name, owner, output)
    found = waited_for(status_of(space.host, space_visitor(space.host, output.environment), space.spec))
    show_status(output, found, as_json=bool(json))
    return flags.DIFFERS if found.drifts else 0
