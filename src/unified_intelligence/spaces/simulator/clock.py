"""The time that the local Hub goes by: this machine's, or one that a test moves."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta


class Clock(ABC):
    """`now` is in seconds and only ever grows; `date` is the same moment as a date."""

    @abstractmethod
    def now(self) -> float: ...

    @abstractmethod
    def date(self) -> datetime: ...

    @abstractmethod
    async def sleep(self, seconds: float) -> None: ...


class MachineClock(Clock):
    def now(self) -> float:
        return time.monotonic()

    def date(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SetClock(Clock):
    """Stands still until `advance`. What sleeps on it wakes in the order of its hours, each at its own."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime(2030, 1, 1, tzinfo=UTC)
        self._now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def date(self) -> datetime:
        return self._start + timedelta(seconds=self._now)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiting = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + seconds, waiting))
        await waiting

    async def advance(self, seconds: float) -> None:
        """Whoever wakes on the way does what it has to do before the next one wakes."""
        until = self._now + seconds
        await _others_turn()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= until]:
            first = min(due, key=lambda sleeper: sleeper[0])
            self._sleepers.remove(first)
            self._now = max(self._now, first[0])
            if not first[1].done():
                first[1].set_result(None)
            await _others_turn()
        self._now = until


async def _others_turn() -> None:
    """Gives the event loop as many turns as what woke needs to come to its next sleep."""
    for _ in range(20):
        await asyncio.sleep(0)
