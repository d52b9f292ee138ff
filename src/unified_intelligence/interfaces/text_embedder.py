"""The seam to whatever turns texts into vectors, for generators that can."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector a text, in their order, all of one length."""

    vectors: tuple[tuple[float, ...], ...]
    prompt_tokens: int | None = None


class ITextEmbedder(ABC):
    """Turns texts into vectors."""

    @abstractmethod
    async def aembed(
        self, texts: Sequence[str], *, dimensions: int | None = None, prompt_name: str | None = None
    ) -> Embeddings:
        """`prompt_name` is one of the prompts the model has for its vectors, such as query; "" is none of them.

        Raises InvalidRequestError for no text, an empty one, dimensions or a prompt the model does not have.
        """
