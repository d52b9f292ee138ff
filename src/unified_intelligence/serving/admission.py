"""Who may generate now, who waits, and who is sent away: a bound on what runs and a bound on what waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from unified_intelligence.entities.errors import RateLimitedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Counts of requests: `running` at once, `waiting` beyond them, `per_key` both together for one key."""

    running: int = 8
    waiting: int = 64
    per_key: int = 32


class Admission:
    """First come, first served."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._turns = asyncio.Semaphore(limits.running)
        self._held: Counter[str] = Counter()
        self.running = self.waiting = 0

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncGenerator[None]:
        """Waits for a turn and holds it. Raises RateLimitedError at once where there is no place to wait."""
        if self._turns.locked() and self.waiting >= self._limits.waiting:
            raise RateLimitedError("The server's queue is full.", status=429, retry_after=1.0)
        if self._held[key] >= self._limits.per_key:
            raise RateLimitedError("This key has too many requests under way.", status=429, retry_after=1.0)
        self._held[key] += 1
        self.waiting += 1
        try:
            try:
                await self._turns.acquire()
            finally:
                self.waiting -= 1
            self.running += 1
            try:
                yield
            finally:
                self.running -= 1
                self._turns.release()
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]
