"""The same loads through a generator in this process: local engines, Spaces, anything behind the seam.

What is measured is above the adapter: its own work, and this event loop's, are in every time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, cast

from unified_intelligence.benchmark.clock import Steps, now
from unified_intelligence.benchmark.crew import Gathered, Watch, Watcher
from unified_intelligence.benchmark.plan import Load, Prompt, Told
from unified_intelligence.benchmark.reply import EVENTS, USAGE
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.schedule import times_of
from unified_intelligence.entities.errors import TimedOutError, UnifiedIntelligenceError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from unified_intelligence.interfaces.text_generator import ITextGenerator

_AHEAD, _LOOK = 20_000_000, 0.5
_TOGETHER = 100_000  # ns: events that were handed over at once are one arrival
_AFTER_FAILURE = 0.1  # seconds that a slot waits, so that a provider that refuses is not asked without end


class _Run:
    def __init__(
        self, generator: ITextGenerator, load: Load, prompts: Sequence[Prompt], config: GenerationConfig, timeout: float
    ) -> None:
        self._generator, self._load, self._prompts = generator, load, prompts
        self._config, self._timeout = config, timeout
        self._issued = self.sent = self.done = self.failed = 0
        self._under_way, self._counted = 0, 0
        self._tasks: set[asyncio.Task[Row]] = set()
        self.in_flight_ns, self.start = 0.0, 0
        self.rows: list[Row] = []

    async def closed(self) -> None:
        await asyncio.gather(*(self._slot() for _ in range(self._load.concurrency)))

    async def open(self) -> None:
        for at in times_of(self._load):
            due = self.start + round(at * 1e9)
            await asyncio.sleep(max(0.0, (due - now()) / 1e9))
            task = asyncio.create_task(self._ask(due))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _slot(self) -> None:
        due = self.start
        await asyncio.sleep(max(0.0, (due - now()) / 1e9))
        while self._more():
            row = await self._ask(due)
            if row.error:
                await asyncio.sleep(_AFTER_FAILURE)
            due = now() if row.error else row.ended

    def _more(self) -> bool:
        load = self._load
        if load.requests:
            return self._issued < load.requests + load.warmup
        return now() < self.start + round((load.duration + load.warmup_seconds) * 1e9)

    async def _ask(self, due: int) -> Row:
        number = self._issued
        self._issued += 1
        prompt = self._prompts[number % len(self._prompts)]
        row = Row(number=number, prompt=number % len(self._prompts), intended=due, dispatched=now())
        row.warmup = number < self._load.warmup or due < self.start + round(self._load.warmup_seconds * 1e9)
        self._count(1)
        self.sent += 1
        row.sent, row.status = now(), 200
        try:
            await asyncio.wait_for(self._answer(row, prompt), self._timeout)
            self.done += 1
        except TimeoutError:
            row.error, row.message = "timeout", f"No end after {self._timeout:g} s."
        except UnifiedIntelligenceError as error:
            row.error = "timeout" if isinstance(error, TimedOutError) else error.code
            row.message = error.message[:300]
        self.failed += bool(row.error)
        row.ended = now()
        self._count(-1)
        self.rows.append(row)
        return row

    async def _answer(self, row: Row, prompt: Prompt) -> None:
        config = self._config
        if prompt.max_tokens:
            config = replace(config, max_tokens=prompt.max_tokens)
        shown, thought, called = list[str](), list[str](), list[str]()
        stream = self._generator.astream(cast("Any", prompt.messages), config)
        async with aclosing(cast("AsyncGenerator[Event, None]", stream)) as events:
            async for event in events:
                _add(row, event, now(), shown, thought, called)
        row.text, row.reasoning, row.tools = "".join(shown), "".join(thought), "".join(called)
        if not row.events and not row.error:
            row.error, row.message = "empty", "The stream has no piece of an answer."

    def _count(self, change: int) -> None:
        moment = now()
        self.in_flight_ns += self._under_way * (moment - (self._counted or moment))
        self._counted = moment
        self._under_way += change

    def account(self, kind: str, cpu: float = 0.0, wall: float = 0.0, moved: float = 0.0) -> Told:
        return Told(
            kind=kind, worker=0, sent=self.sent, done=self.done, failed=self.failed, in_flight=self._under_way,
            cpu_s=cpu, wall_s=wall, in_flight_ns=self.in_flight_ns, clock_moved_ms=moved,
        )  # fmt: skip


async def send(
    generator: ITextGenerator,
    load: Load,
    prompts: Sequence[Prompt],
    config: GenerationConfig,
    *,
    timeout: float,  # noqa: ASYNC109 it bounds each answer, not this call
    watch: Watch,
    watcher: Watcher | None = None,
) -> Gathered:
    """Runs a load to its end; cancelled, it raises, and what was measured is in `watch`."""
    run = _Run(generator, load, prompts, config, timeout)
    await generator.aload()
    steps, cpu, began = Steps(), time.process_time(), time.perf_counter()
    run.start = watch.start = now() + _AHEAD
    watch.rows = run.rows
    telling = asyncio.create_task(_tell(run, watch, watcher))
    try:
        await (run.open() if load.is_open else run.closed())
    finally:
        telling.cancel()
        account = run.account("end", time.process_time() - cpu, time.perf_counter() - began, steps.moved_ms())
        watch.workers[0] = account
    rows = sorted(run.rows, key=lambda row: row.number)
    return Gathered(rows=rows, accounts=[account], start=run.start, processes=1)


async def _tell(run: _Run, watch: Watch, watcher: Callable[[Watch], None] | None) -> None:
    while watcher is not None:
        await asyncio.sleep(_LOOK)
        watch.workers[0] = run.account("progress")
        watcher(watch)


def _add(row: Row, event: Event, stamp: int, shown: list[str], thought: list[str], called: list[str]) -> None:
    match event:
        case TextDelta(text) if text:
            shown.append(text)
            _saw(row, stamp, hidden=False)
        case ReasoningDelta(text) if text:
            thought.append(text)
            _saw(row, stamp, hidden=True)
        case ToolCallDelta():
            called.append(event.name + event.arguments)
            _saw(row, stamp, hidden=False)
        case Finished():
            row.finish = event.finish_reason
            row.tokens, row.counted_by = row.events, EVENTS
            if event.usage is not None:
                row.tokens, row.counted_by = event.usage.completion_tokens, USAGE
                row.prompt_tokens, row.reasoning_tokens = event.usage.prompt_tokens, event.usage.reasoning_tokens
        case _:
            pass


def _saw(row: Row, stamp: int, *, hidden: bool) -> None:
    row.events += 1
    row.reasoning_events += hidden
    if stamp - row.last > _TOGETHER:
        row.arrivals += 1
        if row.first:
            row.gaps_ms.append((stamp - row.last) / 1e6)
    row.first = row.first or stamp
    row.last = stamp
    if not hidden:
        row.visible = row.visible or stamp
