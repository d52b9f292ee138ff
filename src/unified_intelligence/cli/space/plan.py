"""`uic space plan`: what would be changed on the Hub."""

from __future__ import annotations

from typing import Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags

app = new_app()


@app.command(cls=LightCommand)
def plan(
    context: typer.Context,
    name: flags.Name = None,
    owner: flags.Owner = None,
    adopt: flags.Adopt = None,
    secrets: flags.Secrets = None,
    diff: Annotated[bool | None, typer.Option("--diff", help="also the changed lines of each file")] = None,
    json: flags.Json = None,
) -> int:
    """What an apply would change. Nothing is changed. Exit 0 where there is nothing to do, 15 where there is."""
    from unified_intelligence.cli.space.opening import opened
    from unified_intelligence.cli.space.plan_text import PlanText
    from unified_intelligence.spaces.plan import make_plan

    output: Output = context.obj
    space = opened(name, owner, output)
    made = make_plan(space.host, space.rendered, space.secrets, adopt=bool(adopt), resend=bool(secrets))
    words = PlanText(colours=output.stdout_colours and not json)
    if json:
        told = made.as_json()
        if diff:
            told["diff"] = list(words.diff(made, space.host, space.rendered))
        output.json(told, indented=True)
    else:
        for line in words.lines(made):
            output.line(line)
        if diff:
            for line in words.diff(made, space.host, space.rendered):
                output.line(line)
        if not made.is_empty:
            output.note(f"Do it: uic space apply {name or ''}".rstrip())
    return 0 if made.is_empty else flags.DIFFERS
