"""The wait for a commit, on a host that says what a script has: what is ours, what is not, and what it bears."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from unified_intelligence.entities.errors import (
    AuthenticationError,
    ServerBusyError,
    SpacePausedError,
    StalePlanError,
    VerificationError,
)
from unified_intelligence.entities.space import LogKind, NewCommit, SpaceInfo, SpaceRuntime
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.spaces.log_tail import LogTail
from unified_intelligence.spaces.patience import Patience
from unified_intelligence.spaces.running import REMEDIES, Wait

OLD, NEW = "a" * 40, "b" * 40
QUICK = Patience(poll=0.01, longest_poll=0.02, settling=0.2, unmoved=0.3, starting=0.5)


class Scripted(ISpaceHost):
    """Says each stage of the script once, then the last for ever. An error among them is raised."""

    def __init__(self, *script: tuple[str, str | None] | Exception) -> None:
        self.script = list(script)
        self.done: list[str] = []
        self.newest = NEW

    def info(self, space: str) -> SpaceInfo:
        return SpaceInfo(space, self.newest)

    def runtime(self, space: str) -> SpaceRuntime:
        told = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(told, Exception):
            raise told
        return SpaceRuntime(told[0], sha=told[1])

    def restart(self, space: str, *, factory: bool = False) -> None:
        self.done.append("factory" if factory else "restart")

    def commit(self, space: str, new: NewCommit) -> str:
        assert new.parent == self.newest
        self.done.append(new.summary)
        self.newest = str(len(self.done)) * 40
        return self.newest

    def logs(self, space: str, kind: LogKind = "run", *, follow: bool = False) -> Iterator[str]:
        yield from ()


Scripted.__abstractmethods__ = frozenset()


def waited(*script: tuple[str, str | None] | Exception, patience: Patience = QUICK) -> tuple[Wait, Any]:
    host = cast("Any", Scripted)(*script)
    wait = Wait(host, "anne/x", NEW, patience, lambda _: None, LogTail(host, "anne/x", lambda _: None))
    return wait, host


def test_running_of_the_old_version_is_not_believed() -> None:
    wait, host = waited(("RUNNING", OLD), ("RUNNING_BUILDING", OLD), ("RUNNING_APP_STARTING", OLD), ("RUNNING", NEW))
    asyncio.run(wait.until_running())
    assert [seen.stage for seen in wait.seen] == ["RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING", "RUNNING"]
    assert host.done == []


def test_a_host_that_does_not_tell_the_commit_is_not_believed_either() -> None:
    wait, host = waited(("RUNNING", None))
    with pytest.raises(VerificationError, match="commit not told") as failed:
        asyncio.run(wait.until_running())
    assert wait.remedies == list(REMEDIES)
    assert host.done == ["restart", "factory", "Build again", "Build again"]
    assert wait.commit == host.newest
    assert failed.value.check == "runtime"


def test_a_failure_that_the_host_names_as_ours_ends_the_wait_at_once() -> None:
    wait, host = waited(("BUILDING", OLD), ("BUILD_ERROR", NEW))
    started = time.monotonic()
    with pytest.raises(VerificationError, match="BUILD_ERROR"):
        asyncio.run(wait.until_running())
    assert time.monotonic() - started < QUICK.settling + 5
    assert host.done == []


def test_a_failure_of_an_older_build_is_waited_through() -> None:
    wait, host = waited(("BUILDING", OLD), ("BUILD_ERROR", OLD), ("BUILDING", OLD), ("RUNNING", NEW))
    asyncio.run(wait.until_running())
    assert host.done == []


def test_a_failure_that_stays_is_ours_whatever_commit_the_host_tells() -> None:
    wait, host = waited(("BUILDING", OLD), ("BUILD_ERROR", OLD))
    with pytest.raises(VerificationError, match="BUILD_ERROR"):
        asyncio.run(wait.until_running())
    assert host.done == []


def test_a_space_that_goes_to_and_fro_is_not_waited_for_for_ever() -> None:
    flapping = [("BUILDING", OLD), ("APP_STARTING", OLD)] * 2000
    wait, host = waited(*flapping, patience=replace(QUICK, starting=0.15, unmoved=0.05))
    with pytest.raises(VerificationError, match="it has not come to run"):
        asyncio.run(wait.until_running())
    assert host.done[:2] == ["restart", "factory"]


def test_a_host_that_is_away_for_a_while_is_endured_and_one_that_refuses_is_not() -> None:
    wait, _ = waited(ServerBusyError("503"), ("BUILDING", OLD), ServerBusyError("503"), ("RUNNING", NEW))
    asyncio.run(wait.until_running())
    refused, _ = waited(AuthenticationError("401"))
    with pytest.raises(AuthenticationError):
        asyncio.run(refused.until_running())


def test_a_commit_of_somebody_else_ends_the_wait() -> None:
    wait, host = waited(("RUNNING", OLD))
    host.newest = "c" * 40
    with pytest.raises(StalePlanError, match="somebody else deployed"):
        asyncio.run(wait.until_running())


def test_paused_is_believed_when_it_stays() -> None:
    wait, _ = waited(("PAUSED", OLD), ("BUILDING", OLD), ("RUNNING", NEW))
    asyncio.run(wait.until_running())
    paused, host = waited(("PAUSED", NEW))
    with pytest.raises(SpacePausedError):
        asyncio.run(paused.until_running())
    assert host.done == []


def test_a_stage_that_nobody_has_heard_of_is_waited_through() -> None:
    wait, _ = waited(("UNAVAILABLE", None), ("SLEEPING", OLD), ("RUNNING", NEW))
    asyncio.run(wait.until_running())
