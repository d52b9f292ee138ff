"""Who may generate now, who waits, and who is sent away: a bound on what runs and a bound on what waits."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import NoReturn

from unified_intelligence.entities.errors import InvalidRequestError, RateLimitedError, ServerBusyError

_LONGEST_ADVICE = 60.0
_REMEMBERED = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Counts of answers: `running` at once, `waiting` beyond them, `per_key` both together for one key.

    `longest_wait` is in seconds; None waits as long as it takes.
    """

    running: int = 8
    waiting: int = 64
    per_key: int = 32
    longest_wait: float | None = None


@dataclass(slots=True, eq=False)
class Entry:
    """A request, which is let in once, with all the `answers` it asks for. An empty `key` is nobody's.

    Those of a lower `priority` go first. `longest_wait` is its own, in seconds, beside that of all.
    `begun`: one of them has had a turn, so that none of the others is sent away any more.
    """

    key: str = ""
    answers: int = 1
    priority: int = 0
    longest_wait: float | None = None
    begun: bool = field(default=False, init=False)
    active: int = field(default=0, init=False)
    over: int = field(default=0, init=False)

    @property
    def left(self) -> int:
        """Answers that are not over yet."""
        return max(self.answers - self.over, 0)


class Admission:
    """First come, first served among those of one priority. `rejections` counts who was sent away: queue, key, wait
    or drain. `served` are the seconds the last turns took.

    It lives on one event loop and needs no lock.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.running = 0
        self.draining = False
        self.rejections: Counter[str] = Counter()
        self._queue: deque[tuple[asyncio.Future[None], Entry]] = deque()
        self._held: Counter[str] = Counter()  # answers under way, by key
        self.served: deque[float] = deque(maxlen=_REMEMBERED)
        self._idle: asyncio.Event | None = None

    @property
    def waiting(self) -> int:
        return len(self._queue)

    @asynccontextmanager
    async def turn(self, request: Entry | str) -> AsyncGenerator[None]:
        """Waits for a turn of one of the request's answers and holds it. A text is the key of a request for one.

        Raises InvalidRequestError for a request that has more answers than ever have a place, RateLimitedError at once
        where there is no place to wait, and after `longest_wait`; ServerBusyError while the server drains, also to
        those who wait. Of a request that has begun, no answer is sent away.
        """
        entry = Entry(request) if isinstance(request, str) else request
        self._enter(entry)
        try:
            await self._wait(entry)
            entry.begun = True
            begun = perf_counter()
            try:
                yield
            finally:
                self.served.append(perf_counter() - begun)
                self._hand_on()
        finally:
            self._leave_with(entry)

    def stop(self) -> None:
        """No new requests: who waits and who comes is told to try again elsewhere. What has begun goes on."""
        self.draining = True
        queue, self._queue = self._queue, deque()
        for place, entry in queue:
            if entry.begun:
                self._queue.append((place, entry))
            elif not place.done():
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

    def _enter(self, entry: Entry) -> None:
        """Counts a request's answers when the first of them comes."""
        if not entry.begun and (self.draining or not entry.active):
            self._refuse_without_place(entry)
        if not entry.active:
            self._count(entry, entry.left)
        entry.active += 1

    def _leave_with(self, entry: Entry) -> None:
        """Ends an answer. When none of the request's is under way any more, those that never came are given up too."""
        if entry.left:
            self._count(entry, -1)
        entry.over += 1
        entry.active -= 1
        if not entry.active:
            self._count(entry, -entry.left)

    def _count(self, entry: Entry, answers: int) -> None:
        self._held[entry.key] += answers
        if not self._held[entry.key]:
            del self._held[entry.key]

    def _refuse_without_place(self, entry: Entry) -> None:
        if self.draining:
            self.rejections["drain"] += 1
            raise _leaving()
        limits = self.limits
        places = limits.running + limits.waiting
        ever = min(places, limits.per_key) if entry.key else places
        if entry.answers > ever:
            raise InvalidRequestError(
                f"The request asks for {entry.answers} answers; this server takes at most {ever} at once.",
                hint="Ask for fewer in one request.",
            )
        if self._held.total() + entry.answers > places:
            self._send_away("queue", "The server's queue is full.")
        if entry.key and self._held[entry.key] + entry.answers > limits.per_key:
            self._send_away("key", f"This key may have {limits.per_key} answers under way.")

    def _send_away(self, reason: str, message: str) -> NoReturn:
        self.rejections[reason] += 1
        wait = self.retry_after()
        raise RateLimitedError(message, hint=f"Try again in {wait:.0f} s.", status=429, retry_after=wait)

    async def _wait(self, entry: Entry) -> None:
        if self.running < self.limits.running and not self._queue:
            self.running += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        behind = next((at for at, (_, one) in enumerate(self._queue) if one.priority > entry.priority), None)
        self._queue.insert(len(self._queue) if behind is None else behind, (place, entry))
        waits = [wait for wait in (self.limits.longest_wait, entry.longest_wait) if wait is not None]
        longest = min(waits, default=None)
        try:
            await asyncio.wait((place,), timeout=longest)
            if not (place.done() or entry.begun):
                self._send_away("wait", f"No turn came within {longest:g} s.")
            await place
        except BaseException:
            self._give_up(place, entry)
            raise

    def _give_up(self, place: asyncio.Future[None], entry: Entry) -> None:
        if (place, entry) in self._queue:
            self._queue.remove((place, entry))
        elif place.done() and not place.cancelled() and place.exception() is None:
            self._hand_on()  # the turn came in the moment in which its owner left

    def _hand_on(self) -> None:
        while self._queue:
            place, _ = self._queue.popleft()
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
