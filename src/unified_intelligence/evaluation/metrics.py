"""From the ends of attempts to the figures of a run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import fsum
from typing import TYPE_CHECKING

from unified_intelligence.evaluation.outcome import OUTCOMES
from unified_intelligence.evaluation.record import Attempt, Confidence, Metric, Question
from unified_intelligence.figures.statistics import LEVEL, mcnemar, paired_bootstrap, quantile, wilson

if TYPE_CHECKING:
    from unified_intelligence.evaluation.record import Run

COMPLETE = 0.99  # the coverage from which on a run's figures are those of its suite


def summarise(run: Run, attempts: Iterable[Attempt], questions: Mapping[str, Question]) -> None:
    """Fills in what run.json tells of the attempts at the planned samples, and how far the run came."""
    planned = set(run.planned_ids)
    ours = [own for own in attempts if own.sample_id in planned and own.epoch <= run.asking.epochs]
    n, outcomes = len(planned) * run.asking.epochs, Counter(own.outcome for own in ours)
    run.counts = {
        "planned": n,
        **{own: outcomes[own] for own in OUTCOMES},
        "missing": n - len(ours),
        "attainable": n - run.asking.epochs * len(planned.intersection(run.unattainable)),
    }
    run.metrics = _metrics(ours, n, run.asking.epochs, questions)
    run.error_types = dict(Counter(fault(own) for own in ours if own.outcome != "right").most_common())
    run.latency_s, run.tokens = _latency(ours), _tokens(ours)
    run.cost = _cost(ours, run.cost)
    run.pairs = _language_gap(ours, questions)


def coverage(run: Run) -> float:
    """The share of planned attempts that ended with an answer, right or not."""
    metric = run.metric("coverage")
    return metric.value or 0.0 if metric else 0.0


def is_complete(run: Run) -> bool:
    return coverage(run) >= COMPLETE


def fault(attempt: Attempt) -> str:
    """The kind of what went wrong, to group by."""
    if attempt.error is not None:
        return f"error: {attempt.error.type}"
    if attempt.outcome == "truncated" or attempt.score is None:
        return attempt.outcome
    return attempt.score.error_type or attempt.outcome


def _metrics(attempts: Sequence[Attempt], n: int, epochs: int, questions: Mapping[str, Question]) -> list[Metric]:
    answered = [own for own in attempts if own.outcome != "error"]
    found = [
        accuracy(answered),
        Metric(name="coverage", k=len(answered), n=n, value=len(answered) / n if n else 0.0),
        *_verdicts(answered, n),
        *_numbers(answered),
    ]
    if epochs > 1:
        found += _epochs(answered)
    for name, group in sorted(slices_of(answered, questions).items()):
        found.append(accuracy(group, name))
    return found


def accuracy(attempts: Sequence[Attempt], slice: str = "all") -> Metric:
    """Right of answered. Attempts at one sample are one piece of evidence: the interval counts samples."""
    shares = shares_right(attempts)
    k, n = fsum(shares.values()), len(shares)
    lo, hi = wilson(k, n)
    right = sum(1 for own in attempts if own.outcome == "right")
    ci = Confidence(lo=lo, hi=hi, level=LEVEL)
    return Metric(name="accuracy", slice=slice, k=right, n=len(attempts), value=k / n if n else None, ci=ci)


def shares_right(attempts: Iterable[Attempt]) -> dict[str, float]:
    """For each sample the share of its answered epochs that were right."""
    ends: defaultdict[str, list[bool]] = defaultdict(list)
    for own in attempts:
        if own.outcome != "error":
            ends[own.sample_id].append(own.outcome == "right")
    return {name: sum(own) / len(own) for name, own in ends.items()}


def slices_of(attempts: Iterable[Attempt], questions: Mapping[str, Question]) -> dict[str, list[Attempt]]:
    """Attempts by the groups of their samples, without a group that holds all. Each of several languages is a group."""
    languages = {own.language for own in questions.values() if own.language}
    found: defaultdict[str, list[Attempt]] = defaultdict(list)
    n = 0
    for own in attempts:
        n += 1
        question = questions.get(own.sample_id)
        if question is not None:
            for name in groups_of(question, several=len(languages) > 1):
                found[name].append(own)
    return {name: group for name, group in found.items() if len(group) < n}


def groups_of(question: Question, *, several: bool) -> list[str]:
    """The names a sample is counted under besides all; its language is one where there are several."""
    return list(dict.fromkeys([*question.slices, *([question.language] if question.language and several else [])]))


def _verdicts(answered: Sequence[Attempt], n: int) -> list[Metric]:
    """What other rules say, as shares of all that was planned: what has no answer passes nowhere."""
    passed: Counter[str] = Counter()
    for own in answered:
        passed.update({name: int(kept) for name, kept in own.score.verdicts.items()} if own.score else {})
    return [
        Metric(name=f"accuracy_{name}", k=k, n=n, value=k / n if n else None, ci=Confidence(lo=ci.lo, hi=ci.hi))
        for name, k in passed.items()
        if (ci := wilson(k, n))
    ]


def _numbers(answered: Sequence[Attempt]) -> list[Metric]:
    values: defaultdict[str, list[float]] = defaultdict(list)
    for own in answered:
        for name, value in own.score.numbers.items() if own.score else ():
            values[name].append(value)
    return [Metric(name=f"mean_{name}", n=len(own), value=fsum(own) / len(own)) for name, own in values.items()]


def _epochs(answered: Sequence[Attempt]) -> list[Metric]:
    shares = list(shares_right(answered).values())
    counted: tuple[tuple[str, Callable[[float], bool]], ...] = (
        ("right_in_any_epoch", lambda share: share > 0),
        ("right_in_every_epoch", lambda share: share == 1),
    )
    found: list[Metric] = []
    for name, holds in counted:
        k, n = sum(map(holds, shares)), len(shares)
        lo, hi = wilson(k, n)
        found.append(Metric(name=name, k=k, n=n, value=k / n if n else None, ci=Confidence(lo=lo, hi=hi)))
    return found


def _latency(attempts: Sequence[Attempt]) -> dict[str, float | None]:
    answered = [own for own in attempts if own.outcome != "error"]
    total = [own.latency_s for own in answered if own.latency_s is not None]
    first = [own.ttft_s for own in answered if own.ttft_s is not None]
    return {"p50": quantile(total, 0.5), "p95": quantile(total, 0.95), "ttft_p50": quantile(first, 0.5)}


def _tokens(attempts: Sequence[Attempt]) -> dict[str, int]:
    usages = [own.usage for own in attempts if own.usage is not None]
    return {
        "prompt": sum(own.prompt_tokens for own in usages),
        "completion": sum(own.completion_tokens for own in usages),
        "reasoning": sum(own.reasoning_tokens or 0 for own in usages),
        "counted": len(usages),
    }


def _cost(attempts: Sequence[Attempt], before: Mapping[str, object]) -> dict[str, object]:
    """The cost in US dollars: by a price of tokens, by the hours the run took, or unknown."""
    told = [own.cost_usd for own in attempts if own.cost_usd is not None]
    hour, seconds = before.get("usd_per_hour"), before.get("seconds")
    if isinstance(hour, int | float) and isinstance(seconds, int | float):
        return {**before, "usd": round(hour * seconds / 3600, 6), "basis": "hours"}
    if told:
        return {**before, "usd": round(fsum(told), 6), "basis": "price of tokens"}
    return {**before, "usd": None, "basis": "unknown"}


def _language_gap(attempts: Sequence[Attempt], questions: Mapping[str, Question]) -> dict[str, object] | None:
    """The same questions in two languages: how often only one of them was right."""
    shares, pairs = shares_right(attempts), defaultdict[str, dict[str, float]](dict)
    for name, share in shares.items():
        question = questions.get(name)
        if question is not None and question.pair and question.language:
            pairs[question.pair][question.language] = share
    both = [own for own in pairs.values() if len(own) == 2]
    names = sorted({name for own in both for name in own})
    if len(names) != 2:
        return None
    first, second = names
    differences = [own[first] - own[second] for own in both]
    only_first, only_second = sum(d > 0 for d in differences), sum(d < 0 for d in differences)
    lo, hi = paired_bootstrap(differences)
    return {
        "languages": names,
        "n": len(both),
        f"only_{first}": only_first,
        f"only_{second}": only_second,
        "difference": fsum(differences) / len(both),
        "ci": {"lo": lo, "hi": hi, "method": "paired bootstrap", "level": LEVEL},
        "p": mcnemar(only_first, only_second),
    }
