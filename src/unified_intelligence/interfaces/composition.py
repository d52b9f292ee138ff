"""The seams to generators that stand over or in front of others: what builds those, and what is known of their keys."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from unified_intelligence.interfaces.text_generator import ITextGenerator


class IRouteBuilder(ABC):
    """Builds the generators that another one is made of."""

    @abstractmethod
    def build(self, name: str, **otherwise: object) -> ITextGenerator:
        """The provider of a row, with the options that its row gives.

        `otherwise` are the options to build it with where its row says nothing; one that it does not have is left out.
        Raises what IProviderFactory.create raises, and ConfigurationError for a row that leads back to itself.
        """


class ComposedTextGenerator(ITextGenerator):
    """A generator made of others. It is built with what builds those, before its own options."""

    @abstractmethod
    def __init__(self, builder: IRouteBuilder, **options: object) -> None: ...


class KeyedTextGenerator(ITextGenerator):
    """A generator that sends a key. `key_notes` say of it where it came from, by option: for who finds it refused."""

    key_notes: Mapping[str, str] = {}
