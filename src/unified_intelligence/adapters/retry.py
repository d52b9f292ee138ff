"""The one layer that tries again. It reads streams of events, and tries again only while nothing was said.

A wait is drawn between nothing and a bound that doubles (full jitter), on top of what the server asked for. A budget
shared by all calls of an adapter keeps many callers from multiplying the load of a server that is down.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeVar

from unified_intelligence.entities.errors import (
    ProtocolError,
    ProviderError,
    SpaceStartingError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Event, Notice

LONGEST_ASKED = 120.0  # seconds a server may ask to wait; beyond them the caller is told at once
_FIRST, _LONGEST = 0.5, 8.0
_MOST_TOKENS = 50.0

Batch = Sequence[Event]
"""The events of one read from the network: passed on together, because most reads bring several."""

T = TypeVar("T")


class RetryBudget:
    """Tokens: a try again takes one, a first try brings a tenth, an answer a whole one, up to 50."""

    def __init__(self) -> None:
        self._left = _MOST_TOKENS

    def put(self, tokens: float) -> None:
        self._left = min(_MOST_TOKENS, self._left + tokens)

    def take(self) -> bool:
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retries` are further tries after the first; none begins after `deadline`, a moment of `clock` in seconds."""

    deadline: float
    retries: int = 3
    budget: RetryBudget = field(default_factory=RetryBudget)
    draw: Callable[[float, float], float] = random.uniform
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic

    def wait_after(self, error: UnifiedIntelligenceError, tries: int, unreadable: int) -> float | None:
        """Seconds until the next try; None if there is none. `unreadable` of the `tries` were passing nonsense."""
        if tries > self.retries or not _may_help(error, unreadable):
            return None
        asked = (error.retry_after if isinstance(error, ProviderError) else None) or 0.0
        wait = asked + self.draw(0.0, min(_LONGEST, _FIRST * 2 ** (tries - 1)))
        if asked > LONGEST_ASKED or self.clock() + wait >= self.deadline or not self.budget.take():
            return None
        return wait


async def retried(
    attempt: Callable[[], AsyncGenerator[Sequence[T], None]], policy: RetryPolicy
) -> AsyncGenerator[Sequence[T | Notice], None]:
    """What the first try says that answers. Before each wait a Notice says why. Raises the last try's error."""
    tries = unreadable = 0
    policy.budget.put(0.1)
    while True:
        tries += 1
        begun = False
        try:
            async with aclosing(attempt()) as batches:
                async for batch in batches:
                    begun = begun or not all(isinstance(event, Notice) for event in batch)
                    yield batch
        except UnifiedIntelligenceError as error:
            unreadable += isinstance(error, ProtocolError)
            wait = None if begun else policy.wait_after(error, tries, unreadable)
            if wait is None:
                raise
            why = error.message
        else:
            policy.budget.put(1)
            return
        yield [Notice(f"{why.rstrip('.')}; next try in {wait:.1f} s")]
        await policy.sleep(wait)


def _may_help(error: UnifiedIntelligenceError, unreadable: int) -> bool:
    if isinstance(error, ProtocolError):
        return error.passing and unreadable == 1
    return error.retryable and not (isinstance(error, SpaceStartingError) and error.waited)
