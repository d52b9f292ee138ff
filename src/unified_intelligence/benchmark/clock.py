"""One clock for everything a benchmark stamps, and waiting for sockets to the microsecond.

The kernel stamps what arrives with CLOCK_REALTIME, so all stamps are nanoseconds of that clock. A step of the clock
during a run would be in the figures: `Steps` sees it.
"""

from __future__ import annotations

import gc
import select
import selectors
import sys
import time
from collections.abc import Sequence

READ, WRITE, ERROR = 1, 4, 8  # epoll's own bits
_COARSE = 2_000_000  # ns: above this the wait may be in whole milliseconds
_PR_SET_TIMERSLACK = 29

now = time.time_ns


class Steps:
    """How far CLOCK_REALTIME moved against the monotonic clock since this object was made, in ms."""

    def __init__(self) -> None:
        self._before = time.time_ns() - time.monotonic_ns()

    def moved_ms(self) -> float:
        return (time.time_ns() - time.monotonic_ns() - self._before) / 1e6


def sharpen() -> None:
    """For a process that only measures times: no pauses to collect garbage, and timers that end when they say."""
    gc.collect()
    gc.freeze()
    gc.disable()
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def allow_many_files() -> None:
    """A connection is a file; a thousand of them are more than the usual limit."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Epoll:
    """Which of many sockets are ready. `wait` ends at a time, not after one."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self.add, self.change, self.drop = self._epoll.register, self._epoll.modify, self._epoll.unregister
        self._self = (self._epoll.fileno(),)

    def wait(self, until: int) -> Sequence[tuple[int, int]]:
        """(descriptor, bits) of those that are ready; nothing at `until`, in ns of `now`."""
        left = until - now()
        if left <= 0:
            return self._epoll.poll(0)
        if left > _COARSE:
            return self._epoll.poll((left - 1_000_000) / 1e9)
        select.select(self._self, (), (), left / 1e9)  # epoll itself rounds up to the millisecond
        return self._epoll.poll(0)

    def close(self) -> None:
        self._epoll.close()


class Selector:
    """The same where there is no epoll."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def add(self, fd: int, bits: int) -> None:
        self._selector.register(fd, _events(bits))

    def change(self, fd: int, bits: int) -> None:
        self._selector.modify(fd, _events(bits))

    def drop(self, fd: int) -> None:
        self._selector.unregister(fd)

    def wait(self, until: int) -> Sequence[tuple[int, int]]:
        ready = self._selector.select(max(0.0, (until - now()) / 1e9))
        return [
            (key.fd, (READ if bits & selectors.EVENT_READ else 0) | (WRITE if bits & selectors.EVENT_WRITE else 0))
            for key, bits in ready
        ]

    def close(self) -> None:
        self._selector.close()


def _events(bits: int) -> int:
    return (selectors.EVENT_READ if bits & READ else 0) | (selectors.EVENT_WRITE if bits & WRITE else 0)


def new_readiness() -> Epoll | Selector:
    return Epoll() if sys.platform == "linux" else Selector()
