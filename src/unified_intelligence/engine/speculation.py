"""Guesses at what comes next, read in one pass with what is sure: where they are right, a pass gives several tokens.

Every token is drawn as it would be without them, from logits of its own; a guess that was not drawn is forgotten. How
many are read is a matter of price: what a further token adds to a pass here, measured when the model is loaded, against
how many of an answer's guesses were right lately.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from unified_intelligence.engine.forward import Piece
from unified_intelligence.entities.errors import ModelError

if TYPE_CHECKING:
    from unified_intelligence.engine.forward import Forward

Guessing = Literal["auto", "lookup", "none"]

MOST = 8  # guesses of one answer in a pass
_LONGEST, _SHORTEST = 4, 2  # tokens that have to be the same for the rest to be expected to be
_FEW, _MANY = 8, 32  # tokens of the passes whose price is measured
_ROUNDS, _LONGER = 2, 0.3  # measurements of each pass, and seconds in which there may be more
_FIRST, _HIGHEST = 0.5, 0.98  # chance of a guess to be right, before anything is known of an answer, and at most
_WEIGHT = 0.2  # of one guess in that chance
_RECOVERY = 0.02  # of the way back to the first chance, at each step without a guess


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer that may be guessed on: its number, its tokens so far, and the most guesses there is room for.

    `longest` is how many tokens it may have in the end. Of one key the tokens only ever grow.
    """

    key: int
    tokens: Sequence[int]
    most: int
    longest: int


class Drafter(ABC):
    """Says what may come next. `cost` is that of one proposed token, as a share of a pass; `said` names it."""

    said: str
    cost = 0.0

    @abstractmethod
    def propose(self, asked: Sequence[Asked]) -> list[Sequence[int]]:
        """For each at most `most` tokens; none where it has no idea. Raises ModelError."""

    @abstractmethod
    def forget(self, key: int) -> None:
        """Forgets an answer that has ended; one it never heard of is no mistake."""

    @abstractmethod
    def clear(self) -> None:
        """There are no answers any more."""


class PromptLookup(Drafter):
    """What followed the last time the same tokens came, in the prompt or in the answer so far."""

    said = "looked up in the text"

    def __init__(self) -> None:
        self._texts: dict[int, _Text] = {}

    def propose(self, asked: Sequence[Asked]) -> list[Sequence[int]]:
        return [self._texts.setdefault(one.key, _Text()).following(one.tokens, one.most) for one in asked]

    def forget(self, key: int) -> None:
        self._texts.pop(key, None)

    def clear(self) -> None:
        self._texts.clear()


class _Text:
    """Where each short run of tokens was last followed by something; only what is new is read at each question."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, ...], int] = {}
        self._known = 0

    def following(self, tokens: Sequence[int], most: int) -> Sequence[int]:
        for place in range(self._known + 1, len(tokens)):
            for length in range(_SHORTEST, min(_LONGEST, place) + 1):
                self._places[tuple(tokens[place - length : place])] = place
        self._known = max(self._known, len(tokens) - 1)
        for length in range(min(_LONGEST, len(tokens)), _SHORTEST - 1, -1):
            place = self._places.get(tuple(tokens[-length:]))
            if place is not None:
                period = len(tokens) - place  # what repeats without an end goes on so
                return [tokens[place + at % period] for at in range(most)]
        return ()


@dataclass(frozen=True, slots=True)
class Price:
    """What passes take: `seconds` for one token, each of the next few `few` times as much, each beyond `many` times.

    The defaults are no measurement: with them every answer is guessed on unless nearly all its guesses are wrong.
    """

    seconds: float = 1.0
    few: float = 0.05
    many: float = 0.05

    def __call__(self, tokens: int) -> float:
        """The price of a pass, in passes of one token."""
        return 1 + self.few * (min(tokens, _FEW) - 1) + self.many * max(0, tokens - _FEW)

    @classmethod
    def measured(cls, forward: Forward) -> Price:
        """The prices of this model, measured by passes of it; no slot may be in use. Raises ModelError."""
        one, few, many = _seconds(forward, (1, _FEW, _MANY))
        at_first = max(0.0, few - one) / one / (_FEW - 1)
        return cls(one, at_first, max(at_first, (many - few) / one / (_MANY - _FEW)))


class Speculation:
    """Decides which answers of a step are guessed on, and how far.

    `together`: a pass is shared by all answers, so that only what makes it give more tokens in its time is read.
    Otherwise each answer is looked at as if it were alone.
    """

    def __init__(self, drafter: Drafter, price: Price, *, together: bool) -> None:
        self._drafter, self._price, self._together = drafter, price, together
        self._chances: dict[int, float] = {}
        self._broken = False

    def guesses(self, asked: Sequence[Asked]) -> list[Sequence[int]]:
        """For each answer of a step the tokens to be read behind its own."""
        if self._broken:
            return [()] * len(asked)
        lengths = self._lengths(asked) if self._together else [self._lengths([one])[0] for one in asked]
        told = [Asked(one.key, one.tokens, n, one.longest) for one, n in zip(asked, lengths, strict=True) if n]
        try:
            proposed = iter(self._drafter.propose(told))
        except ModelError:  # an answer needs no guesses
            self._broken = True
            self.clear()
            return [()] * len(asked)
        return [next(proposed) if length else () for length in lengths]

    def note(self, key: int, right: int, *, refused: bool) -> None:
        """Learns that so many guesses were right; `refused`: the one after them was not."""
        chance = self._chance(key)
        for _ in range(right):
            chance += _WEIGHT * (1 - chance)
        self._chances[key] = min(_HIGHEST, chance - _WEIGHT * chance if refused else chance)

    def forget(self, key: int) -> None:
        self._chances.pop(key, None)
        self._drafter.forget(key)

    def clear(self) -> None:
        self._chances.clear()
        self._drafter.clear()

    def _chance(self, key: int) -> float:
        return self._chances.get(key, _FIRST)

    def _lengths(self, asked: Sequence[Asked]) -> list[int]:
        """The likeliest guess first, as long as it brings more tokens for its time than the pass has without it."""
        lengths = [0] * len(asked)
        gains = [
            (self._chance(one.key) ** length, at)
            for at, one in enumerate(asked)
            for length in range(1, min(one.most, MOST) + 1)
        ]
        tokens, expected, drafting = len(asked), float(len(asked)), 0.0
        for gain, at in sorted(gains, reverse=True):
            price = self._price(tokens) + drafting
            added = self._price(tokens + 1) - self._price(tokens) + self._drafter.cost / len(asked)
            if gain * price <= expected * added:
                break
            lengths[at] += 1
            tokens, expected, drafting = tokens + 1, expected + gain, drafting + self._drafter.cost / len(asked)
        for one, length in zip(asked, lengths, strict=True):
            if one.most and not length and (chance := self._chance(one.key)) < _FIRST:
                self._chances[one.key] = chance + _RECOVERY * (_FIRST - chance)
        return lengths


def _seconds(forward: Forward, sizes: Sequence[int]) -> list[float]:
    """The shortest time of passes of so many tokens, in turn; the first, for which kernels are still made, is none."""
    import torch

    from unified_intelligence.engine.decode import run

    took = [float("inf")] * len(sizes)
    begun, rounds = 0.0, 0
    while rounds <= _ROUNDS or time.perf_counter() - begun < _LONGER:
        begun = begun if rounds > 1 else time.perf_counter()
        for at, size in enumerate(sizes):
            started = time.perf_counter()
            with torch.inference_mode():
                run(forward.read, pieces=[Piece(0, 0, range(size), size)]).argmax().item()  # a GPU has finished then
            took[at] = min(took[at], time.perf_counter() - started) if rounds else took[at]
        rounds += 1
    forward.forget()
    return [max(seconds, 1e-9) for seconds in took]
