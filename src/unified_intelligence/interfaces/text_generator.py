"""The seam: anything that answers a conversation with a typed stream of events.

`ITextGenerator` is for providers that wait for somebody else (a server, a Space): they write `astream`.
`InProcessTextGenerator` is for those that compute here: they write `stream`. Whichever is written, callers have all
four methods, with the same meaning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Generator, Iterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import Collector, Event, Generation, GenerationConfig, collect

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import ResponseFormat
    from unified_intelligence.entities.message import MessageLike


class ITextGenerator(ABC):
    """Answers conversations.

    A failure is raised as a `UnifiedIntelligenceError`: text is always the model's own words. A stream is complete
    if and only if its last event is `Finished`.

    `honoured` names the fields of GenerationConfig that this generator acts on. Who must not ignore what was asked
    for, such as the server, does the rest itself or refuses it before anything is generated. Where it depends on the
    model, it is certain once `aload` is done.
    """

    honoured: frozenset[str] = frozenset()
    entrusted: frozenset[str] = frozenset()
    """Those of `honoured` that are only passed on to somebody who may not keep them: who must be sure, checks."""

    at_once: int = 8
    """How many answers it makes side by side without one of them waiting; a server lets in as many."""

    adapters: tuple[str, ...] = ()
    """What `GenerationConfig.adapter` may name, where that is honoured: variants of the model that answer too."""

    @property
    def explanation(self) -> str:
        """One line for people: how answers are computed here, and why; "" where there is nothing to tell yet."""
        return ""

    def enforces(self, wanted: ResponseFormat) -> bool:  # noqa: ARG002
        """Whether every answer will be of this form, asked where `response_format` is honoured. Computes."""
        return True

    @abstractmethod
    def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        """The answer as it is made. Closing the iterator stops the work."""

    async def agenerate(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generation:
        """The whole answer. Raises StreamInterruptedError with what came if the stream ends early."""
        collector = Collector()
        async for event in self.astream(messages, config):
            collector.add(event)
        return collector.generation()

    def stream(self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None) -> Iterator[Event]:
        """`astream` for code without an event loop. Inside one it refuses, naming `astream`."""
        _refuse_running_loop("stream", "astream")
        from unified_intelligence.interfaces.background_loop import events_of

        yield from events_of(self.astream(messages, config))

    def generate(self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None) -> Generation:
        """`agenerate` for code without an event loop. Inside one it refuses, naming `agenerate`."""
        _refuse_running_loop("generate", "agenerate")
        return collect(self.stream(messages, config))

    async def aload(self) -> None:  # noqa: B027 - a default that is true
        """Gets everything ready that the first answer would wait for; the default has nothing."""

    def close(self) -> None:  # noqa: B027 - a default that is true
        """Gives back what is held open: connections, threads, memory. The default holds nothing."""


class InProcessTextGenerator(ITextGenerator):
    """A generator that computes in this process: `stream` is written, `astream` runs it beside the event loop."""

    @abstractmethod
    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        """The answer as it is made. Closing the generator stops the work."""

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        """One worker thread computes, some 30 events ahead at most; left early, it stops after the one under way."""
        from unified_intelligence.interfaces.worker import beside_loop

        async with aclosing(beside_loop(self.stream(messages, config))) as events:
            async for event in events:
                yield event

    def generate(self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None) -> Generation:
        """The whole answer, computed in the calling thread."""
        return collect(self.stream(messages, config))


def _refuse_running_loop(method: str, instead: str) -> None:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise InvalidRequestError(f"{method}() would block the running event loop.", hint=f"Await {instead}() instead.")
