"""What a Space is doing, and the stage that the Hub has for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class SpaceState:
    """Commits by what they are doing; empty where none does it. `failed` is a stage, `message` why.

    `shown` is the commit that the Hub tells as the running one, which is not always the one that runs. `slept` is
    the one that sleeps.
    """

    serving: str = ""
    shown: str = ""
    building: str = ""
    starting: str = ""
    failed: str = ""
    message: str = ""
    slept: str = ""
    asleep: bool = False
    paused: bool = False

    @property
    def stage(self) -> str:
        if self.paused:
            return "PAUSED"
        if self.asleep:
            return "SLEEPING"
        running = "RUNNING_" if self.serving else ""
        if self.building:
            return f"{running}BUILDING"
        if self.starting:
            return f"{running}APP_STARTING"
        if self.failed:
            return self.failed
        return "RUNNING" if self.serving else "NO_APP_FILE"

    def begin(self, commit: str, *, build: bool) -> None:
        """A build, or with what is built already only a start."""
        self.building, self.starting = (commit, "") if build else ("", commit)
        self.failed, self.message, self.asleep, self.paused = "", "", False, False

    def serve(self, commit: str, shown: str) -> None:
        self.serving, self.shown, self.building, self.starting = commit, shown, "", ""
        self.failed, self.message, self.asleep, self.paused = "", "", False, False

    def fail(self, stage: str, message: str, commit: str) -> None:
        """Nothing runs any more: the commit that failed is the one that is told of."""
        self.serving, self.shown, self.building, self.starting = "", commit, "", ""
        self.failed, self.message, self.asleep = stage, message, False

    def sleep(self) -> None:
        self.slept = self.serving or self.starting
        self.serving, self.building, self.starting, self.asleep = "", "", "", True

    def woken(self) -> str:
        """The commit that starts again."""
        self.begin(self.slept, build=False)
        return self.slept

    def pause(self) -> None:
        self.serving, self.building, self.starting, self.asleep, self.paused = "", "", "", False, True
