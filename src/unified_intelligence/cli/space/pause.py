"""`uic space pause`: stops a Space; nothing is billed until it is woken."""

from __future__ import annotations

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags

app = new_app()


@app.command(cls=LightCommand)
def pause(context: typer.Context, name: flags.Name = None, owner: flags.Owner = None) -> int:
    """Stop it. Visitors find it paused, and nothing is billed, until uic space wake."""
    from unified_intelligence.cli.space.operating import operated

    output: Output = context.obj
    space = operated(name, owner, output)
    space.host.pause(space.spec.id)
    output.line(f"{space.spec.id} is paused. Start it: uic space wake {name or ''}".rstrip())
    return 0
