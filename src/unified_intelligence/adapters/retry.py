"""The one layer that tries again: before an answer has begun, never sooner than the server asks, within a budget.

Waits are drawn at random up to a bound that doubles, so that many callers do not come back together. The budget keeps
callers of a dead server from multiplying what it has to refuse.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from unified_intelligence.entities.errors import ProtocolError, ProviderError, UnifiedIntelligenceError
from unified_intelligence.entities.generation import Event, Notice

LONGEST_ASKED = 120.0  # seconds; a server that asks for more is not waited for


@dataclass(slots=True)
class Budget:
    """Tries left beyond the first ones: each call adds a tenth, so that on the whole one in ten is tried again."""

    left: float = 10.0
    most: float = 10.0
    per_call: float = 0.1

    def add_call(self) -> None:
        self.left = min(self.most, self.left + self.per_call)

    def take(self) -> bool:
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """`most` further tries; `first` and `longest` bound the wait before them, in seconds."""

    most: int = 3
    first: float = 0.5
    longest: float = 8.0
    draw: Callable[[float, float], float] = random.uniform

    def wait(self, error: UnifiedIntelligenceError, tried: int) -> float | None:
        """Seconds until the next try; None if there is none. `tried` counts the tries so far."""
        if tried > (min(self.most, 1) if isinstance(error, ProtocolError) and error.passing else self.most):
            return None
        if not (error.retryable or (isinstance(error, ProtocolError) and error.passing)):
            return None
        asked = error.retry_after if isinstance(error, ProviderError) else None
        if asked is not None and asked > LONGEST_ASKED:
            return None
        drawn = self.draw(0, min(self.longest, self.first * 2 ** (tried - 1)))
        return drawn if asked is None else asked + drawn / 4


async def retried(
    attempt: Callable[[], AsyncIterator[Event]], retries: Retries, budget: Budget, deadline: float
) -> AsyncGenerator[Event]:
    """The events of the first try that begins to answer. `deadline` is on the running loop's clock.

    Before each wait a Notice says why. Raises what the last try raised.
    """
    tried = 0
    budget.add_call()
    while True:
        started = False
        tried += 1
        try:
            async with aclosing(cast("AsyncGenerator[Event]", attempt())) as events:
                async for event in events:
                    started = started or not isinstance(event, Notice)
                    yield event
        except UnifiedIntelligenceError as error:
            wait = None if started else retries.wait(error, tried)
            late = wait is not None and asyncio.get_running_loop().time() + wait >= deadline
            if wait is None or late or not budget.take():
                raise
            failure = error
        else:
            return
        yield Notice(f"{failure.message} Next try in {wait:.1f} s.")
        await asyncio.sleep(wait)
