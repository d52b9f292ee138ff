"""`uic space`: the commands that deploy Spaces. Each is in a module of its own, imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unified_intelligence.cli.command import Entry, LateGroup, new_app
from unified_intelligence.entities.errors import MissingDependencyError
from unified_intelligence.factories.space_factory import EXTRA, WHAT

if TYPE_CHECKING:
    from typer._click import Context  # pyright: ignore[reportPrivateUsage] methods are typed with them

LIBRARIES = frozenset({"huggingface_hub", "pydantic", "yaml"})
_ROOM = "unified_intelligence.cli.space"
COMMANDS: Mapping[str, Entry] = {
    "init": Entry(f"{_ROOM}.init", "write a space.yaml to begin with"),
    "validate": Entry(f"{_ROOM}.validate", "check a spec and its files, without the Hub"),
    "show": Entry(f"{_ROOM}.show", "what a spec says, and what would be on the Hub"),
    "plan": Entry(f"{_ROOM}.plan", "what would be changed on the Hub: exit 0 for nothing, 15 for changes"),
    "apply": Entry(f"{_ROOM}.apply", "change it"),
    "verify": Entry(f"{_ROOM}.verify", "prove that what runs is what was deployed, and answers as it must"),
    "deploy": Entry(f"{_ROOM}.deploy", "plan, apply and verify; back to the last good version if that fails"),
    "rollback": Entry(f"{_ROOM}.rollback", "back to a version that was good, and verify it"),
    "status": Entry(f"{_ROOM}.status", "what drifted since it was found good: exit 0 for nothing, 15 for drift"),
    "logs": Entry(f"{_ROOM}.logs", "what it says; -f goes on"),
    "pause": Entry(f"{_ROOM}.pause", "stop it, and its bill"),
    "wake": Entry(f"{_ROOM}.wake", "start it, and wait until it runs"),
    "cost": Entry(f"{_ROOM}.cost", "what it costs, from a dated table"),
    "summary": Entry(f"{_ROOM}.summary", "all Spaces, their costs and what was measured, as a document"),
    "rehearse": Entry(f"{_ROOM}.rehearse", "deploy to a Hub on this machine, and see it go well or wrong"),
    "simulate": Entry(f"{_ROOM}.simulate", "a Hub on this machine, to try all this on"),
}


class SpaceGroup(LateGroup):
    table = COMMANDS

    def invoke(self, ctx: Context) -> Any:
        """The libraries of the extra are imported by the commands; one that is missing is told here, for all."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in LIBRARIES:
                raise
            raise MissingDependencyError(WHAT, error.name or "", EXTRA) from error


app = new_app()


@app.callback(cls=SpaceGroup)
def space() -> None:
    """Deploy Spaces from a space.yaml, and know that what runs is what was deployed.

    NAME is a folder in hf_spaces/, or a path of a spec. The Hub is asked with HF_TOKEN, or as `hf auth login` left it.
    """
