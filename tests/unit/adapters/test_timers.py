"""The watch ends the await that lasts too long, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from unified_intelligence.adapters.timers import Timers, Watch
from unified_intelligence.entities.errors import ConfigurationError, TimedOutError

LONG = 30.0


def watched(timers: Timers, play: Callable[[Watch], Awaitable[object]]) -> object:
    async def run() -> object:
        watch = Watch(timers, asyncio.get_running_loop().time() + timers.total, "http://h/v1")
        try:
            return await play(watch)
        finally:
            watch.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("which", "timers", "told"),
    [
        ("first_token", Timers(first_token=0.05), ("first token", 0.05, "first_token_timeout 0.1")),
        ("idle", Timers(idle=0.05), ("idle", 0.05, "idle_timeout 0.1")),
        ("idle", Timers(total=0.05), ("total", 0.05, "-o timeout 0.1")),
    ],
)
def test_the_timer_that_ran_out_is_named(which: str, timers: Timers, told: tuple[str, float, str]) -> None:
    async def play(watch: Watch) -> None:
        watch.begin(which, getattr(timers, which))
        await watch.within(asyncio.sleep(LONG))

    with pytest.raises(TimedOutError) as late:
        watched(timers, play)
    assert (late.value.which, late.value.seconds) == told[:2]
    assert told[2] in late.value.hint


def test_time_between_two_awaits_is_the_callers() -> None:
    async def play(watch: Watch) -> str:
        for _ in range(3):
            watch.begin("idle", 0.2)
            assert await watch.within(asyncio.sleep(0.01, "é")) == "é"
            await asyncio.sleep(0.3)
        return "done"

    assert watched(Timers(idle=0.2), play) == "done"


def test_awaits_share_a_timer_until_it_is_begun_again() -> None:
    async def play(watch: Watch) -> None:
        watch.begin("idle", 0.2)
        for _ in range(20):
            await watch.within(asyncio.sleep(0.03))

    with pytest.raises(TimedOutError):
        watched(Timers(idle=0.2), play)


def test_a_task_that_somebody_cancels_is_cancelled() -> None:
    async def play(watch: Watch) -> None:
        watch.begin("idle", LONG)
        task = asyncio.ensure_future(watch.within(asyncio.sleep(LONG)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    watched(Timers(), play)


def test_a_task_goes_on_after_a_timer_ran_out() -> None:
    async def play(watch: Watch) -> str:
        watch.begin("idle", 0.02)
        with pytest.raises(TimedOutError):
            await watch.within(asyncio.sleep(LONG))
        return await asyncio.sleep(0.01, "still here")

    assert watched(Timers(), play) == "still here"


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("inf"), float("nan")])
def test_a_timer_is_a_positive_number(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="first_token_timeout"):
        Timers(first_token=seconds)
