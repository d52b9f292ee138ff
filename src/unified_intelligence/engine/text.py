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
        added = self._added([*self._waiting, token])
        self._waiting.append(token)
        self.length = self._given + len(self._whole(added, len(self._waiting)))
        if added.endswith(_UNFINISHED) and len(self._waiting) < _LONGEST_WAIT:
            return ""
        self._shown, self._waiting = self._waiting, []
        self._before = self._decode(self._shown)
        self._given = self.length
        return added

    def share(self, token: int) -> str:
        """The characters that this token, if it came next, would complete: of a character cut up, the last one's."""
        whole = self._whole(self._added([*self._waiting, token]), len(self._waiting) + 1)
        return whole[self.length - self._given :]

    def rest(self) -> str:
        """What still waits, without a character that was cut off; nothing waits any longer."""
        rest = self._added(self._waiting).rstrip(_UNFINISHED)
        self._given = self.length = self._given + len(rest)
        self._shown, self._waiting, self._before = [], [], ""
        return rest

    def _added(self, waiting: list[int]) -> str:
        return self._decode(self._shown + waiting)[len(self._before) :]

    @staticmethod
    def _whole(added: str, waiting: int) -> str:
        return added if waiting >= _LONGEST_WAIT else added.rstrip(_UNFINISHED)
