"""When to stop asking: nobody answers, or the same refusal would meet every question."""

from __future__ import annotations

import asyncio

FIRST = 20
_REFUSALS = 3


class Breaker:
    """Lets at most 20 requests begin before the first answer, and trips when 20 ends in a row were errors.

    Three refusals in a row that would meet every question trip it too: a wrong key, a quota used up, a paused Space.
    """

    def __init__(self) -> None:
        self.reason = self.hint = ""
        self._answered, self._begun = False, 0
        self._in_a_row = self._refusals = 0
        self._changed = asyncio.Event()
        self.tripped = asyncio.Event()

    async def turn(self, requests: int = 1) -> bool:
        """Waits until so many requests may begin; False when none may any more."""
        while not (self.reason or self._answered or self._begun + requests <= max(FIRST, requests)):
            self._changed.clear()
            await self._changed.wait()
        self._begun += requests
        return not self.reason

    def answered(self) -> None:
        self._in_a_row = self._refusals = 0
        if not self._answered:
            self._answered = True
            self._changed.set()

    def failed(self, message: str, *, hint: str = "", for_all: bool = False, busy: bool = False) -> None:
        """A request ended without an answer, whether or not it will be tried again.

        A server that is `busy` lives: once it has answered, its refusals are not counted.
        """
        if not (busy and self._answered):
            self._in_a_row += 1
        self._refusals = self._refusals + 1 if for_all else 0
        if self._refusals >= _REFUSALS:
            self._trip(f"Every question is refused: {message}", hint)
        elif self._in_a_row >= FIRST:
            what = f"{FIRST} requests in a row" if self._answered else f"The first {FIRST} requests"
            self._trip(f"{what} got no answer. The last: {message}", hint)
        self._changed.set()

    def _trip(self, reason: str, hint: str) -> None:
        if not self.reason:
            self.reason, self.hint = reason, hint
            self.tripped.set()
