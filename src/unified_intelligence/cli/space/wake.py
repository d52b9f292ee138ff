"""`uic space wake`: starts a Space that is paused or asleep."""

from __future__ import annotations

from typing import Annotated

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags

app = new_app()


@app.command(cls=LightCommand)
def wake(
    context: typer.Context,
    name: flags.Name = None,
    owner: flags.Owner = None,
    no_wait: Annotated[bool | None, typer.Option("--no-wait", help="do not wait until it runs")] = None,
) -> int:
    """Start it, and wait until its newest version runs."""
    from unified_intelligence.cli.space.operating import deployer_of, operated, waited_for
    from unified_intelligence.spaces.verify import RUNTIME, Target

    output: Output = context.obj
    space = operated(name, owner, output)
    space.host.restart(space.spec.id)
    if no_wait:
        output.line(f"{space.spec.id} is starting.")
        return 0
    deployer = deployer_of(space.spec, space.host, output, "wake")
    target = Target(space.spec.id, space.host.info(space.spec.id).sha, "")
    found = waited_for(deployer.verifier.verify(space.spec, target, RUNTIME))
    output.line(f"{space.spec.id} runs commit {found.sha[:12]}: {found.url}")
    return 0
