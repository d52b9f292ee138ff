"""`uic space verify`: whether what runs is what was deployed, and does what it must."""

from __future__ import annotations

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags

app = new_app()


@app.command(cls=LightCommand)
def verify(context: typer.Context, name: flags.Name = None, owner: flags.Owner = None, json: flags.Json = None) -> int:
    """Wait until the newest version runs, then ask the app itself: its files, its endpoints, the smoke requests.

    A version that passes is tagged as good. Exit 13 where a check fails; nothing is rolled back.
    """
    from unified_intelligence.cli.space.found import show_verification
    from unified_intelligence.cli.space.operating import deployer_of, operated, reported, waited_for

    output: Output = context.obj
    space = operated(name, owner, output)
    deployer = deployer_of(space.spec, space.host, output, "verify")

    async def work() -> int:
        target = await deployer.deployed(space.spec.id)
        found = await deployer.verify(space.spec, target)
        good = await deployer.keep(space.spec, found)
        show_verification(output, found, good, as_json=bool(json))
        return 0

    with reported(deployer, output):
        return waited_for(work())
