"""The seam to a Space as its visitors reach it: its own pages, and questions to the model in it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unified_intelligence.interfaces.text_generator import ITextGenerator


class ISpaceVisitor(ABC):
    """Somebody with a token of the host. A key is named by a reference, env:NAME or file:PATH, and never by itself."""

    @abstractmethod
    async def read(self, url: str, body: Mapping[str, object] | None = None, *, key: str | None = None) -> object:
        """JSON that a GET of the address is answered with; with a body, a POST of it. It is tried once.

        Raises the ProviderError of who does not answer, and ProtocolError for what is no JSON.
        """

    @abstractmethod
    def generator(
        self, provider: str, space: str, url: str, *, key: str | None = None, model: str | None = None
    ) -> ITextGenerator:
        """The provider of that name, asking this Space at that address. Raises what IProviderFactory.create raises."""
