"""How long somebody who failed is left alone, and who may look whether it is over.

A rest that a server asked for is kept as it was asked. Otherwise it is a guess: it doubles with each failure in a row,
and who has nobody else left need not keep to it.
"""

from __future__ import annotations

import random
import time
from threading import Lock
from typing import Literal

LONGEST_GUESS = 30.0
State = Literal["ready", "resting", "asked to rest"]


class Rest:
    """The rest of one route. Calls from any thread and any event loop share it."""

    def __init__(self, first: float) -> None:
        self._first, self._failures, self._until = first, 0, 0.0
        self._asked = self._probing = False
        self._lock = Lock()

    def enter(self) -> State:
        """Whether a request may go there now. After a rest one may, and the others wait for what becomes of it."""
        with self._lock:
            if not self._failures:
                return "ready"
            if time.monotonic() < self._until:
                return "asked to rest" if self._asked else "resting"
            if self._probing:
                return "resting"
            self._probing = True
            return "ready"

    def leave(self) -> None:
        """The request ended and said nothing about its route: another one may look."""
        with self._lock:
            self._probing = False

    def answered(self) -> None:
        with self._lock:
            self._failures, self._asked, self._probing = 0, False, False

    def failed(self, retry_after: float | None) -> None:
        """`retry_after` are the seconds it was asked for, None where it was not.

        What fails while it rests was sent before or for want of another: the rest becomes no longer by it.
        """
        with self._lock:
            self._probing = False
            now = time.monotonic()
            if retry_after is not None:
                self._failures = max(1, self._failures)
                self._asked, self._until = True, max(self._until, now + retry_after)
            elif now >= self._until:
                self._failures += 1
                bound = min(LONGEST_GUESS, self._first * 2 ** min(self._failures - 1, 16))
                self._asked, self._until = False, now + random.uniform(bound / 2, bound)

    @property
    def left(self) -> float:
        """Seconds until it is over."""
        with self._lock:
            return max(0.0, self._until - time.monotonic()) if self._failures else 0.0
