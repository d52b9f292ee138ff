"""The thread that computes beside the loop: how far it runs ahead, what it hands over, and how it ends."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import aclosing

import pytest

from unified_intelligence.entities.errors import ModelError
from unified_intelligence.entities.generation import Event, TextDelta
from unified_intelligence.interfaces.worker import beside_loop

MANY = 5000


def _until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not true() and time.monotonic() < deadline:
        time.sleep(0.005)
    return true()


class Counting:
    def __init__(self, most: int = MANY, failure: Exception | None = None) -> None:
        self.made, self.closed, self.most, self.failure = 0, False, most, failure

    def events(self) -> Generator[Event, None, None]:
        try:
            while self.made < self.most:
                self.made += 1
                yield TextDelta(f" é{self.made}\u2028🎉")
            if self.failure is not None:
                raise self.failure
        finally:
            self.closed = True


def test_all_that_is_computed_comes_in_its_order() -> None:
    async def told() -> list[Event]:
        return [event async for event in beside_loop(Counting().events())]

    assert asyncio.run(told()) == [TextDelta(f" é{number}\u2028🎉") for number in range(1, MANY + 1)]


def test_what_was_computed_before_a_failure_comes_before_it() -> None:
    failure, told = ModelError("The model broke."), list[Event]()

    async def read() -> None:
        async for event in beside_loop(Counting(7, failure).events()):
            told.append(event)

    with pytest.raises(ModelError) as raised:
        asyncio.run(read())
    assert raised.value is failure
    assert len(told) == 7


def test_a_slow_reader_holds_the_computation_back_and_gets_all_of_it() -> None:
    counting = Counting(200)

    async def read() -> int:
        count = 0
        async with aclosing(beside_loop(counting.events())) as events:
            async for _ in events:
                count += 1
                if count == 1:
                    await asyncio.sleep(0.3)
                    assert counting.made < 100
        return count

    assert asyncio.run(read()) == 200


def test_a_computation_that_is_always_ahead_leaves_the_loop_its_turns() -> None:
    async def read() -> int:
        turns, over = 0, False

        async def turn() -> None:
            nonlocal turns
            while not over:
                turns += 1
                await asyncio.sleep(0)

        turning = asyncio.create_task(turn())
        async for _ in beside_loop(Counting().events()):
            pass
        over = True
        await turning
        return turns

    assert asyncio.run(read()) >= MANY / 64


def test_a_reader_that_leaves_while_the_computation_waits_for_it_lets_it_end() -> None:
    counting, before = Counting(), set(threading.enumerate())

    async def read() -> None:
        async with aclosing(beside_loop(counting.events())) as events:
            await anext(events)
            await asyncio.sleep(0.1)

    asyncio.run(read())
    assert _until(lambda: counting.closed and set(threading.enumerate()) <= before)
    assert counting.made < MANY


def test_a_loop_that_is_closed_under_a_stream_ends_its_thread() -> None:
    counting, before = Counting(), set(threading.enumerate())
    loop = asyncio.new_event_loop()
    events = beside_loop(counting.events())
    loop.run_until_complete(anext(events))
    loop.close()
    assert _until(lambda: counting.closed and set(threading.enumerate()) <= before)
