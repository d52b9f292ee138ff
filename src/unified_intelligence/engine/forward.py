"""The seam between the scheduler and a model: pieces of several answers are read in one pass.

A slot holds the keys and values of one conversation. Whoever schedules says what is read into which slot from where on;
what a slot held behind that place is forgotten.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_STEP = 32  # tokens: lengths are multiples of it
_GROWTH = 1.25  # of slots that are too short


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


class Forward(ABC):
    """Reads tokens. There are `slots` slots of `capacity` tokens; both change with `lay_out`.

    `rewinds` says whether a slot can go back to an earlier place, and be copied: without it no beginning is shared.
    `together` says whether pieces are read in one pass, which takes `rewinds`: else each is a pass of its own.
    `token_bytes` is what a token takes in a slot. Only `longest` places are known, and tokens below `vocabulary`.
    """

    slots = 0
    capacity = 0
    rewinds = True
    together = True
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

    @abstractmethod
    def lay_out(self, capacity: int, slots: int, kept: Mapping[int, tuple[int, int]]) -> None:
        """Slots anew: `kept` says of a new slot which old one goes there, and how many of its tokens."""

    def grown(self, length: int) -> int:
        """How long slots become that are to hold so many tokens: longer, because laying out copies all there is."""
        return -(-int(length * _GROWTH) // _STEP) * _STEP

    @abstractmethod
    def copy(self, source: int, target: int, length: int) -> None:
        """The first tokens of one slot are now those of another, too."""

    @abstractmethod
    def clear(self, slot: int, start: int = 0) -> None:
        """Wipes a slot out from a place on, such as one that holds what is no number."""

    @abstractmethod
    def states(self, texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        """The last hidden states of texts, each of shape (tokens, hidden size); no slot is touched."""

    def close(self) -> None:  # noqa: B027 - most hold nothing but memory
        """Ends what it holds beside memory. Nothing is read after that."""
