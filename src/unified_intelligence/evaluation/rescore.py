"""Scores the answers of a run again. No model is asked: after a mended scorer, or one that broke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.entities.generation import Timings
from unified_intelligence.evaluation.folder import RunFolder, read_questions, read_run
from unified_intelligence.evaluation.metrics import summarise
from unified_intelligence.evaluation.outcome import outcome_of
from unified_intelligence.evaluation.record import Attempt, Key, Run
from unified_intelligence.evaluation.runner import SCORER_FAILED, judged
from unified_intelligence.evaluation.session import status_of
from unified_intelligence.evaluation.suite import Answer, Choice

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Sample, Suite


@dataclass(frozen=True, slots=True)
class Rescored:
    """`changed` are the attempts that end otherwise now: before and after."""

    run: Run
    before: tuple[str, str]
    changed: Mapping[Key, tuple[str, str]]


def choice_of(run: Run, *, data: Path | None, cache: Path | None, offline: bool) -> Choice:
    """What the suite of a run was built with; `data` is where its data lies now, if elsewhere."""
    kept = None if run.asking.data is None else Path(run.asking.data)
    return Choice(
        name=run.asking.suite,
        route=run.model.route,
        language="fr" if run.asking.language == "fr" else "en" if run.asking.language == "en" else "",
        seed=run.asking.seed,
        data=data or kept,
        cache=cache,
        offline=offline,
    )


def rescore(folder: Path, suite: Suite) -> Rescored:
    """Writes the new scores in place of the old ones. Raises ConfigurationError where the data is not the run's."""
    run = read_run(folder)
    if suite.dataset.sha256 != run.dataset.sha256:
        raise ConfigurationError(
            f"{suite.name} has other data now ({suite.dataset.sha256[:12]}) than the run {run.name} "
            f"({run.dataset.sha256[:12]}).",
            hint="Give it the data of the run: --data PATH",
        )
    samples = {own.id: own for own in suite.samples}
    with RunFolder(folder) as own:
        scored = {key: _again(suite, samples, attempt) for key, attempt in own.attempts.items()}
        changed = {
            key: (attempt.outcome, scored[key].outcome)
            for key, attempt in own.attempts.items()
            if attempt.outcome != scored[key].outcome
        }
        before = (run.scorer.name, run.scorer.version)
        own.rewrite(scored)
        run.scorer, run.heuristic = suite.scorer, suite.heuristic
        planned = set(run.planned_ids)
        run.disputed = {name: why for name, why in suite.disputed.items() if name in planned}
        run.unattainable = sorted(suite.unattainable & planned)
        summarise(run, scored.values(), read_questions(folder))
        run.status = status_of(run)
        own.write_run(run)
    return Rescored(run, before, changed)


def answer_of(attempt: Attempt) -> Answer:
    """The answer as it was kept."""
    broke = attempt.error is not None and attempt.error.type == SCORER_FAILED
    has_timings = attempt.ttft_s is not None and attempt.latency_s is not None
    return Answer(
        text=attempt.text,
        reasoning=attempt.reasoning,
        tool_calls=attempt.tool_calls,
        finish_reason=attempt.finish_reason,
        unreadable=attempt.unreadable,
        usage=attempt.usage,
        timings=Timings(attempt.ttft_s or 0.0, attempt.latency_s or 0.0) if has_timings else None,
        error=None if broke else attempt.error,
    )


def _again(suite: Suite, samples: Mapping[str, Sample], attempt: Attempt) -> Attempt:
    sample = samples.get(attempt.sample_id)
    if sample is None:
        raise ConfigurationError(f"{suite.name} has no sample {attempt.sample_id!r}.", hint="Is it the same version?")
    if attempt.max_tokens != sample.config.max_tokens:
        sample = replace(sample, config=replace(sample.config, max_tokens=attempt.max_tokens))
    answer, score = judged(suite, sample, answer_of(attempt))
    return msgspec.structs.replace(
        attempt,
        outcome=outcome_of(answer, score, attempt.max_tokens),
        scores={} if score is None else {suite.scorer.name: score},
        error=answer.error,
    )
