"""Whose turn it is to compute on a device: all models on it take turns, in the order in which they asked.

One that computes alone has all threads of this process, or the whole GPU, and waits for nobody. A turn is a slice of
time, not one pass: a small model beside a large one would else write no faster than that one.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


SLICE = 0.05  # seconds; what is begun in them is done


class Turn:
    """A lock that is handed on in the order in which it was asked for: who asks again at once comes after who waits."""

    def __init__(self) -> None:
        self._looking = threading.Lock()
        self._held = False
        self._waiting: deque[threading.Lock] = deque()

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for it."""
        return bool(self._waiting)

    def __enter__(self) -> None:
        with self._looking:
            if not self._held:
                self._held = True
                return
            place = threading.Lock()
            place.acquire()
            self._waiting.append(place)
        place.acquire()  # released by who hands on

    def __exit__(self, *_: object) -> None:
        with self._looking:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._held = False


def turn_of(device: torch.device) -> Turn:
    """The one turn of a device in this process."""
    with _finding:
        return _turns.setdefault(str(device), Turn())


def forget() -> None:
    """For a forked process, in which no thread that held a turn lives on."""
    global _finding  # noqa: PLW0603 - it may have been held too
    _finding = threading.Lock()
    _turns.clear()


_finding = threading.Lock()
_turns: dict[str, Turn] = {}
