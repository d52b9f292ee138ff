"""The wait until one commit of a Space runs, and what is tried when it does not.

A host says RUNNING of the old version while it builds the new one, and may go on doing so for days. So the stage counts
only together with the commit that it is of, and the app is asked which files it runs. Whatever stays on the old
version is restarted, then built anew without caches, then built from a new commit of the same files.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from unified_intelligence.entities.errors import (
    ProviderError,
    SpacePausedError,
    StalePlanError,
    UnifiedIntelligenceError,
    VerificationError,
)
from unified_intelligence.entities.space import (
    BUILDING_STAGES,
    STOPPED_STAGES,
    AddFile,
    DeleteFile,
    NewCommit,
    SpaceRuntime,
)
from unified_intelligence.interfaces.daemon_thread import in_daemon_thread
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.spaces.log_tail import Hear, LogTail
from unified_intelligence.spaces.patience import Patience

REMEDIES = ("restart", "factory reboot", "new commit of the same files")
_MARK = ".rebuild"
_SLEEPS = "SLEEPING"


class Seen(NamedTuple):
    """What the host said, and when: `seconds` from the beginning."""

    seconds: float
    stage: str
    sha: str | None


@dataclass(slots=True)
class Wait:
    """A Space, the commit that is to run in it, and what was seen and tried so far. `commit` changes by a remedy.

    `restarts`: it runs already, and is about to be started again with other settings.
    """

    host: ISpaceHost
    space: str
    commit: str
    patience: Patience
    hear: Hear
    log: LogTail
    restarts: bool = False
    seen: list[Seen] = field(default_factory=list[Seen])
    remedies: list[str] = field(default_factory=list[str])
    began: float = field(default_factory=time.monotonic)

    async def until_running(self) -> None:
        """Raises VerificationError for a commit that breaks, and for one that no remedy brings to run.

        StalePlanError if another commit came; SpacePausedError; what the host raises that another try cannot help.
        """
        if self.restarts:
            self.restarts = False
            await self._until_noticed()
        while stuck := await self._moved():
            await self.mend(stuck)

    async def mend(self, why: str, check: str = "runtime") -> None:
        """The next remedy. Raises VerificationError of the `check` that goes on failing when there is none left."""
        if len(self.remedies) == len(REMEDIES):
            raise VerificationError(
                check,
                f"{self.space} does not run commit {self.commit[:12]}: {why} Tried: {', '.join(self.remedies)}.",
                hint="The log is in the report; the host's own page of the Space may say more.",
            )
        remedy = REMEDIES[len(self.remedies)]
        self.remedies.append(remedy)
        self.hear(f"{why} Remedy: {remedy}.")
        match remedy:
            case "restart":
                await in_daemon_thread(lambda: self.host.restart(self.space))
            case "factory reboot":
                await in_daemon_thread(lambda: self.host.restart(self.space, factory=True))
            case _:
                self.commit = await in_daemon_thread(self._commit_again)

    async def check_newest(self) -> None:
        """Raises StalePlanError where the newest commit is not the one that is waited for."""
        try:
            newest = (await in_daemon_thread(lambda: self.host.info(self.space))).sha
        except ProviderError as error:
            self._endure(error)
            return
        if newest != self.commit:
            raise StalePlanError(
                f"{self.space} is at commit {newest[:12]}, not at {self.commit[:12]}: somebody else deployed.",
                hint="See what changed, then deploy again: uic space plan NAME",
            )

    async def look(self) -> SpaceRuntime | None:
        """What the host says now; None while it cannot say."""
        try:
            runtime = await in_daemon_thread(lambda: self.host.runtime(self.space))
        except ProviderError as error:
            self._endure(error)
            return None
        if not self.seen or (runtime.stage, runtime.sha) != self.seen[-1][1:]:
            self.seen.append(Seen(round(self.elapsed, 1), runtime.stage, runtime.sha))
            self.hear(f"stage {runtime.stage}, commit {(runtime.sha or 'not told')[:12]}")
        return runtime

    def _endure(self, error: ProviderError) -> None:
        """A host that is away for a while is no reason to give up what is under way there."""
        if not error.retryable:
            raise error
        self.hear(f"The host cannot say: {error.message}")

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    async def _until_noticed(self) -> None:
        """Waits until the host tells of the restart. Not for long: it may be over before anybody looks."""
        until = time.monotonic() + self.patience.settling
        while time.monotonic() < until:
            runtime = await self.look()
            if runtime is not None and runtime.stage != "RUNNING":
                return
            await pause(self.patience.poll)

    async def _moved(self) -> str:
        """Empty once the commit runs; else why it is not going to without a remedy."""
        began = since = time.monotonic()
        wait, last, ours = self.patience.poll, "", False
        while time.monotonic() - began < self.patience.starting + self.patience.unmoved:
            await self.check_newest()
            runtime = await self.look()
            if runtime is not None:
                is_new = runtime.sha == self.commit
                if is_new and runtime.stage == "RUNNING":
                    return ""
                ours = ours or is_new or runtime.stage in BUILDING_STAGES
                state = f"{runtime.stage} {runtime.sha}"
                if state != last:
                    since, last, wait = time.monotonic(), state, self.patience.poll
                self._judge(runtime, time.monotonic() - since, ours=ours)
                if runtime.stage == _SLEEPS and is_new:
                    return ""  # asking the app wakes it
                if stuck := self._stuck(runtime, time.monotonic() - since):
                    return stuck
            await pause(wait)
            wait = min(self.patience.longest_poll, wait * 1.5)
        return f"In {time.monotonic() - began:.0f} s it has not come to run."

    def _judge(self, runtime: SpaceRuntime, unchanged: float, *, ours: bool) -> None:
        """`ours`: what is broken is the new commit, not what was there before it; at once where the host names it."""
        if runtime.stage in STOPPED_STAGES and unchanged >= self.patience.settling:
            raise SpacePausedError(f"{self.space} is {runtime.stage}.", hint="Start it: uic space wake NAME")
        if runtime.is_broken and ours and (runtime.sha == self.commit or unchanged >= self.patience.settling):
            said = f": {runtime.error_message}" if runtime.error_message else "."
            raise VerificationError(
                "runtime",
                f"{self.space} is in {runtime.stage} with commit {self.commit[:12]}{said}",
                hint="The end of its log says why; it is in the report.",
            )

    def _stuck(self, runtime: SpaceRuntime, unchanged: float) -> str:
        """Why nothing is going to change by itself. What somebody paused is not started as a remedy."""
        is_building = runtime.stage in BUILDING_STAGES
        if runtime.stage in STOPPED_STAGES or unchanged < (
            self.patience.starting if is_building else self.patience.unmoved
        ):
            return ""
        return f"It has been {runtime.stage} with commit {(runtime.sha or 'not told')[:12]} for {unchanged:.0f} s."

    def _commit_again(self) -> str:
        """Two commits whose end is the same tree: the second one is built, and no plan finds anything to do."""
        marked = NewCommit(
            "Build again", (AddFile(_MARK, f"{self.commit}\n".encode()),), self.commit, "The files are the same."
        )
        between = self.host.commit(self.space, marked)
        return self.host.commit(self.space, NewCommit("Build again", (DeleteFile(_MARK),), between))


async def pause(seconds: float) -> None:
    """Lets the others of the event loop go on for so long."""
    import asyncio

    await asyncio.sleep(seconds)


async def retried_until(seconds: float, poll: float, work: Callable[[], Awaitable[object]]) -> object:
    """What `work` gives, tried again while it fails in a way that may pass. Raises its last failure."""
    until = time.monotonic() + seconds
    while True:
        try:
            return await work()
        except UnifiedIntelligenceError as error:
            if time.monotonic() + poll > until or not may_pass(error):
                raise
        await pause(poll)


def may_pass(error: UnifiedIntelligenceError) -> bool:
    """An app that starts is not there yet, or its proxy answers in its place: with 404, or with a page."""
    return isinstance(error, ProviderError) and (error.exit_code == 6 or error.retryable or error.status == 404)
