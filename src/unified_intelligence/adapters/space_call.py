"""One call over all its tries, and the wait for a Space that does not run when it is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from unified_intelligence.adapters.space_stage import SpaceStage
from unified_intelligence.entities.errors import (
    ConnectionFailedError,
    NotFoundOrPrivateError,
    ProtocolError,
    ProviderError,
    ServerBusyError,
    ServerFailedError,
    SpacePausedError,
    SpaceStartingError,
)

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import Notice

T = TypeVar("T")
_MAY_BE_ASLEEP = (
    ServerBusyError, ServerFailedError, SpaceStartingError, SpacePausedError, NotFoundOrPrivateError,
    ConnectionFailedError, ProtocolError,
)  # fmt: skip


@dataclass(slots=True)
class Call:
    """When it must end on the loop's clock, and how many seconds it waited for a Space."""

    deadline: float
    waited: float = 0.0

    @classmethod
    def within(cls, seconds: float) -> Call:
        return cls(asyncio.get_running_loop().time() + seconds)


async def once_awake(
    answer: Callable[[], AsyncGenerator[Sequence[T], None]], space: SpaceStage | None, wait: float, call: Call
) -> AsyncGenerator[Sequence[T | Notice], None]:
    """One try, and a second one if the first met a Space that did not run; that is waited for, `wait` seconds
    at most.
    """
    begun = False
    try:
        async with aclosing(answer()) as batches:
            async for batch in batches:
                begun = True
                yield batch
    except _MAY_BE_ASLEEP as error:
        if begun or space is None:
            raise
        failure: ProviderError = error
    else:
        return
    started, waits = time.monotonic() - call.waited, False
    left = max(0.0, call.deadline - asyncio.get_running_loop().time())
    until_running = space.until_running(min(wait, call.waited + left), call.waited, asked=True)
    async with aclosing(until_running) as notices:
        async for notice in notices:
            waits = True
            yield [notice]
            call.waited = time.monotonic() - started
    if not waits:
        raise failure
    async with aclosing(answer()) as batches:
        async for batch in batches:
            yield batch
