"""A generator that answers from a script, and notes what it was asked: a provider with chosen abilities."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from unified_intelligence.entities.generation import (
    Collector,
    Event,
    Generation,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from unified_intelligence.entities.message import Message, MessageLike, read_messages
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.serving.enforcement import enforced, planned

Answer = Sequence[Event | Exception]
PLAIN = frozenset({"max_tokens", "tools"})


class Scripted(ITextGenerator):
    """Gives one answer a call, the last one again and again; `ended` counts the streams that were closed."""

    def __init__(self, *answers: Answer, honoured: frozenset[str] = PLAIN) -> None:
        self.honoured = honoured
        self.answers = answers
        self.asked: list[tuple[tuple[Message, ...], GenerationConfig]] = []
        self.given = self.ended = 0

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        answer = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append((read_messages(messages), config or GenerationConfig()))
        try:
            for event in answer:
                await asyncio.sleep(0)
                if isinstance(event, Exception):
                    raise event
                self.given += 1
                yield event
        finally:
            self.ended += 1


def events_for(generator: ITextGenerator, config: GenerationConfig, question: str = "Ça va ?") -> list[Event]:
    async def read() -> list[Event]:
        plan = await planned(generator, config)
        events = cast("Any", enforced(generator, (Message("user", question),), plan))
        async with aclosing(events):
            return [event async for event in events]

    return asyncio.run(read())


def answer_for(generator: ITextGenerator, config: GenerationConfig, question: str = "Ça va ?") -> Generation:
    collector = Collector()
    for event in events_for(generator, config, question):
        collector.add(event)
    return collector.generation()


def cut_anywhere(events: Sequence[Event], chance: random.Random) -> Iterator[Event]:
    """The same answer in other pieces, some of them empty."""
    for event in events:
        match event:
            case TextDelta() | ReasoningDelta():
                yield from (replace(event, text=piece) for piece in _pieces(event.text, chance))
            case ToolCallDelta():
                first, *rest = _pieces(event.arguments, chance)
                yield replace(event, arguments=first)
                yield from (ToolCallDelta(event.index, arguments=piece) for piece in rest)
            case _:
                yield event


def _pieces(text: str, chance: random.Random) -> list[str]:
    cuts = sorted(chance.randrange(len(text) + 1) for _ in range(chance.randrange(6)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
