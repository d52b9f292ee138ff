"""When another try is made, after how long, and when not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from unified_intelligence.adapters.retry import Batch, RetryBudget, RetryPolicy, retried
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConnectionFailedError,
    ProtocolError,
    RateLimitedError,
    ServerBusyError,
    SpaceStartingError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Event, Finished, Notice, TextDelta

WHOLE: Batch = [TextDelta("Ça va 🙂"), Finished("stop")]


class World:
    """A clock that moves only by waiting. Draws take the given share of what could be drawn."""

    def __init__(self, share: float = 1.0, *, retries: int = 3, deadline: float = 1000.0) -> None:
        self.now, self.waits, self.tries, self.share = 0.0, list[float](), 0, share
        self.budget = RetryBudget()
        self.policy = RetryPolicy(
            deadline, retries, self.budget, draw=self.draw, sleep=self.sleep, clock=lambda: self.now
        )  # fmt: skip

    def draw(self, low: float, high: float) -> float:
        return low + self.share * (high - low)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def play(self, *outcomes: UnifiedIntelligenceError | Batch, before: Batch = ()) -> list[Event]:
        """The events of a call whose tries come out so, the last of them over and over, each after the same events."""

        async def attempt() -> AsyncGenerator[Batch, None]:
            outcome = outcomes[min(self.tries, len(outcomes) - 1)]
            self.tries += 1
            if before:
                yield before
            if isinstance(outcome, UnifiedIntelligenceError):
                raise outcome
            yield outcome

        async def run() -> list[Event]:
            async with aclosing(retried(attempt, self.policy)) as batches:
                return [event async for batch in batches for event in batch]

        return asyncio.run(run())


def test_a_failure_that_passes_is_told_and_tried_again() -> None:
    world = World()
    events = world.play(ServerBusyError("Occupé."), ConnectionFailedError("Coupé."), WHOLE)
    assert events == [Notice("Occupé; next try in 0.5 s"), Notice("Coupé; next try in 1.0 s"), *WHOLE]
    assert world.waits == [0.5, 1.0]


def test_waits_double_up_to_their_bound_and_are_drawn_from_zero() -> None:
    world = World(retries=7)
    with pytest.raises(ServerBusyError):
        world.play(ServerBusyError("x"))
    assert world.waits == [0.5, 1, 2, 4, 8, 8, 8]
    assert world.tries == 8
    shortest = World(0.0)
    with pytest.raises(ServerBusyError):
        shortest.play(ServerBusyError("x"))
    assert shortest.waits == [0, 0, 0]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_what_the_server_asks_is_never_undercut(share: float) -> None:
    world = World(share)
    world.play(RateLimitedError("x", retry_after=30.0), WHOLE)
    assert world.waits == [30.0 + share * 0.5]


@pytest.mark.parametrize(("asked", "deadline"), [(121.0, 1000.0), (3600.0, 1e6), (30.0, 20.0)])
def test_too_long_a_wait_is_told_at_once(asked: float, deadline: float) -> None:
    world = World(deadline=deadline)
    with pytest.raises(RateLimitedError):
        world.play(RateLimitedError("x", retry_after=asked), WHOLE)
    assert world.waits == []


def test_no_try_begins_after_the_deadline() -> None:
    world = World(deadline=2.0, retries=100)
    with pytest.raises(ServerBusyError):
        world.play(ServerBusyError("x"))
    assert world.waits == [0.5, 1.0]


def test_what_another_try_cannot_help_is_raised_at_once() -> None:
    for error in (AuthenticationError("x"), SpaceStartingError("x", waited=300.0), ProtocolError("x")):
        world = World()
        with pytest.raises(type(error)):
            world.play(error, WHOLE)
        assert world.tries == 1


def test_nonsense_is_asked_for_once_more() -> None:
    world = World()
    with pytest.raises(ProtocolError):
        world.play(ProtocolError("x", passing=True))
    assert world.tries == 2
    assert World().play(ProtocolError("x", passing=True), ServerBusyError("y"), WHOLE)[-2:] == WHOLE


def test_nothing_is_tried_again_after_the_first_word() -> None:
    world = World()
    with pytest.raises(ConnectionFailedError):
        world.play(ConnectionFailedError("x"), WHOLE, before=[TextDelta("Ça")])
    assert world.tries == 1


def test_a_notice_is_no_word() -> None:
    world = World()
    notice = Notice("waking up")
    events = world.play(ServerBusyError("x."), WHOLE, before=[notice])
    assert events == [notice, Notice("x; next try in 0.5 s"), notice, *WHOLE]


def test_many_calls_on_a_dead_server_send_little_more_than_one_request_each() -> None:
    world = World(0.0)
    for _ in range(1000):
        with pytest.raises(ServerBusyError):
            world.play(ServerBusyError("x"))
    assert 1000 < world.tries <= 1200


def test_answers_fill_the_budget_again() -> None:
    world = World(0.0)
    while world.budget.take():
        pass
    with pytest.raises(ServerBusyError):
        world.play(ServerBusyError("x"), WHOLE)
    world.play(WHOLE)
    world.tries = 0
    assert world.play(ServerBusyError("x"), WHOLE)[-2:] == WHOLE
