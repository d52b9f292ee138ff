"""One run from its plan to its figures: what it depends on, whether it goes on with one that is there, how it ends."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import ConfigurationError, UnifiedIntelligenceError
from unified_intelligence.evaluation.askers import asker_for
from unified_intelligence.evaluation.canonical import digest, input_digest, plain
from unified_intelligence.evaluation.folder import RUN, RunFolder, read_questions, read_run
from unified_intelligence.evaluation.metrics import is_complete, summarise
from unified_intelligence.evaluation.progress import Progress
from unified_intelligence.evaluation.record import Asking, Attempt, Key, Model, Question, Run, Status
from unified_intelligence.evaluation.runner import Rules, Runner, Work, make_ready, of_epoch, tasks_of
from unified_intelligence.figures.changed import changed
from unified_intelligence.interfaces.checkable import ICheckable
from unified_intelligence.interfaces.sample_generator import ISampleGenerator
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Choice, Sample, Suite
    from unified_intelligence.interfaces.text_generator import ITextGenerator

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_IDENTITY = ("model", "revision", "digest", "backend")
_MATTERS = "tools"  # what a provider must not pass over: without it another question is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Generating:
    """How all questions are answered. None leaves it to the sample, then to the provider."""

    temperature: float | None = 0.0
    max_tokens: int | None = None
    thinking: bool | None = None
    seed: int | None = None

    def of(self, sample: Sample) -> Sample:
        given = {name: value for name, value in self.given().items() if value is not None}
        return replace(sample, config=replace(sample.config, **given))  # pyright: ignore[reportArgumentType]

    def given(self) -> dict[str, object]:
        return {
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "thinking": self.thinking,
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is asked to be. `options` are those of the provider that change its answers, without keys."""

    name: str
    folder: Path
    choice: Choice
    suite: Suite
    provider: str
    options: Mapping[str, object]
    version: str
    limit: int | None = None
    epochs: int = 1
    generating: Generating = field(default_factory=Generating)
    rules: Rules = field(default_factory=Rules)
    usd_per_hour: float | None = None

    def depends_on(self) -> dict[str, object]:
        """Everything that changes answers. The limit and the epochs do not: they say how many there are."""
        data = self.suite.dataset
        return {
            "version of uic": self.version,
            "provider": self.provider,
            **{f"provider option {name}": plain(value) for name, value in sorted(self.options.items())},
            "suite": self.suite.name,
            "route": self.suite.route,
            "language": self.choice.language,
            "seed of the suite": self.choice.seed,
            "data": f"{data.name} {data.version} {data.sha256}",
            **{name.replace("_", " "): value for name, value in self.generating.given().items()},
        }

    def samples(self) -> tuple[Sample, ...]:
        return tuple(map(self.generating.of, limited(self.suite.samples, self.limit)))


def limited(samples: Sequence[Sample], limit: int | None) -> tuple[Sample, ...]:
    """As many samples as `limit` says, chosen by their ids: the same ones every time, and a larger limit only adds.
    Pairs stay whole.
    """
    if limit is None or limit >= len(samples):
        return tuple(samples)
    kept = {own.id for own in drawn(samples)[:limit]}
    return tuple(own for own in samples if own.id in kept)


def drawn(samples: Sequence[Sample]) -> list[Sample]:
    """The samples in an order that has nothing to do with what they ask: however far a run comes, its figure
    is fair.
    """
    return sorted(samples, key=lambda own: (sha256((own.pair or own.id).encode("utf-8", "replace")).digest(), own.id))


@dataclass(frozen=True, slots=True)
class Ended:
    """How a session ended; `asked` are the attempts it made, `hint` goes with the reason why it `run.stopped`.

    `failure` is what was said with the most frequent of its errors.
    """

    run: Run
    asked: int
    hint: str = ""
    failure: str = ""


Watching = Callable[[Progress], Awaitable[None]]


async def evaluate(plan: Plan, generator: ITextGenerator, watch: Watching | None = None) -> Ended:
    """Asks what is not answered yet, and writes run.json. `watch` is run beside it and cancelled at its end.

    Raises ConfigurationError where the run that is there depends on something else, and where the provider cannot be
    asked these questions. Cancelled, it leaves a partial run that the same call goes on with.
    """
    samples = plan.samples()
    with RunFolder(plan.folder) as folder:
        run = _run(plan, samples, folder)
        standing = _standing(run, folder, samples, plan.epochs)
        tasks = tasks_of(drawn(samples), plan.epochs, standing)
        questions = _questions(folder, samples)
        if not tasks:
            return Ended(_closed(run, folder, questions, 0.0), 0)
        await make_ready(generator)
        run.generation["ignored"] = _ignored(generator, samples, plan)
        run.executor["kind"] = kind_of(generator)
        _know(run, _same_model(run, {} if "model" in run.model.options else await told_by(generator)))
        folder.write_run(run)
        kept = [own for own in standing.values() if own.outcome != "error"]
        progress = Progress(len(samples) * plan.epochs, kept)
        runner = Runner(Work(plan.suite, folder, run.run_id), asker_for(generator, run.run_id), plan.rules, progress)
        watching = asyncio.ensure_future(watch(progress)) if watch else None
        started = time.perf_counter()
        try:
            await runner.run(tasks)
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            run.stopped = runner.breaker.reason
            _closed(run, folder, questions, time.perf_counter() - started)
        often = progress.errors.most_common(1)
        failure = runner.failures[often[0][0]] if often else ""
        return Ended(run, progress.ended, runner.breaker.hint, failure)


def _standing(run: Run, folder: RunFolder, samples: Sequence[Sample], epochs: int) -> dict[Key, Attempt]:
    """How the planned samples stand. Raises ConfigurationError where one was put otherwise than it is now."""
    found: dict[Key, Attempt] = {}
    for sample in samples:
        for epoch in range(1, epochs + 1):
            own = folder.attempts.get((sample.id, epoch))
            if own is None:
                continue
            if own.input_sha256 != input_digest(of_epoch(sample, epoch)):
                raise ConfigurationError(
                    f"The run {run.name} put the question {sample.id} otherwise: its messages, tools or limits.",
                    hint="Start another beside it with --new or --name NAME.",
                )
            found[own.key] = own
    return found


def _run(plan: Plan, samples: Sequence[Sample], folder: RunFolder) -> Run:
    """The run that is there, if it asks the same; else a new one. Raises ConfigurationError with the difference."""
    depends = plan.depends_on()
    run = read_run(folder.path) if (folder.path / RUN).is_file() else None
    if run is None:
        run = Run(
            run_id=new_id(),
            name=plan.name,
            status="running",
            started_at=_now(),
            fingerprint=digest(depends),
            depends_on=depends,
            tool={"name": "unified-intelligence-cli", "version": plan.version},
            executor={},
            model=Model(provider=plan.provider, options=dict(plan.options), route=plan.suite.route),
            generation=dict(plan.generating.given()),
            dataset=plan.suite.dataset,
            scorer=plan.suite.scorer,
            asking=_asking(plan),
            heuristic=plan.suite.heuristic,
        )
    refuse_differences(run, plan, depends)
    run.asking = _asking(plan)
    ids = [own.id for own in samples]
    run.planned_ids, chosen = ids, set(ids)
    run.disputed = {name: why for name, why in plan.suite.disputed.items() if name in chosen}
    run.unattainable = sorted(plan.suite.unattainable & chosen)
    run.executor |= {"concurrency": plan.rules.concurrency, "retries": plan.rules.retries}
    run.cost |= {} if plan.usd_per_hour is None else {"usd_per_hour": plan.usd_per_hour}
    run.status, run.stopped, run.ended_at = "running", "", None
    return run


def _asking(plan: Plan) -> Asking:
    return Asking(
        suite=plan.suite.name,
        language=plan.choice.language,
        seed=plan.choice.seed,
        data=None if plan.choice.data is None else str(plan.choice.data),
        limit=plan.limit,
        epochs=plan.epochs,
    )


def refuse_differences(run: Run, plan: Plan, depends: Mapping[str, object]) -> None:
    """Raises ConfigurationError where answers of another kind would be mixed with those that are there."""
    if other := changed(run.depends_on, depends):
        said = "; ".join(f"{name}: {_short(there)} there, {_short(now)} now" for name, (there, now) in other.items())
        raise ConfigurationError(
            f"The run {run.name} was made otherwise. {said}.",
            hint="Start another beside it with --new or --name NAME, or ask as it did.",
        )
    if run.scorer != plan.suite.scorer:
        raise ConfigurationError(
            f"The run {run.name} was scored by {run.scorer.name} {run.scorer.version}; this is version "
            f"{plan.suite.scorer.version}.",
            hint=f"Score it again first, no model is asked: uic eval rescore {run.name}",
        )


async def told_by(generator: ITextGenerator) -> dict[str, str]:
    """What a provider says of who answers, where it can be asked; one that is not there says nothing."""
    if not isinstance(generator, ICheckable):
        return {}
    try:
        return dict(await generator.acheck())
    except UnifiedIntelligenceError:
        return {}


def kind_of(generator: ITextGenerator) -> str:
    """Where answers are computed: in this process, in a Space that evaluates, or behind a server."""
    if isinstance(generator, InProcessTextGenerator):
        return "local"
    return "space" if isinstance(generator, ISampleGenerator) else "server"


def _know(run: Run, told: dict[str, str]) -> None:
    """Keeps what is known of the model: what was asked for, else what the provider tells."""
    own, given = run.model, run.model.options
    own.told = told
    own.id = str(given["model"]) if "model" in given else told.get("model")
    own.revision = str(given["revision"]) if "revision" in given else told.get("revision")


def _same_model(run: Run, told: Mapping[str, str]) -> dict[str, str]:
    """What is known of who answers. Raises ConfigurationError where it is another one than the run was begun with."""
    before = run.model.told
    for name in _IDENTITY:
        if name in before and name in told and before[name] != told[name]:
            raise ConfigurationError(
                f"The run {run.name} was answered by {name} {_short(before[name])}; now it is {_short(told[name])}.",
                hint="Start another beside it with --new or --name NAME.",
            )
    return {**before, **told}


def _short(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not set" if value in {None, ""} else str(value)[:80]


def _ignored(generator: ITextGenerator, samples: Sequence[Sample], plan: Plan) -> list[str]:
    """What was asked for and this provider passes over. Raises ConfigurationError where that changes the question."""
    asked = {name for own in samples for name in own.config.asked_for()}
    ignored = sorted(asked - generator.honoured)
    if _MATTERS in ignored:
        raise ConfigurationError(
            f"{plan.provider} takes no tools, and the route {plan.suite.route or 'of this suite'} needs them.",
            hint="Choose another with --route, or another provider: uic providers",
            provider=plan.provider,
        )
    if "thinking" in ignored and plan.generating.thinking is not None:
        raise ConfigurationError(
            f"{plan.provider} cannot switch thinking on or off, so --thinking and --no-thinking cannot be kept.",
            hint="Leave it out.",
        )
    return ignored


def _questions(folder: RunFolder, samples: Sequence[Sample]) -> dict[str, Question]:
    """The questions that the run has so far, and these."""
    known = read_questions(folder.path)
    new = {own.id: question_of(own) for own in samples if own.id not in known}
    if new:
        known.update(new)
        folder.write_questions(known.values())
    return known


def question_of(sample: Sample) -> Question:
    return Question(
        sample_id=sample.id,
        messages=[{"role": own.role, "content": own.content} for own in sample.messages],
        tools=tuple(own.name for own in sample.config.tools),
        reference=sample.reference,
        slices=sample.slices,
        language=sample.language,
        pair=sample.pair,
    )


def _closed(run: Run, folder: RunFolder, questions: Mapping[str, Question], seconds: float) -> Run:
    """Writes run.json as it stands now."""
    before = run.cost.get("seconds")
    run.cost["seconds"] = round((before if isinstance(before, int | float) else 0.0) + seconds, 3)
    summarise(run, folder.attempts.values(), questions)
    run.status = status_of(run)
    run.ended_at = _now()
    folder.write_run(run)
    return run


def status_of(run: Run) -> Status:
    """How far a summed-up run came."""
    if is_complete(run) and not run.counts["missing"]:
        return "complete"
    return "failed" if run.stopped else "partial"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_id() -> str:
    """A ULID: 48 bits of milliseconds, 80 of chance; ids in the order of their making sort so."""
    number = int(datetime.now(UTC).timestamp() * 1000) << 80 | int.from_bytes(os.urandom(10))
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
