"""The seam to a model whose layers somebody may compile ahead of time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class ICompilable(ABC):
    """A generator over torch modules."""

    @abstractmethod
    def blocks(self) -> Sequence[Any]:
        """One torch module a layer, all alike, each from states of shape (1, tokens, hidden size) to such states.

        Loads the model. None where the forward pass does not call its modules.
        """

    @abstractmethod
    def run_blocks(self) -> None:
        """Calls every block once, with the states of one token."""
