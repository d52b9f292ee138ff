"""The seams to several models in one process, each asked by its name: what each one takes, and all of them together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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
    """Generators of one process, under names of their own. Asked as if it were one, the first of them answers.

    It is built with what builds one of them.
    """

    @abstractmethod
    def __init__(self, make: Callable[..., Any], *, models: Any, **options: Any) -> None: ...

    @property
    @abstractmethod
    def models(self) -> Mapping[str, ITextGenerator]:
        """All generators, by name."""

    @abstractmethod
    async def aprepare(self) -> None:
        """Shares the memory out, before the first is loaded; a model that cannot be looked at says so when it is.

        Raises ConfigurationError where all need more than there is.
        """
