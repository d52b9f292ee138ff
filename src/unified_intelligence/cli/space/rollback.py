"""`uic space rollback`: back to a version that was good."""

from __future__ import annotations

from typing import Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags

app = new_app()


@app.command(cls=LightCommand)
def rollback(
    context: typer.Context,
    name: flags.Name = None,
    owner: flags.Owner = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="TAG", help="which good version, such as uic-good-3 [the last before this one]"),
    ] = None,
    json: flags.Json = None,
) -> int:
    """Put back the files and settings of a good version in one commit, and verify that it runs.

    Exit 14 where it does not run either: hardware that costs money is paused then, and nothing more is tried.
    """
    from unified_intelligence.cli.space.found import show_rollback
    from unified_intelligence.cli.space.operating import deployer_of, operated, reported, waited_for

    output: Output = context.obj
    space = operated(name, owner, output)
    deployer = deployer_of(space.spec, space.host, output, "rollback")
    with reported(deployer, output):
        back = waited_for(deployer.rollback(space.spec, to or ""))
    show_rollback(output, back, as_json=bool(json))
    return 0
