"""Loads through a provider in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

from unified_intelligence.benchmark import in_process
from unified_intelligence.benchmark.crew import Gathered, Watch
from unified_intelligence.benchmark.plan import Load
from unified_intelligence.benchmark.prompts import prompts_of
from unified_intelligence.entities.errors import RateLimitedError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    Usage,
)
from unified_intelligence.entities.message import MessageLike
from unified_intelligence.interfaces.text_generator import ITextGenerator

PIECES = ("Ça va ", "à 5 %\u2028", "🙂\n")


class Timed(ITextGenerator):
    """Thinks after 30 ms, answers in three pieces 10 ms apart; every fifth question is refused."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.asked = self.under_way = self.most = 0
        self._refuses = refuses

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        self.asked += 1
        if self._refuses and self.asked % 5 == 0:
            raise RateLimitedError("Trop de demandes.")
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.03)
        yield ReasoningDelta("hm")
        for piece in PIECES:
            await asyncio.sleep(0.01)
            yield TextDelta(piece)
        self.under_way -= 1
        yield Finished("stop", Usage(11, 8, reasoning_tokens=2))


def send(generator: ITextGenerator, load: Load, timeout: float = 10.0) -> Gathered:
    prompts = prompts_of("finance")
    return asyncio.run(
        in_process.send(generator, load, prompts, GenerationConfig(), timeout=timeout, watch=Watch(), watcher=None)
    )


def test_a_closed_load_keeps_so_many_under_way() -> None:
    generator = Timed()
    rows = send(generator, Load(concurrency=3, requests=9, warmup=3)).rows
    assert (len(rows), sum(row.warmup for row in rows), generator.most) == (12, 3, 3)
    for row in rows:
        assert (row.error, row.text, row.reasoning, row.tokens, row.counted_by) == (
            "",
            "".join(PIECES),
            "hm",
            8,
            "usage",
        )
        assert (row.events, row.arrivals, row.reasoning_events, row.reasoning_tokens) == (4, 4, 1, 2)
        assert row.ttft_ms is not None
        assert row.visible_ms is not None
        assert 25 < row.ttft_ms < row.visible_ms


def test_an_open_load_does_not_wait_for_answers() -> None:
    generator = Timed()
    rows = send(generator, Load(rate=200, arrival="constant", requests=40)).rows
    assert [row.number for row in rows] == list(range(40))
    assert generator.most > 5
    assert max(row.intended for row in rows) - min(row.intended for row in rows) == 195_000_000


def test_what_a_provider_refuses_is_a_failure_with_its_words() -> None:
    rows = send(Timed(refuses=True), Load(concurrency=1, requests=10)).rows
    assert [(row.error, row.message) for row in rows if row.error] == [("rate_limited", "Trop de demandes.")] * 2


def test_an_answer_that_takes_too_long_is_a_timeout() -> None:
    rows = send(Timed(), Load(concurrency=1, requests=2), timeout=0.01).rows
    assert [row.error for row in rows] == ["timeout", "timeout"]
