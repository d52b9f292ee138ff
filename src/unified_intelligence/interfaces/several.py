"""The seams to several models in one process, each asked by its name: what each one takes, and all of them together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from unified_intelligence.interfaces.text_embedder import ITextEmbedder
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.interfaces.tokenizer import ITokenizer


@dataclass(frozen=True, slots=True)
class Weight:
    """Bytes of memory, as near as files tell: `kept` once a model is loaded, `loading` at most until then."""

    kept: int
    loading: int


class IHeldModel(ITextGenerator, ITokenizer, ITextEmbedder, ABC):
    """A model whose weights this process holds."""

    @abstractmethod
    def weigh(self) -> Weight:
        """Told by its files, which are downloaded where they are not here. Computes.

        Raises ConfigurationError, ModelError, ModelNotFoundError.
        """

    @abstractmethod
    def give_room(self, memory: float) -> None:
        """GB that its conversations may take, from the next load on."""


class SeveralModels(ITextGenerator):
    """Generators of one process, under names of their own. Asked as if it were one, one of them answers."""

    models: Mapping[str, ITextGenerator]

    @abstractmethod
    async def aprepare(self) -> None:
        """Shares the memory out, before the first is loaded; a model that cannot be looked at says so when it is.

        Raises ConfigurationError where all need more than there is.
        """
