"""The seam between the scheduler and a model: pieces of several answers are read in one pass.

A slot holds the keys and values of one conversation. Whoever schedules says what is read into which slot from where on;
what a slot held behind that place is forgotten. Slots are numbers, and each takes the memory of what it holds.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine.pages import Places

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Piece:
    """`tokens` go into `slot` from place `start` on; the logits of the last `wanted` of them are given back.

    `adapter` is who reads them, "" the model itself.
    """

    slot: int
    start: int
    tokens: Sequence[int]
    wanted: int = 1
    adapter: str = ""

    @property
    def end(self) -> int:
        return self.start + len(self.tokens)

    @property
    def places(self) -> Places:
        return Places(self.slot, self.start, self.end)


class Forward(ABC):
    """Reads tokens into slots.

    `rewinds` says whether a slot can go back to an earlier place, and be copied: without it no beginning is shared.
    `together` says whether pieces are read in one pass, which takes `rewinds`: else each is a pass of its own.
    `token_bytes` is what a token takes in a slot, of which `page` tokens are taken at a time. Only `longest` places are
    known, and tokens below `vocabulary`.
    """

    rewinds = True
    together = True
    page = 1
    longest = sys.maxsize
    vocabulary = sys.maxsize
    token_bytes: int
    device: torch.device

    @property
    def blocks(self) -> Sequence[Any]:
        """The modules that are called for each layer, all alike; none where it is not modules that compute."""
        return ()

    @abstractmethod
    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        """Logits of shape (sum of `wanted`, vocabulary), in the order of the pieces; at most one piece a slot."""

    @property
    @abstractmethod
    def held(self) -> int:
        """Tokens that the memory of all slots is for; what several have in common counts once."""

    @abstractmethod
    def growth(self, places: Sequence[Places]) -> int:
        """Tokens at most by which `held` grows when these places are written."""

    @abstractmethod
    def room(self, lengths: Mapping[int, int]) -> int:
        """Tokens that the memory of these slots is for, when each has got so long."""

    def hold(self, places: Sequence[Places], memory: int = sys.maxsize) -> None:  # noqa: B027 - some take it as they read
        """Takes memory to write these places; ahead of need, none beyond `memory` tokens. Raises RuntimeError."""

    @abstractmethod
    def copy(self, source: int, target: int, length: int) -> None:
        """From now on the target holds the first `length` tokens of the source."""

    @abstractmethod
    def cut(self, slot: int, length: int = 0, *, unsound: bool = False) -> None:
        """The slot holds no more than its first tokens. `unsound`: behind them may be what is no number."""

    @abstractmethod
    def forget(self) -> None:
        """No slot holds anything, and the memory is given back."""

    @abstractmethod
    def states(self, texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """The last hidden states of texts, each of shape (tokens, hidden size); no slot is touched."""

    def close(self) -> None:  # noqa: B027 - most hold nothing but memory
        """Ends what it holds beside memory. Nothing is read after that."""
