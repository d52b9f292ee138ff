"""A second, small model that guesses what the large one will say; its keys and values are in slots of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine.decode import run
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.pages import Places
from unified_intelligence.engine.slots import Slot, Slots
from unified_intelligence.engine.speculation import Asked, Drafter
from unified_intelligence.entities.errors import ConfigurationError

if TYPE_CHECKING:
    from unified_intelligence.engine.forward import Forward

_AT_ONCE = 256  # tokens of a prompt it reads in a step; until it has read all of it, it has no idea


@dataclass(slots=True)
class _Draft:
    """`guessed` are tokens that are read behind the slot's own, and may have turned out to be right."""

    slot: Slot
    guessed: list[int] = field(default_factory=list[int])

    def settle(self) -> None:
        """What came true is the slot's; the rest is written over."""
        slot = self.slot
        for guess in self.guessed:
            if slot.read >= len(slot.tokens) - 1 or slot.tokens[slot.read] != guess:
                break
            slot.read += 1
        self.guessed = []


class DraftModel(Drafter):
    """The likeliest token by the small model, and the one after it, for all answers of a step in the same passes.

    `size` is that of the vocabulary, `memory` in tokens; conversations beyond `longest` are left to the large model.
    """

    said = "by the draft model"

    def __init__(self, forward: Forward, *, size: int, slots: int, memory: int, longest: int, cost: float):
        self._forward, self._size, self._longest = forward, size, longest
        self._most_slots, self._memory = slots, memory
        self.cost = cost
        self.clear()

    def propose(self, asked: Sequence[Asked]) -> list[Sequence[int]]:
        for draft in self._drafts.values():
            draft.settle()
        guesses: dict[int, list[int]] = {one.key: [] for one in asked}
        known = [(one, draft) for one in asked if (draft := self._draft(one))]
        self._slots.reach([_places(one, draft) for one, draft in known])
        pieces = [self._unread(one, draft) for one, draft in known]
        while pieces:
            following = self._read(pieces)
            going_on: list[tuple[Asked, _Draft]] = []
            for (one, draft), piece in zip(known, pieces, strict=True):
                if piece.wanted:
                    guesses[one.key].append(following.pop(0))
                    if len(guesses[one.key]) < one.most:
                        going_on.append((one, draft))
            known, pieces = going_on, [self._next(one, draft, guesses[one.key]) for one, draft in going_on]
        return [guesses[one.key] for one in asked]

    def forget(self, key: int) -> None:
        if draft := self._drafts.pop(key, None):
            self._slots.give_back(draft.slot)

    def clear(self) -> None:
        self._drafts: dict[int, _Draft] = {}
        self._slots = Slots(self._forward, self._most_slots, self._memory)

    def _draft(self, one: Asked) -> _Draft | None:
        """The draft of an answer; None where there is no room for it."""
        if one.longest > self._longest:
            return None
        if one.key not in self._drafts:
            if not self._slots.fits(one.longest):
                return None
            self._drafts[one.key] = _Draft(self._slots.take(one.tokens, one.longest))
        return self._drafts[one.key]

    def _unread(self, one: Asked, draft: _Draft) -> Piece:
        start = draft.slot.read
        tokens = one.tokens[start : start + _AT_ONCE]
        draft.slot.read += len(tokens)
        return Piece(draft.slot.index, start, tokens, int(draft.slot.read == len(one.tokens)))

    def _next(self, one: Asked, draft: _Draft, guesses: Sequence[int]) -> Piece:
        draft.guessed.append(guesses[-1])
        return Piece(draft.slot.index, len(one.tokens) + len(guesses) - 1, guesses[-1:])

    def _read(self, pieces: Sequence[Piece]) -> list[int]:
        logits = run(self._forward.read, pieces=pieces)
        return logits[:, : self._size].argmax(-1).tolist()


def _places(one: Asked, draft: _Draft) -> Places:
    """The places of what is unread, and of the guesses behind it."""
    return Places(draft.slot.index, draft.slot.read, min(len(one.tokens) + one.most, one.longest))


def check_same_vocabulary(tokenizer: Any, other: Any) -> None:
    """Raises ConfigurationError unless each token means the same to both: a guess is a number of a token."""
    if tokenizer.get_vocab() != other.get_vocab():
        raise ConfigurationError(
            "The draft model has another vocabulary: its guesses would mean something else.",
            hint="Use a smaller model of the same family, or leave draft out.",
        )
