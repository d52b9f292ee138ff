"""A forward pass without a model: the logits of a place are a hash of all that its slot holds up to there.

So one wrong, missing or foreign token in a slot gives another answer. Slots are in pages as they are in the fused pass.
Every slot is kept to the rules of the seam; a token that is no number spoils whoever has its page until it is wiped
out, also where nobody looks any more, as it does in products with a mask; another one breaks the whole pass, half of
which is then done. Whose adapter read a token is remembered, and no other may go on from it.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import torch

from unified_intelligence.engine.forward import Forward, Piece
from unified_intelligence.engine.pages import Places, Tables

VOCABULARY = 23
END, NO_NUMBER, BREAKS = 0, 21, 22
_NOTHING = -1, ""
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

    def __init__(
        self, *, rewinds: bool = True, together: bool = True, memory: int = sys.maxsize, page: int = 4
    ) -> None:
        self.rewinds, self.together, self.page, self._memory = rewinds, together, page, memory
        self._tables = Tables(page)
        self._held: defaultdict[int, list[tuple[int, str]]] = defaultdict(lambda: [_NOTHING] * page)
        self.on_read: Callable[[Piece], None] = lambda _: None
        self.passes = 0
        self.read_tokens: Counter[int] = Counter()

    def text(self, slot: int) -> list[int]:
        """All that its pages hold."""
        return [token for token, _ in self._all(slot)]

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        assert pieces and len({piece.slot for piece in pieces}) == len(pieces)
        assert self.together or len(pieces) == 1
        self.passes += 1
        assert not self.growth([piece.places for piece in pieces]), "nothing was held"
        if any(BREAKS in piece.tokens for piece in pieces):
            for piece in pieces[: len(pieces) // 2 + 1]:
                self._write(piece)
            raise RuntimeError("a pass broke")
        rows = list[int]()
        for piece in pieces:
            self._write(piece)
            self.on_read(piece)
            self.read_tokens[piece.slot] += len(piece.tokens)
            text = self.text(piece.slot)
            spoilt = NO_NUMBER in text
            ends = range(piece.end - piece.wanted + 1, piece.end + 1)
            rows += [_ROWS if spoilt else _row(text[:end]) for end in ends]
        return _WITH_NAN[rows]

    @property
    def held(self) -> int:
        return self._tables.held * self.page

    def growth(self, places: Sequence[Places]) -> int:
        return self._tables.growth(places) * self.page

    def room(self, lengths: Mapping[int, int]) -> int:
        return self._tables.room(lengths) * self.page

    def hold(self, places: Sequence[Places], memory: int = sys.maxsize) -> None:
        for page, kept, source, wiped in self._tables.hold(places):
            self._held[page][:kept] = self._held[source][:kept]
            if wiped:
                self._held[page][kept:] = [_NOTHING] * (self.page - kept)
        assert self.held <= self._memory, (self.held, self._memory)

    def copy(self, source: int, target: int, length: int) -> None:
        assert self.rewinds and source != target and 0 < length <= len(self.text(source))
        self._tables.share(source, target, length)

    def cut(self, slot: int, length: int = 0, *, unsound: bool = False) -> None:
        assert self.rewinds or not length
        self._tables.cut(slot, length, unsound=unsound)

    def forget(self) -> None:
        self._tables.forget()
        self._held.clear()

    def states(self, texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        return [torch.stack([logits_after(text[: end + 1]) for end in range(len(text))]) for text in texts]

    def _all(self, slot: int) -> list[tuple[int, str]]:
        return [each for page in self._tables.table(slot) for each in self._held[page]]

    def _write(self, piece: Piece) -> None:
        before = self._all(piece.slot)[: piece.start]
        assert 0 <= piece.start < piece.end and 0 <= piece.wanted <= len(piece.tokens)
        assert len(before) == piece.start and _NOTHING not in before, "a token was never read"
        assert {reader for _, reader in before} <= {piece.adapter}, "another adapter read it"
        table = self._tables.table(piece.slot)
        for place, token in enumerate(piece.tokens, piece.start):
            page, offset = divmod(place, self.page)
            assert not self._tables.is_shared(table[page]), "somebody else reads that page"
            self._held[table[page]][offset] = token, piece.adapter
