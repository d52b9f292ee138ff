"""The two ways to put questions: one in a request, as every generator can, or many, as a Space that evaluates does."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from unified_intelligence.entities.errors import ProtocolError, UnifiedIntelligenceError
from unified_intelligence.evaluation.asking import Reply, ask, reply_of
from unified_intelligence.evaluation.suite import Answer
from unified_intelligence.interfaces.sample_generator import ISampleGenerator, SampleAnswer
from unified_intelligence.interfaces.sample_generator import Sample as Asked

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Sample
    from unified_intelligence.interfaces.text_generator import ITextGenerator

MANY = 64  # samples handed over at once; who answers them sends as many in a call as he can


@dataclass(slots=True)
class Task:
    """A sample of an epoch, with the limits of this run; `tries` are the requests it took so far."""

    sample: Sample
    epoch: int
    tries: int = 0
    retried: tuple[str, ...] = ()
    ready: float = 0.0


Replies = AsyncGenerator[tuple[Task, Reply], None]


class Asker(Protocol):
    """Puts up to `size` questions; each gets one reply, in any order, as it comes."""

    size: int

    def ask(self, tasks: Sequence[Task]) -> Replies: ...


class OneByOne:
    """A question a request."""

    size = 1

    def __init__(self, generator: ITextGenerator) -> None:
        self._generator = generator

    async def ask(self, tasks: Sequence[Task]) -> Replies:
        for task in tasks:
            yield task, await ask(self._generator, task.sample)


class ManyAtOnce:
    """Many in a call, known by the run: asked again, what was computed is not computed again."""

    size = MANY

    def __init__(self, generator: ISampleGenerator, run_id: str) -> None:
        self._generator, self._run_id = generator, run_id

    async def ask(self, tasks: Sequence[Task]) -> Replies:
        left = {(task.sample.id, task.epoch): task for task in tasks}
        asked = [
            Asked(sample_id=task.sample.id, messages=task.sample.messages, config=task.sample.config, epoch=task.epoch)
            for task in tasks
        ]
        failure: UnifiedIntelligenceError = ProtocolError("The answers ended before all samples had one.", passing=True)
        try:
            async with aclosing(self._generator.asamples(self._run_id, asked)) as answers:
                async for come in answers:
                    task = left.pop((come.sample_id, come.epoch), None) if isinstance(come, SampleAnswer) else None
                    if task is not None and isinstance(come, SampleAnswer):
                        yield task, _reply(come)
        except UnifiedIntelligenceError as error:
            failure = error
        for number, task in enumerate(left.values()):
            yield task, replace(reply_of(failure), repeats=number > 0)


def _reply(come: SampleAnswer) -> Reply:
    result = come.result
    reply = reply_of(result) if isinstance(result, UnifiedIntelligenceError) else Reply(Answer.of(result))
    return replace(reply, started_at=come.started_at, queue_s=come.queue_s)


def asker_for(generator: ITextGenerator, run_id: str) -> Asker:
    if isinstance(generator, ISampleGenerator):
        return ManyAtOnce(generator, run_id)
    return OneByOne(generator)


def at_once(generator: ITextGenerator) -> int:
    """How many requests are sent side by side where nobody says: one that takes many samples is sent alone."""
    return 1 if isinstance(generator, ISampleGenerator) else generator.at_once
