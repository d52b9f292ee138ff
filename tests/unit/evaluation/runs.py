"""Runs made here, with generators that behave as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    Timings,
    Usage,
)
from unified_intelligence.entities.message import MessageLike, read_messages
from unified_intelligence.evaluation.rows import Row, RowsSuite
from unified_intelligence.evaluation.runner import Rules
from unified_intelligence.evaluation.session import Ended, Generating, Plan, evaluate
from unified_intelligence.evaluation.suite import Choice, Suite
from unified_intelligence.interfaces.text_generator import ITextGenerator

Says = Callable[[str, GenerationConfig], str | Exception]


class Told(ITextGenerator):
    """Says what a function makes of the question, or raises it; `begun` are the questions that came."""

    honoured = frozenset({"max_tokens", "temperature", "seed", "tools"})

    def __init__(self, says: Says, thought: str = "") -> None:
        self.says, self.thought, self.begun = says, thought, list[str]()

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncGenerator[Event, None]:
        question = read_messages(messages)[-1].content
        self.begun.append(question)
        await asyncio.sleep(0.001)
        said = self.says(question, config or GenerationConfig())
        if isinstance(said, Exception):
            raise said
        if self.thought:
            yield ReasoningDelta(self.thought)
        yield TextDelta(said)
        yield Finished("stop", Usage(3, max(1, len(said.split()))), Timings(0.1, 0.2))


def rows(count: int, **more: object) -> list[Row]:
    return [
        {"id": f"é{n}", "question": f"Numéro {n} ?\u2028🎉", "expect": {"contains": [f"Numéro {n} "]}, **more}
        for n in range(count)
    ]


def suite(count: int, name: str = "own", **more: object) -> Suite:
    return RowsSuite(Choice(name=name), rows(count, **more))


def run(
    folder: Path,
    own: Suite,
    generator: ITextGenerator,
    *,
    rules: Rules | None = None,
    epochs: int = 1,
    seed: int | None = None,
) -> Ended:
    plan = Plan(
        name=folder.name,
        folder=folder,
        choice=Choice(name=own.name),
        suite=own,
        provider="told",
        options={},
        version="0",
        rules=rules or Rules(concurrency=4, backoff=0.01),
        epochs=epochs,
        generating=Generating(seed=seed),
    )
    return asyncio.run(evaluate(plan, generator))
