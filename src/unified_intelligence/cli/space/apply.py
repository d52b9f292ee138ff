"""`uic space apply`: changes on the Hub what the plan says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from unified_intelligence.cli.command import LightCommand, new_app
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.space import flags
from unified_intelligence.entities.errors import ConfigurationError, UnifiedIntelligenceError

if TYPE_CHECKING:
    from unified_intelligence.spaces.actions import Action

app = new_app()


@app.command(cls=LightCommand)
def apply(
    context: typer.Context,
    name: flags.Name = None,
    owner: flags.Owner = None,
    adopt: flags.Adopt = None,
    secrets: flags.Secrets = None,
    yes: flags.Yes = None,
    json: flags.Json = None,
) -> int:
    """Make a plan, show it, ask, and carry it out. Interrupted, it goes on where it was when it is run again."""
    from unified_intelligence.cli.space.opening import opened
    from unified_intelligence.cli.space.plan_text import PlanText
    from unified_intelligence.spaces.apply import apply as carry_out
    from unified_intelligence.spaces.plan import make_plan

    output: Output = context.obj
    space = opened(name, owner, output)
    made = make_plan(space.host, space.rendered, space.secrets, adopt=bool(adopt), resend=bool(secrets))
    if not json:
        for line in PlanText(colours=output.stdout_colours).lines(made):
            output.line(line)
    if not made.is_empty and not yes:
        ask_to_apply(output, name)

    with told_as_done(output, len(made.actions)) as done:
        applied = carry_out(space.host, made, space.rendered, space.secrets, done=done)
    if json:
        output.json(applied.as_json(), indented=True)
    elif applied.actions:
        output.line(
            f"{applied.space} is at {applied.sha[:12]}. Is it what runs? uic space verify {name or ''}".rstrip()
        )
    return 0


@contextmanager
def told_as_done(output: Output, actions: int) -> Generator[Callable[[Action], None]]:
    """Tells each action that is done; and where it ends before the last one, that nothing of it is lost."""
    count = 0

    def done(action: Action) -> None:
        nonlocal count
        count += 1
        output.note(f"done: {action.told()}")

    try:
        yield done
    except (KeyboardInterrupt, UnifiedIntelligenceError):
        if count:
            output.note(f"{count} of {actions} done. The same command again does the rest.")
        raise


def ask_to_apply(output: Output, name: str | None, verb: str = "apply") -> None:
    """Raises ConfigurationError unless somebody says yes."""
    if sys.stdin is None or not sys.stdin.isatty():  # pyright: ignore[reportUnnecessaryComparison] closed: `<&-`
        raise ConfigurationError(
            "Nobody is there to ask whether to apply this plan.",
            hint=f"Nothing was changed. In a script: uic space {verb} {name or ''} --yes".replace("  ", " "),
        )
    output.aside("Apply it? [y/N] ")
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise ConfigurationError("Not applied.", hint="Nothing was changed.")
