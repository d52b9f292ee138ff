"""The seam to providers whose calls wait in a queue that speaks of itself, for who measures them at the socket."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unified_intelligence.entities.generation import GenerationConfig
    from unified_intelligence.entities.message import MessageLike


@dataclass(frozen=True, slots=True)
class QueuedCalls:
    """What would be sent. A body is posted to `call`; it names an event, whose messages stream from `events` + its id.

    Both are addresses; `headers` may hold a token; `told` is what is known of who answers.
    """

    call: str
    events: str
    headers: Mapping[str, str]
    bodies: Sequence[bytes]
    told: Mapping[str, str]


class IQueued(ABC):
    """A provider that can say what it would send."""

    @abstractmethod
    async def aqueued(
        self, questions: Sequence[tuple[str | Sequence[MessageLike], GenerationConfig | None]]
    ) -> QueuedCalls:
        """A body for each question; nothing of it is sent. Raises what looking for the provider raises."""
