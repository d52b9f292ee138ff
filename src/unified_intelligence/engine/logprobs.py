"""Log-probabilities on their way to the text they belong to, however tags and stop sequences hold it back or cut it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unified_intelligence.entities.generation import TextDelta, TokenLogprob

if TYPE_CHECKING:
    from unified_intelligence.engine.sampling import Chosen
    from unified_intelligence.engine.text import TextOfTokens


@dataclass(slots=True)
class _Told:
    """A token's log-probability and its place: the characters it completed, as positions in a text."""

    logprob: TokenLogprob
    start: int
    end: int


class LogprobsOfText:
    """Hands each token's out with its first visible character; one that completes none goes with the next.

    `special` are the tokens that have a name and no text.
    """

    def __init__(self, special: Mapping[int, str]) -> None:
        self._special = special
        self._read: deque[_Told] = deque()  # placed in the raw text
        self._visible: deque[_Told] = deque()  # placed in the visible text
        self._seen = self._given = 0

    def spell(self, chosen: Chosen, text: TextOfTokens) -> TokenLogprob | None:
        """To be called before the token is added to the text."""
        if chosen.logprob is None:
            return None
        best = tuple(TokenLogprob(self._spelled(token, text), logprob) for token, logprob in chosen.alternatives)
        return TokenLogprob(self._spelled(chosen.token, text), chosen.logprob, best)

    def read(self, logprob: TokenLogprob | None, start: int, end: int) -> None:
        """A token and the characters it completed in the raw text."""
        if logprob:
            self._read.append(_Told(logprob, start, end))

    def show(self, start: int, length: int) -> None:
        """These characters of the raw text are the next of the visible one."""
        while self._read and self._read[0].start < start + length:
            told = self._read.popleft()
            if told.end > start or told.start >= start:
                told.start = self._seen + max(told.start - start, 0)
                self._visible.append(told)
        self._seen += length

    def delta(self, text: str) -> TextDelta:
        """The next piece of the visible text, with what belongs to it."""
        self._given += len(text)
        logprobs: list[TokenLogprob] = []
        while self._visible and self._visible[0].start < self._given:
            logprobs.append(self._visible.popleft().logprob)
        return TextDelta(text, tuple(logprobs))

    def _spelled(self, token: int, text: TextOfTokens) -> str:
        return self._special.get(token) or text.share(token)
