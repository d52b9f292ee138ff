"""A forward pass without a model: the logits of a place are a hash of all that its slot holds up to there.

So one wrong, missing or foreign token in a slot gives another answer. Every slot is kept to the rules of the seam; a
token that is no number spoils its slot until it is wiped out, also where nobody looks any more, as it does in products
with a mask; another one breaks the whole pass, half of which is then done. Whose adapter read a token is remembered,
and no other may go on from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import torch

from unified_intelligence.engine.forward import Forward, Piece

VOCABULARY = 23
END, NO_NUMBER, BREAKS = 0, 21, 22
_GARBAGE = -1
_ROWS = 251

_logits = torch.randn(_ROWS, VOCABULARY, generator=torch.Generator().manual_seed(5))
_logits[:, [NO_NUMBER, BREAKS]] = float("-inf")
_BEST = [int(row.argmax()) for row in _logits]
_WITH_NAN = torch.cat([_logits, torch.full((1, VOCABULARY), float("nan"))])


def _row(tokens: Sequence[int]) -> int:
    return hash(tuple(tokens)) % _ROWS  # of whole numbers: the same in every process


def logits_after(tokens: Sequence[int]) -> torch.Tensor:
    return _logits[_row(tokens)]


def greedy(prompt: Sequence[int], limit: int) -> tuple[list[int], bool]:
    """The answer, and whether it ended by itself."""
    tokens = list(prompt)
    for _ in range(limit):
        best = _BEST[_row(tokens)]
        if best == END:
            return tokens[len(prompt) :], True
        tokens.append(best)
    return tokens[len(prompt) :], False


class PureForward(Forward):
    """`memory` is the most tokens in all slots; `on_read` is told of every piece. `read_tokens` counts by slot."""

    token_bytes = 1
    device = torch.device("cpu")

    def __init__(self, *, rewinds: bool = True, together: bool = True, memory: int = 10**9) -> None:
        self.rewinds, self.together, self._memory = rewinds, together, memory
        self._slots: list[list[int]] = []
        self._readers: list[list[str]] = []
        self.on_read: Callable[[Piece], None] = lambda _: None
        self.passes = 0
        self.read_tokens: Counter[int] = Counter()

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        assert pieces and len({piece.slot for piece in pieces}) == len(pieces)
        assert self.together or len(pieces) == 1
        self.passes += 1
        if any(BREAKS in piece.tokens for piece in pieces):
            for piece in pieces[: len(pieces) // 2 + 1]:
                self._write(piece)
            raise RuntimeError("a pass broke")
        rows = list[int]()
        for piece in pieces:
            self._write(piece)
            self.on_read(piece)
            self.read_tokens[piece.slot] += len(piece.tokens)
            held = self._slots[piece.slot]
            spoilt = NO_NUMBER in held
            ends = range(piece.end - piece.wanted + 1, piece.end + 1)
            rows += [_ROWS if spoilt else _row(held[:end]) for end in ends]
        return _WITH_NAN[rows]

    def lay_out(self, capacity: int, slots: int, kept: Mapping[int, tuple[int, int]]) -> None:
        assert capacity * slots <= self._memory, (capacity, slots, self._memory)
        new = [[_GARBAGE] * capacity for _ in range(slots)]
        readers = [[""] * capacity for _ in range(slots)]
        for target, (source, length) in kept.items():
            assert length <= capacity
            new[target][:length] = self._slots[source][:length]
            readers[target][:length] = self._readers[source][:length]
        self._readers = readers
        self._slots, self.capacity, self.slots = new, capacity, slots

    def copy(self, source: int, target: int, length: int) -> None:
        assert self.rewinds and source != target and 0 < length <= self.capacity
        self._slots[target][:length] = self._slots[source][:length]
        self._readers[target][:length] = self._readers[source][:length]

    def clear(self, slot: int, start: int = 0) -> None:
        self._slots[slot][start:] = [_GARBAGE] * (self.capacity - start)

    def states(self, texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        return [torch.stack([logits_after(text[: end + 1]) for end in range(len(text))]) for text in texts]

    def _write(self, piece: Piece) -> None:
        held = self._slots[piece.slot]
        assert 0 <= piece.start < piece.end <= self.capacity and 0 <= piece.wanted <= len(piece.tokens)
        assert _GARBAGE not in held[: piece.start], "a token was never read"
        assert self.rewinds or piece.start in {0, _length(held)}
        readers = self._readers[piece.slot]
        assert set(readers[: piece.start]) <= {piece.adapter}, "another adapter read it"
        readers[piece.start : piece.end] = [piece.adapter] * len(piece.tokens)
        held[piece.start : piece.end] = piece.tokens
        if not self.rewinds:  # a new beginning is a new cache
            held[piece.end :] = [_GARBAGE] * (self.capacity - piece.end)


def _length(held: Sequence[int]) -> int:
    return held.index(_GARBAGE) if _GARBAGE in held else len(held)
