"""The text that tokens become, while they are still being chosen."""

from __future__ import annotations

from collections.abc import Callable

_UNFINISHED = "\ufffd"  # what an incomplete UTF-8 sequence decodes to
_LONGEST_WAIT = 8  # tokens that may wait for the rest of a character; only damaged text needs more


class TextOfTokens:
    """Decodes a growing answer: what a token adds, once it is whole characters.

    A token is decoded together with those before it, because decoders treat the first one specially. `length` is how
    many whole characters there are so far, those included that wait behind an unfinished one's first bytes.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._shown: list[int] = []
        self._waiting: list[int] = []
        self._before = ""
        self._given = 0
        self.length = 0

    def add(self, token: int) -> str:
        self._waiting.append(token)
        done, added, rest = self._parts(self._waiting)
        self.length = self._given + len(added) + len(rest.rstrip(_UNFINISHED))
        if done:
            self._shown, self._waiting = self._waiting[:done], self._waiting[done:]
            self._before = self._decode(self._shown)
            self._given += len(added)
        return added

    def share(self, token: int) -> str:
        """The characters that this token, if it came next, would complete: of a character cut up, the last one's."""
        _, added, rest = self._parts([*self._waiting, token])
        return (added + rest.rstrip(_UNFINISHED))[self.length - self._given :]

    def rest(self) -> str:
        """What still waits, without a character that was cut off; nothing waits any longer."""
        rest = self._added(self._waiting).rstrip(_UNFINISHED)
        self._given = self.length = self._given + len(rest)
        self._shown, self._waiting, self._before = [], [], ""
        return rest

    def _parts(self, waiting: list[int]) -> tuple[int, str, str]:
        """How many of these tokens wait no longer, their text, and that of the others."""
        added = self._added(waiting)
        if not added.endswith(_UNFINISHED):
            return len(waiting), added, ""
        if len(waiting) < _LONGEST_WAIT:
            return 0, "", added
        for last in range(1, len(waiting)):  # damaged, but for the end perhaps: it may still become a character
            rest = self._decode(waiting[-last:])
            if rest and self._added(waiting[:-last]) + rest == added:
                return len(waiting) - last, added[: -len(rest)], rest
        return len(waiting), added, ""

    def _added(self, waiting: list[int]) -> str:
        return self._decode(self._shown + waiting)[len(self._before) :]
