"""The four timers of a call, and the watch that ends an await when one of them runs out.

| timer | runs | ends |
| --- | --- | --- |
| connect | while a connection is made, TLS included | with the connection |
| first_token | from the request | with the first event that carries data |
| idle | while the next bytes are awaited | with each event that carries data: a comment does not count |
| total | from the call to its end, tries again and the consumer's own time included | never |

`first_token` and `idle` stand still while the consumer holds the stream: who reads slowly makes no server late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from math import inf
from typing import TypeVar

from unified_intelligence.entities.errors import ConfigurationError, TimedOutError

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """Seconds."""

    connect: float = 5.0
    first_token: float = 60.0
    idle: float = 30.0
    total: float = 600.0

    def __post_init__(self) -> None:
        """Raises ConfigurationError for a timer that is not a positive number."""
        for own in fields(self):
            seconds = getattr(self, own.name)
            if not 0 < seconds < inf:
                raise ConfigurationError(f"{_option_of(own.name)} is more than 0 seconds, not {seconds:g}.")


class Watch:
    """Watches the awaits of one try. `deadline` is when `total` ends, on the clock of the running loop.

    One timer handle lives as long as the watch and is moved, not made anew: an await that finds its bytes already
    there costs two looks at the clock.
    """

    def __init__(self, timers: Timers, deadline: float, url: str = "") -> None:
        self.timers, self.url = timers, url
        self._loop = asyncio.get_running_loop()
        self._deadline = deadline
        self._which, self._seconds, self._limit = "total", timers.total, deadline
        self._until = deadline
        self._handle: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._expired = False

    def begin(self, which: str, seconds: float) -> None:
        """Starts a timer, in place of the one that ran."""
        self._which, self._seconds, self._limit = which, seconds, self._loop.time() + seconds

    @property
    def which(self) -> str:
        """The timer that runs beside `total`."""
        return self._which

    async def within(self, awaited: Awaitable[T]) -> T:
        """What is awaited. Raises TimedOutError, which names the timer."""
        self._until = min(self._limit, self._deadline)
        task = self._task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A watch is used inside a task.")
        if self._handle is None or self._handle.when() > self._until:
            self._set()
        before = task.cancelling()
        try:
            return await awaited
        except asyncio.CancelledError as cancelled:
            if self._expired and task.uncancel() <= before:
                raise self._timed_out() from cancelled
            raise
        finally:
            self._task = None

    def close(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _set(self) -> None:
        self.close()
        self._handle = self._loop.call_at(self._until, self._tick)

    def _tick(self) -> None:
        self._handle = None
        if self._task is None:
            return
        if self._loop.time() < self._until:
            self._set()
            return
        self._expired = True
        self._task.cancel()

    def _timed_out(self) -> TimedOutError:
        which, seconds = self._which, self._seconds
        if self._deadline <= self._limit:
            which, seconds = "total", self.timers.total
        return timed_out(which, seconds, self.url)


@contextmanager
def watching(
    timers: Timers, url: str, *, deadline: float | None = None, first: str = "first_token"
) -> Generator[Watch]:
    """A watch for the block, of which the timer `first` runs already. Without a deadline `total` begins now."""
    watch = Watch(timers, asyncio.get_running_loop().time() + timers.total if deadline is None else deadline, url)
    watch.begin(first, getattr(timers, first))
    try:
        yield watch
    finally:
        watch.close()


def timed_out(which: str, seconds: float, url: str) -> TimedOutError:
    """The error of a timer, with the option that changes it."""
    hint = f"Give it longer: -o {_option_of(which)} {seconds * 2:g}"
    return TimedOutError(which.replace("_", " "), seconds, hint=hint, url=url)


def _option_of(timer: str) -> str:
    """What adapters call it."""
    return "timeout" if timer == "total" else f"{timer}_timeout"
