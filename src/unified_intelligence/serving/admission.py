"""Who may generate now, who waits, and who is sent away: a bound on what runs and a bound on what waits."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import NoReturn

from unified_intelligence.entities.errors import RateLimitedError, ServerBusyError

_LONGEST_ADVICE = 60.0
_REMEMBERED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Counts of requests: `running` at once, `waiting` beyond them, `per_key` both together for one key.

    `longest_wait` is in seconds; None waits as long as it takes.
    """

    running: int = 8
    waiting: int = 64
    per_key: int = 32
    longest_wait: float | None = None


class Admission:
    """First come, first served. `rejections` counts who was sent away: queue, key, wait or drain.
    `served` are the seconds the last turns took.

    It lives on one event loop and needs no lock.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.running = 0
        self.draining = False
        self.rejections: Counter[str] = Counter()
        self._queue: deque[asyncio.Future[None]] = deque()
        self._held: Counter[str] = Counter()
        self.served: deque[float] = deque(maxlen=_REMEMBERED)
        self._idle: asyncio.Event | None = None

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncGenerator[None]:
        """Waits for a turn and holds it.

        Raises RateLimitedError at once where there is no place to wait, and after `longest_wait`; ServerBusyError
        while the server drains, also to those who wait.
        """
        self._refuse_without_place(key)
        self._held[key] += 1
        try:
            await self._wait()
            begun = perf_counter()
            try:
                yield
            finally:
                self.served.append(perf_counter() - begun)
                self._hand_on()
        finally:
            self._held[key] -= 1
            if not self._held[key]:
                del self._held[key]

    def stop(self) -> None:
        """No new turns: who waits and who comes is told to try again elsewhere. What runs goes on."""
        self.draining = True
        queue, self._queue = self._queue, deque()
        for place in queue:
            if not place.done():
                self.rejections["drain"] += 1
                place.set_exception(_leaving())

    async def drain(self, grace: float) -> bool:
        """`stop`, then waits until what runs has ended. False if it had not within `grace` seconds."""
        self.stop()
        if self.running:
            self._idle = asyncio.Event()
            try:
                await asyncio.wait_for(self._idle.wait(), grace)
            except TimeoutError:
                return False
        return True

    def retry_after(self) -> float:
        """Seconds until a place is likely to be free, from how long the last answers took."""
        average = sum(self.served) / len(self.served) if self.served else 0.0
        turns_ahead = (self.waiting + 1) / self.limits.running
        return min(max(average * turns_ahead, 1.0), _LONGEST_ADVICE)

    def _refuse_without_place(self, key: str) -> None:
        if self.draining:
            self.rejections["drain"] += 1
            raise _leaving()
        if self.running >= self.limits.running and self.waiting >= self.limits.waiting:
            self._send_away("queue", "The server's queue is full.")
        if self._held[key] >= self.limits.per_key:
            self._send_away("key", f"This key has {self.limits.per_key} requests under way, as many as it may have.")

    def _send_away(self, reason: str, message: str) -> NoReturn:
        self.rejections[reason] += 1
        wait = self.retry_after()
        raise RateLimitedError(message, hint=f"Try again in {wait:.0f} s.", status=429, retry_after=wait)

    async def _wait(self) -> None:
        if self.running < self.limits.running and not self._queue:
            self.running += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        try:
            async with asyncio.timeout(self.limits.longest_wait):
                await place
        except BaseException as left:
            self._leave(place)
            if isinstance(left, TimeoutError):
                self._send_away("wait", f"No turn came within {self.limits.longest_wait:g} s.")
            raise

    def _leave(self, place: asyncio.Future[None]) -> None:
        if place in self._queue:
            self._queue.remove(place)
        elif place.done() and not place.cancelled() and place.exception() is None:
            self._hand_on()  # the turn came in the moment in which its owner left

    def _hand_on(self) -> None:
        while self._queue:
            place = self._queue.popleft()
            if not place.done():
                place.set_result(None)  # `running` stays: the turn has a new holder
                return
        self.running -= 1
        if not self.running and self._idle is not None:
            self._idle.set()


def _leaving() -> ServerBusyError:
    return ServerBusyError(
        "The server is shutting down and takes no new work.",
        hint="Send the request again.",
        status=503,
        retry_after=1.0,
    )
