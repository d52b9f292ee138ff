"""The seam to a model's own tokens, for generators that have them at hand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from unified_intelligence.entities.generation import GenerationConfig
    from unified_intelligence.entities.message import MessageLike


class ITokenizer(ABC):
    """Counts as the model counts. The methods compute, and may load a model first: call them beside an event loop."""

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The tokens of a text as it stands, special tokens in it read as such."""

    @abstractmethod
    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens. Raises InvalidRequestError for a number that is no token."""

    @abstractmethod
    def encode_conversation(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> list[int]:
        """What the model would read: the conversation in its chat template, up to where the answer begins."""

    @property
    @abstractmethod
    def longest_context(self) -> int | None:
        """Most tokens of prompt and answer together; None where nobody says."""
