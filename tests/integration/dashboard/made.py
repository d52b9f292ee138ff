"""Runs that were really measured, in this process: a provider of so many slots, so that there is a knee."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

from unified_intelligence.benchmark import in_process, session
from unified_intelligence.benchmark.crew import Gathered, Watch
from unified_intelligence.benchmark.metrics import Metrics
from unified_intelligence.benchmark.plan import Load, read_url
from unified_intelligence.benchmark.prompts import body_of, prompts_of
from unified_intelligence.entities.errors import ServerBusyError
from unified_intelligence.entities.generation import Event, Finished, GenerationConfig, TextDelta, Usage
from unified_intelligence.entities.message import MessageLike, read_messages
from unified_intelligence.interfaces.text_generator import ITextGenerator

SLO = {"ttft": 60.0, "e2e": 400.0}
SAID = "Zinsen à 5 %,\ndéjà payés — 🙂 日本\u2028fin <b>gras</b> $x$ *y*"


class Slots(ITextGenerator):
    """Answers `slots` at a time; times in seconds. `stall` holds the whole event loop, which a client must notice."""

    def __init__(
        self, slots: int, *, first: float = 0.005, gap: float = 0.001, tokens: int = 8, busy: float = 0.0,
        stall: float = 0.0, said: str = SAID,
    ) -> None:  # fmt: skip
        self._slots, self._first, self._gap, self._tokens = asyncio.Semaphore(slots), first, gap, tokens
        self._busy, self._stall, self._said = busy, stall, said
        self._draw = random.Random(5)

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncGenerator[Event, None]:
        question = read_messages(messages)[-1].content
        if self._draw.random() < self._busy:
            raise ServerBusyError("Überlastet: réessayez 🙂")
        async with self._slots:
            await asyncio.sleep(self._first * self._draw.uniform(0.8, 1.6))
            if self._stall:
                time.sleep(self._stall)  # noqa: ASYNC251 on purpose: the client is late
            for part in range(self._tokens):
                yield TextDelta(f"{self._said} " if part else f"{question[:12]}: ")
                await asyncio.sleep(self._gap)
        yield Finished("stop", Usage(len(question.split()), self._tokens))


def run(
    folder: Path, name: str, generator: ITextGenerator, load: Load, *, model: str = "", source: str = "finance"
) -> Metrics:  # fmt: skip
    """A run, measured and kept as `uic bench run --provider` does."""
    prompts = prompts_of(source)
    watch = Watch(planned=session.planned(load))
    gathered: Gathered = asyncio.run(
        in_process.send(generator, load, prompts, GenerationConfig(), timeout=30.0, watch=watch)
    )
    bodies = [body_of(prompt, model or name, None, {}) for prompt in prompts]
    job = session.Job(
        name=name, folder=folder, load=load, bodies=bodies, model=model or name, source=source, version="0",
        slo=SLO, timeout=30.0,
    )  # fmt: skip
    provider: dict[str, Any] = {"name": "slots", "options": {}}
    return session.keep(job, gathered, provider)[0]


def at_socket(folder: Path, name: str, url: str, model: str, load: Load) -> Metrics:
    """The same as `uic bench run --url` does it: measured at the socket of a server."""
    target = read_url(url)
    prompts = prompts_of("finance")
    job = session.Job(
        name=name, folder=folder, load=load, bodies=[body_of(prompt, model, None, {}) for prompt in prompts],
        model=model, source="finance", version="0", slo=SLO, timeout=30.0,
    )  # fmt: skip
    return session.run(job, target, session.reach(target))[0]


def closed(concurrency: int, requests: int = 40) -> Load:
    return Load(concurrency=concurrency, requests=requests, warmup=concurrency)
