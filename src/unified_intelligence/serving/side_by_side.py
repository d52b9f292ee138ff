"""Several answers at once, told apart by their number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import StreamInterruptedError
from unified_intelligence.entities.generation import Collector, Finished, Generation

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import Event

_MOST_WAITING = 32  # events a slow client may be behind; then the answers wait

Answers = Sequence[AsyncGenerator["Event"]]
_Queue = asyncio.Queue["tuple[int, Event] | Exception | None"]


async def side_by_side(answers: Answers) -> AsyncGenerator[tuple[int, Event]]:
    """The events of all answers as they come, each with the number of its answer.

    The first failure ends all of them. Raises StreamInterruptedError for an answer that has no end.
    """
    if len(answers) == 1:
        event = None
        async with aclosing(answers[0]) as only:
            async for event in only:
                yield 0, event
        _check_end(event)
        return
    queue: _Queue = asyncio.Queue(_MOST_WAITING)
    tasks = [asyncio.create_task(_pass_on(index, answer, queue)) for index, answer in enumerate(answers)]
    try:
        running = len(tasks)
        while running:
            item = await queue.get()
            if isinstance(item, Exception):
                raise item
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def gathered(answers: Answers) -> list[Generation]:
    """The answers, complete."""
    collectors = [Collector() for _ in answers]
    async with aclosing(side_by_side(answers)) as events:
        async for index, event in events:
            collectors[index].add(event)
    return [collector.generation() for collector in collectors]


async def _pass_on(index: int, answer: AsyncGenerator[Event], queue: _Queue) -> None:
    event = None
    try:
        async with aclosing(answer):
            async for event in answer:
                await queue.put((index, event))
        _check_end(event)
    except Exception as error:  # noqa: BLE001 - raised again where the events are read
        await queue.put(error)
    else:
        await queue.put(None)


def _check_end(last: Event | None) -> None:
    if not isinstance(last, Finished):
        raise StreamInterruptedError("The answer stopped before its end.")
