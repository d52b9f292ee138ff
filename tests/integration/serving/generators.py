"""Generators that do what a test says: real ones, only short."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import Event, Finished, GenerationConfig, ReasoningDelta, TextDelta, Usage
from unified_intelligence.interfaces.text_embedder import Embeddings, ITextEmbedder
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.interfaces.tokenizer import ITokenizer

if TYPE_CHECKING:
    from unified_intelligence.entities.message import MessageLike

EVERYTHING = frozenset({
    "max_tokens", "min_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty",
    "repetition_penalty", "seed", "stop", "logprobs", "thinking", "thinking_budget", "reasoning_effort", "tools",
    "tool_choice", "parallel_tool_calls", "response_format",
})  # fmt: skip

DONE = Finished("stop", Usage(3, 2, reasoning_tokens=0, cached_tokens=1))


class Says(ITextGenerator):
    """Gives on the events and raises the errors among them; keeps what it was asked."""

    honoured = EVERYTHING

    def __init__(self, *events: Event | Exception) -> None:
        self.events = events
        self.asked: list[tuple[Sequence[MessageLike], GenerationConfig]] = []

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        assert not isinstance(messages, str) and config is not None
        self.asked.append((messages, config))
        for event in self.events:
            await asyncio.sleep(0)
            if isinstance(event, Exception):
                raise event
            yield event


class Waits(ITextGenerator):
    """Says a word, or nothing, and then waits for ever; knows how many wait and how many were stopped."""

    honoured = EVERYTHING

    def __init__(self, *first: Event) -> None:
        self.first = first
        self.waiting = self.stopped = 0

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        for event in self.first:
            yield event
        self.waiting += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1
            self.stopped += 1


class Embeds(Says, ITextEmbedder):
    """The vector of a text is its length, and that divided by 1, 2 and so on."""

    async def aembed(
        self, texts: Sequence[str], *, dimensions: int | None = None, prompt_name: str | None = None
    ) -> Embeddings:
        if dimensions is not None and dimensions > 4:
            raise InvalidRequestError("There are at most 4 dimensions.")
        lengths = range(1, (dimensions or 4) + 1)
        texts = [(prompt_name or "") + text for text in texts]
        return Embeddings(
            tuple(tuple(len(text) / n for n in lengths) for text in texts), sum(len(text) for text in texts)
        )


class Tokenizes(Says, ITokenizer):
    """A token is a character's number."""

    def encode(self, text: str) -> list[int]:
        return [ord(character) for character in text]

    def decode(self, tokens: Sequence[int]) -> str:
        if max(tokens, default=0) > 0x10FFFF:
            raise InvalidRequestError("A number is no token.")
        return "".join(map(chr, tokens))

    def encode_conversation(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> list[int]:
        assert not isinstance(messages, str)
        return self.encode("".join(str(message) for message in messages))

    @property
    def longest_context(self) -> int | None:
        return 4096


def words(*texts: str, reasoning: str = "") -> list[Event]:
    """An answer of these pieces."""
    thought: list[Event] = [ReasoningDelta(reasoning)] if reasoning else []
    return [*thought, *map(TextDelta, texts), DONE]
