"""A think block that is closed in time: before its budget is exceeded, and while an answer still fits behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unified_intelligence.engine.text import TextOfTokens
    from unified_intelligence.entities.reasoning import TagSplitter


@dataclass(frozen=True, slots=True)
class ThinkingLimit:
    """`most` tokens between the tags, and none once `until` tokens of the answer are written in all; None: no limit.

    `closing` is what is written when the limit is reached. `opening` is the opening tag where it is one token.
    """

    closing: tuple[int, ...]
    most: int | None = None
    until: int | None = None
    opening: int | None = None


class Thinking:
    """Follows one answer, token by token, and says what has to come next.

    It reads the text and not the tokens of the tags, so that it is of one mind with whoever splits the answer,
    however the model spells them.
    """

    def __init__(self, limit: ThinkingLimit, text: TextOfTokens, splitter: TagSplitter) -> None:
        self._limit, self._text, self._splitter = limit, text, splitter
        self._written = self._inside = 0
        self._closed_by_force = False

    @property
    def barred(self) -> frozenset[int]:
        """Tokens not to be chosen now: a block closed by force is not opened again, or no answer would come."""
        opening = self._limit.opening
        return frozenset() if opening is None or not self._closed_by_force else frozenset({opening})

    def add(self, token: int) -> None:
        before = self._splitter.channel
        self._splitter.feed(self._text.add(token))
        self._written += 1
        self._inside += before == self._splitter.channel == "reasoning"

    def due(self) -> Sequence[int]:
        """The tokens that close the block, where that is due; they are to be added like any other."""
        if self._splitter.channel != "reasoning" or not self._is_spent():
            return ()
        self._closed_by_force = True
        return self._limit.closing

    def _is_spent(self) -> bool:
        most, until = self._limit.most, self._limit.until
        return (most is not None and self._inside >= most) or (until is not None and self._written >= until)
