"""Samples in, records out: as many in one call as fit into the time of a GPU, several side by side.

What a call did not get to is left: whoever asks again with the same run is given what is known and goes on from there.
Nothing is raised where the GPU is, and no sample's failure is another's.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from unified_intelligence.entities.errors import ModelError, TimedOutError, UnifiedIntelligenceError
from unified_intelligence.entities.generation import Collector, Finished, Notice
from unified_intelligence.gradio_space.eval_record import Record, failed, said
from unified_intelligence.gradio_space.eval_runs import KnownRun, Runs
from unified_intelligence.gradio_space.lending import OnGpu, lent, with_fewer_seconds
from unified_intelligence.interfaces.background_loop import events_of
from unified_intelligence.serving.enforcement import enforced

if TYPE_CHECKING:
    from unified_intelligence.gradio_space.eval_request import Run, Task
    from unified_intelligence.gradio_space.limits import AnswerLimits
    from unified_intelligence.interfaces.text_generator import ITextGenerator

log = logging.getLogger("unified_intelligence.gradio_space")

MOST_A_CALL = 64
_LOOK = 0.25  # seconds between two chances for who left to be noticed
_LEAST = 1.5  # times the seconds to start: fewer are of no use to a sample

Part = dict[str, Any]
_Asked = list[tuple[Any, Any]]


class Step(NamedTuple):
    """What came since the last one: records, maybe none, a sentence for people, and whether anybody works by now."""

    records: Sequence[Record] = ()
    notice: str = ""
    works: bool = True


class Evaluating:
    """The one way to records, for the endpoints and the page. `at_once` samples are answered side by side."""

    def __init__(
        self, generator: ITextGenerator, limits: AnswerLimits, *, at_once: int, on_gpu: OnGpu | None = None
    ) -> None:
        self.generator, self.limits = generator, limits
        self.at_once = max(1, min(at_once, generator.at_once))
        self.waits_for_gpu = on_gpu is not None
        self._runs = Runs()

        def work(asked: Any, since: Any, seconds: int) -> Generator[list[tuple[int, Part]], None, None]:
            yield from self._answers(asked, since, seconds if on_gpu else math.inf)

        self._work = lent(work, on_gpu)

    def call(self, run: Run, tasks: Sequence[Task]) -> Generator[Step, None, None]:
        """Makes at most one call of a GPU. Gives the records of the tasks that it got to, known and refused
        ones first.

        Closing it stops the work. Raises what ZeroGPU raises, and ServerBusyError.
        """
        with self._runs.working(run.run_id, [task.name for task in tasks], self.limits.seconds) as known:
            told, waiting = self._told_before(run.run_id, known, tasks)
            yield Step(told, works=False)
            if waiting:
                yield from self._computed(run.run_id, known, waiting)

    def _told_before(self, run_id: str, known: KnownRun, tasks: Sequence[Task]) -> tuple[list[Record], list[Task]]:
        """The records that take no GPU, and the samples that do."""
        told: list[Record] = []
        waiting: list[Task] = []
        for task in tasks:
            try:
                record = known.kept(task)
                if record is None:
                    self.limits.read(self.generator, task.messages, task.generation)
            except UnifiedIntelligenceError as error:
                told.append(known.add(run_id, task, failed(error)))
            else:
                told.append(record) if record else waiting.append(task)
        return told, waiting

    def _computed(self, run_id: str, known: KnownRun, waiting: Sequence[Task]) -> Generator[Step, None, None]:
        chosen = waiting[:MOST_A_CALL]
        works = [self.limits.work_of(task.messages, task.generation) for task in chosen]
        count, seconds = known.share(works, self.limits.seconds, self.limits.start)
        chosen, started, answered = chosen[:count], time.perf_counter(), 0
        asked: _Asked = [(task.messages, task.generation) for task in chosen]
        least = math.ceil(_LEAST * self.limits.start)
        steps = with_fewer_seconds(self._work, asked, started, seconds, least, lambda told: Step((), told, works=False))
        with closing(steps):
            for step in steps:
                if isinstance(step, Step):
                    yield step
                    continue
                new: list[tuple[int, Part]] = step
                parts = [(chosen[index], part) for index, part in new if "cut" not in part or count == 1]
                answered += len(parts)
                yield Step([known.add(run_id, task, _whole(part)) for task, part in parts])
        known.took(time.perf_counter() - started, answered)

    def _answers(self, asked: _Asked, since: float, seconds: float) -> Generator[list[tuple[int, Part]], None, None]:
        """Runs where the GPU is: the parts of records as they come, by the place of their sample; now and then none."""
        deadline, stop = time.perf_counter() + seconds, threading.Event()
        pool = ThreadPoolExecutor(min(self.at_once, len(asked)), "sample")
        try:
            under_way: dict[Future[Part], int] = {
                pool.submit(self._answer, *one, since, deadline, stop): index for index, one in enumerate(asked)
            }
            while under_way:
                done, _ = wait(under_way, _LOOK, FIRST_COMPLETED)
                yield [(under_way.pop(each), each.result()) for each in done]
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _answer(self, messages: Any, config: Any, since: float, deadline: float, stop: threading.Event) -> Part:
        """The part of one sample's record; one that has no more time is `cut`, after so many seconds."""
        started, first = time.perf_counter(), 0.0
        times: Part = {"queue_s": started - since, "started_at": datetime.now(UTC).isoformat(timespec="milliseconds")}
        came = Collector()
        try:
            turns, plan = self.limits.read(self.generator, messages, config)
            with closing(events_of(enforced(self.generator, turns, plan))) as events:
                for event in events:
                    came.add(event)
                    if not first and not isinstance(event, Notice):
                        first = time.perf_counter() - started
                    if stop.is_set() or (time.perf_counter() > deadline and not isinstance(event, Finished)):
                        return times | {"cut": time.perf_counter() - since, "text": "".join(came.text)}
            part = said(came.generation(), plan.config.max_tokens)
        except UnifiedIntelligenceError as error:
            error.partial = error.partial or "".join(came.text)
            part = failed(error)
        except Exception as error:  # one sample's; raised in a worker, it would end it and all the others
            log.exception("A sample broke.")
            part = failed(ModelError(f"The model broke: {type(error).__name__}.", hint="The Space's log says more."))
        return part | times | {"ttft_s": first or None, "latency_s": time.perf_counter() - started}


def _whole(part: Part) -> Part:
    """The whole record of a part. A sample that had a call for itself and was cut ends in an error: its model had more
    to say.
    """
    if "cut" not in part:
        return part
    seconds = part.pop("cut")
    error = TimedOutError("GPU", seconds, hint="Ask for fewer max_tokens, or raise GPU_SECONDS of the Space.")
    error.message = f"The answer took longer than the {seconds:.0f} s of a GPU that a call may have."
    error.partial = part["text"]
    whole = failed(error)
    whole["error"]["retryable"] = False
    return whole | {name: value for name, value in part.items() if name != "text"} | {"latency_s": seconds}
