"""The seam through which the rooms that use a generator get one by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unified_intelligence.interfaces.text_generator import ITextGenerator


class IProviderFactory(ABC):
    """Turns a provider's name and options into something that answers."""

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """All providers that can be asked for, installed plugins included."""

    @abstractmethod
    def create(self, name: str, **options: object) -> ITextGenerator:
        """Builds a provider. Raises UnknownNameError for its name or an option, MissingDependencyError."""
