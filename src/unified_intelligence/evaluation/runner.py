"""Asks every question of a suite that has no answer yet, so many at once, and writes each end down at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import ProviderError
from unified_intelligence.evaluation.askers import Asker, Task
from unified_intelligence.evaluation.asking import Reply
from unified_intelligence.evaluation.breaker import Breaker
from unified_intelligence.evaluation.canonical import input_digest
from unified_intelligence.evaluation.outcome import outcome_of
from unified_intelligence.evaluation.record import Attempt, Key
from unified_intelligence.evaluation.suite import Answer, Failure, Sample, Score, Suite

if TYPE_CHECKING:
    from unified_intelligence.evaluation.folder import RunFolder
    from unified_intelligence.evaluation.progress import Progress
    from unified_intelligence.interfaces.text_generator import ITextGenerator

_SYNC = 0.2  # seconds within which what was appended is on the disk
_LONGEST_PAUSE = 300.0  # a server that asks for more is not waited for
_LONGEST_BACKOFF = 30.0
SCORER_FAILED = "scorer_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How to ask. `retries` are further tries of a question whose error may pass; `backoff` is the first pause in s."""

    concurrency: int = 8
    retries: int = 3
    backoff: float = 0.5
    price: tuple[float, float] | None = None
    """US dollars for a million tokens read and a million written."""


def tasks_of(samples: Sequence[Sample], epochs: int, standing: Mapping[Key, Attempt]) -> list[Task]:
    """What is still to ask, epoch by epoch: all but what has an answer."""
    tasks: list[Task] = []
    for epoch in range(1, epochs + 1):
        for sample in samples:
            before = standing.get((sample.id, epoch))
            if before is None or before.outcome == "error":
                tasks.append(Task(of_epoch(sample, epoch), epoch, before.attempt if before else 0))
    return tasks


def of_epoch(sample: Sample, epoch: int) -> Sample:
    """The sample as it is asked in an epoch: each has a seed of its own, where there is one."""
    if epoch == 1 or sample.config.seed is None:
        return sample
    return replace(sample, config=replace(sample.config, seed=sample.config.seed + epoch - 1))


@dataclass(frozen=True, slots=True)
class Work:
    """Whose questions are asked, and where the ends are written down."""

    suite: Suite
    folder: RunFolder
    run_id: str


class Runner:
    """One run. `run` returns when all is asked or the breaker trips; cancelled, it leaves what ended written down."""

    def __init__(self, work: Work, asker: Asker, rules: Rules, progress: Progress) -> None:
        self.breaker = Breaker()
        self.failures: dict[str, str] = {}
        """Of each kind of error that a question ended with, what the last one said, and what can be done."""
        self._work, self._asker, self._rules, self._progress = work, asker, rules, progress
        self._queue: asyncio.Queue[Task | None] = asyncio.Queue()
        self._open = 0
        self._pause_until = 0.0
        self._waiting: dict[int, tuple[asyncio.TimerHandle, Task, Reply]] = {}

    async def run(self, tasks: Sequence[Task]) -> None:
        now = time.perf_counter()
        for task in tasks:
            task.ready = now
            self._queue.put_nowait(task)
        self._open = len(tasks)
        if not tasks:
            return
        stopping = asyncio.create_task(self.breaker.tripped.wait())
        syncing = asyncio.create_task(self._sync())
        workers = [asyncio.create_task(self._worker()) for _ in range(min(self._rules.concurrency, len(tasks)))]
        working = asyncio.gather(*workers)
        try:
            await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            for one in (stopping, syncing, *workers):
                one.cancel()
            await asyncio.gather(stopping, syncing, working, return_exceptions=True)
            self._give_up_waiting()
            self._work.folder.sync()

    async def _sync(self) -> None:
        while True:
            await asyncio.sleep(_SYNC)
            await asyncio.to_thread(self._work.folder.sync)

    async def _worker(self) -> None:
        while (task := await self._queue.get()) is not None:
            taken = [task, *self._more()]
            await self._pause()
            if not await self.breaker.turn():
                return
            await self._put(taken)
            if not self._open:
                for _ in range(self._rules.concurrency):
                    self._queue.put_nowait(None)

    async def _pause(self) -> None:
        """Waits as long as a server asked for; meanwhile it may ask for more."""
        while (pause := self._pause_until - time.perf_counter()) > 0:  # noqa: ASYNC110 - time is what is waited for
            await asyncio.sleep(pause)

    def _more(self) -> list[Task]:
        """As many more tasks as go into one request."""
        found: list[Task] = []
        while len(found) < self._asker.size - 1 and not self._queue.empty():
            task = self._queue.get_nowait()
            if task is None:
                self._queue.put_nowait(None)
                break
            found.append(task)
        return found

    async def _put(self, tasks: Sequence[Task]) -> None:
        began, stamp = time.perf_counter(), datetime.now(UTC).isoformat(timespec="milliseconds")
        self._progress.asked += len(tasks)
        left = len(tasks)
        try:
            async with aclosing(self._asker.ask(tasks)) as replies:
                async for task, reply in replies:
                    left -= 1
                    self._progress.asked -= 1
                    task.tries += 1
                    self._take(task, reply, reply.started_at or stamp, began - task.ready)
        finally:
            self._progress.asked -= left

    def _take(self, task: Task, reply: Reply, stamp: str, queued: float) -> None:
        error = reply.answer.error
        if error is None:
            self.breaker.answered()
        elif not reply.repeats:
            busy = reply.retry_after is not None or error.type == "rate_limited"
            self.breaker.failed(error.message, hint=reply.hint, for_all=reply.for_all, busy=busy)
        can_retry = error is not None and error.retryable and len(task.retried) < self._rules.retries
        if not (can_retry and self._again(task, reply)):
            self._keep(task, reply, stamp, queued)

    def _keep(self, task: Task, reply: Reply, stamp: str, queued: float) -> None:
        """Writes down how it ended."""
        attempt = attempt_of(self._work.suite, task, reply.answer, self._work.run_id)
        attempt.started_at, attempt.queue_s = stamp, round(queued if reply.queue_s is None else reply.queue_s, 4)
        attempt.cost_usd = _cost(reply.answer, self._rules.price)
        self._work.folder.append(attempt)
        self._progress.add(attempt)
        if attempt.error is not None:
            self.failures[attempt.error.type] = f"{attempt.error.message} {reply.hint}".strip()
        self._open -= 1

    def _again(self, task: Task, reply: Reply) -> bool:
        """Puts a task back for later; False where the server asks for more patience than there is."""
        assert reply.answer.error is not None
        asked, now = reply.retry_after or 0.0, time.perf_counter()
        if asked > _LONGEST_PAUSE:
            return False
        self._pause_until = max(self._pause_until, now + asked)
        longest = min(_LONGEST_BACKOFF, self._rules.backoff * 2 ** len(task.retried))
        delay = asked + random.uniform(longest / 10, longest)
        task.retried = (*task.retried, reply.answer.error.type)
        task.ready = now + delay
        self._progress.retries[reply.answer.error.type] += 1
        handle = asyncio.get_running_loop().call_later(delay, self._return, task)
        self._waiting[id(task)] = (handle, task, reply)
        return True

    def _return(self, task: Task) -> None:
        del self._waiting[id(task)]
        self._queue.put_nowait(task)

    def _give_up_waiting(self) -> None:
        """Tries nothing again. If the breaker tripped, waiting tasks end with the error they had; else they are only
        unfinished.
        """
        for handle, task, reply in self._waiting.values():
            handle.cancel()
            if self.breaker.reason:
                self._keep(task, reply, "", 0.0)


def attempt_of(suite: Suite, task: Task, answer: Answer, run_id: str) -> Attempt:
    """The line of an answer, judged."""
    answer, score = judged(suite, task.sample, answer)
    timings = answer.timings
    return Attempt(
        run_id=run_id,
        sample_id=task.sample.id,
        epoch=task.epoch,
        attempt=task.tries,
        outcome=outcome_of(answer, score, task.sample.config.max_tokens),
        input_sha256=input_digest(task.sample),
        text=_sound(answer.text),
        reasoning=_sound(answer.reasoning),
        tool_calls=tuple(replace(own, arguments=_sound(own.arguments)) for own in answer.tool_calls),
        finish_reason=answer.finish_reason,
        unreadable=answer.unreadable,
        max_tokens=task.sample.config.max_tokens,
        usage=answer.usage,
        ttft_s=None if timings is None else round(timings.first_event, 4),
        latency_s=None if timings is None else round(timings.total, 4),
        scores={} if score is None else {suite.scorer.name: score},
        error=answer.error,
        retried=task.retried,
    )


def scored(suite: Suite, sample: Sample, answer: Answer) -> Score | None:
    """What the suite says of an answer; None where there is none to judge."""
    return None if answer.error is not None else suite.score(sample, answer)


def judged(suite: Suite, sample: Sample, answer: Answer) -> tuple[Answer, Score | None]:
    """An answer with its score. A scorer that breaks loses no answer: it becomes an error that `rescore` mends."""
    try:
        return answer, scored(suite, sample, answer)
    except Exception as error:  # noqa: BLE001 - a suite is somebody else's code, and the answer was paid for
        failure = Failure(type=SCORER_FAILED, message=f"{type(error).__name__}: {error}")
        return replace(answer, error=failure), None


def _sound(text: str) -> str:
    """Halves of a surrogate pair, which a model may write, cannot be kept in a file."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _cost(answer: Answer, price: tuple[float, float] | None) -> float | None:
    if price is None or answer.usage is None:
        return None
    return (answer.usage.prompt_tokens * price[0] + answer.usage.completion_tokens * price[1]) / 1e6


async def make_ready(generator: ITextGenerator) -> None:
    """Lets it load what it answers with. A server that is not there is found out by the questions."""
    try:
        await generator.aload()
    except ProviderError:
        return
