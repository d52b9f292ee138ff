"""The lines of one build or of one run, for those who come later and for those who follow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple

_LINES = 5000


class Line(NamedTuple):
    date: datetime
    text: str


class LogBook:
    """Keeps the last lines. It is closed when nothing can come any more."""

    def __init__(self) -> None:
        self._lines: deque[Line] = deque(maxlen=_LINES)
        self._written = 0
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def lines(self) -> list[Line]:
        return list(self._lines)

    def write(self, date: datetime, text: str) -> None:
        self._lines.append(Line(date, text))
        self._written += 1
        self._wake()

    def close(self) -> None:
        self._closed = True
        self._wake()

    async def follow(self, patience: float, last: int = _LINES) -> AsyncIterator[Line | None]:
        """The last lines, then every new one; None after `patience` seconds without one. Ends when it is closed."""
        told = self._written - min(last, len(self._lines))
        while True:
            changed = self._changed
            while (behind := self._written - told) > 0:
                told = self._written
                for line in list(self._lines)[-behind:]:
                    yield line
            if self._closed:
                return
            try:
                await asyncio.wait_for(changed.wait(), patience)
            except TimeoutError:
                yield None

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
