"""`uic space deploy`: plan, apply and verify in one go, and back to the last good version if the new one fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags

if TYPE_CHECKING:
    from unified_intelligence.spaces.deployer import Deployed

app = new_app()


@app.command(cls=LightCommand)
def deploy(
    context: typer.Context,
    name: flags.Name = None,
    owner: flags.Owner = None,
    adopt: flags.Adopt = None,
    yes: flags.Yes = None,
    json: flags.Json = None,
) -> int:
    """Make a plan, ask, carry it out, and prove that what runs is what was deployed.

    With rollout.strategy candidate in the spec, it is proven in ID-candidate first. Exit 13 where a check failed:
    with rollout.auto_rollback the last good version then runs again; 14 where that does not run either.
    """
    from unified_intelligence.cli.space.apply import ask_to_apply
    from unified_intelligence.cli.space.opening import opened
    from unified_intelligence.cli.space.operating import deployer_of, reported, waited_for
    from unified_intelligence.cli.space.plan_text import PlanText

    output: Output = context.obj
    space = opened(name, owner, output)
    deployer = deployer_of(space.spec, space.host, output, "deploy")

    async def work() -> Deployed:
        deployer.check_suite(space.spec)
        made = await deployer.plan(space.rendered, adopt=bool(adopt))
        if not json:
            for line in PlanText(colours=output.stdout_colours).lines(made):
                output.line(line)
        if not made.is_empty and not yes:
            ask_to_apply(output, name, "deploy")
        return await deployer.deploy(space.rendered, made)

    with reported(deployer, output):
        good = waited_for(work())
    if json:
        output.json(good.as_json(), indented=True)
    else:
        output.line(f"{good.space} runs what was deployed: commit {good.sha[:12]}, {good.tag}, {good.url}")
    return 0
