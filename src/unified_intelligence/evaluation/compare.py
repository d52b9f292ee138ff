"""Two runs of the same questions: what changed, whether chance explains it, and which samples flipped.

Samples are paired by their id. With several epochs a sample counts once, with the share of its epochs that were right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from pathlib import Path
from typing import Any, NamedTuple

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.evaluation.folder import is_written, read_attempts, read_questions, read_run
from unified_intelligence.evaluation.metrics import fault, is_complete, shares_right, slices_of, summarise
from unified_intelligence.evaluation.record import Attempt, Question, Run
from unified_intelligence.evaluation.session import status_of
from unified_intelligence.figures.changed import changed
from unified_intelligence.figures.statistics import Interval, holm, mcnemar, paired_bootstrap, quantile

ALPHA = 0.05
PAIRED = "paired_difference_p50"


class Read(NamedTuple):
    """A run as it is on disk; `attempts` are those at its planned samples."""

    run: Run
    attempts: list[Attempt]
    questions: dict[str, Question]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A slice: of `n` paired samples, how much more often the second run was right.

    `only_first` and `only_second` count the samples at which that run was the better; `p` is exact, `p_holm` adjusted
    over all slices but "all", which is a question of its own.
    """

    slice: str
    n: int
    first: float
    second: float
    only_first: int
    only_second: int
    difference: float
    ci: Interval
    p: float
    p_holm: float

    @property
    def significant(self) -> bool:
        return self.p_holm < ALPHA

    @property
    def regression(self) -> bool:
        return self.significant and self.difference < 0


@dataclass(frozen=True, slots=True)
class Flip:
    """A sample that one run had right and the other had not: `before` and `after` say how each ended."""

    sample_id: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`unpaired` are samples that count on neither side: an error, or not asked, in one of the runs."""

    first: str
    second: str
    rows: tuple[Row, ...]
    lost: tuple[Flip, ...]
    gained: tuple[Flip, ...]
    unpaired: tuple[str, ...]
    changed: Mapping[str, tuple[object, object]]
    latency: Mapping[str, tuple[float | None, float | None]]
    cost: tuple[object, object]
    tokens: tuple[int, int]
    complete: bool
    forced: bool = False

    @property
    def regressions(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.regression)


def read(folder: Path) -> Read:
    """Raises ConfigurationError for what is no run. One that was killed, or goes on, is summed up as it stands."""
    run, questions = read_run(folder), read_questions(folder)
    planned, everything = set(run.planned_ids), read_attempts(folder)
    if run.status == "running":
        summarise(run, everything.values(), questions)
        if not is_written(folder):
            run.status = status_of(run)
    attempts = [own for own in everything.values() if own.sample_id in planned and own.epoch <= run.asking.epochs]
    return Read(run, attempts, questions)


def compare(first: Read, second: Read, *, force: bool = False) -> Comparison:
    """Raises InvalidRequestError where the runs have other data or another scorer, unless forced."""
    differences = _unlike(first.run, second.run)
    if differences and not force:
        raise InvalidRequestError(
            f"{first.run.name} and {second.run.name} cannot be compared. {' '.join(differences)}",
            hint="Run both on the same data; after a change of the scorer: uic eval rescore RUN. Or insist: --force",
        )
    shares = shares_right(first.attempts), shares_right(second.attempts)
    both = shares[0].keys() & shares[1].keys()
    asked = {*first.run.planned_ids, *second.run.planned_ids}
    lost, gained = _flips(first.attempts, second.attempts, shares, both)
    return Comparison(
        first=first.run.name,
        second=second.run.name,
        rows=_rows(second, shares, both),
        lost=lost,
        gained=gained,
        unpaired=tuple(sorted(asked - both)),
        changed=changed(first.run.depends_on, second.run.depends_on),
        latency=_latency(first, second),
        cost=(first.run.cost.get("usd"), second.run.cost.get("usd")),
        tokens=(first.run.tokens.get("completion", 0), second.run.tokens.get("completion", 0)),
        complete=is_complete(first.run) and is_complete(second.run),
        forced=bool(differences),
    )


def as_json(comparison: Comparison) -> dict[str, Any]:
    """For machines: what it holds, and what follows from it."""
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(comparison)
    told["rows"] = [
        {**msgspec.to_builtins(row), "ci": {"lo": row.ci.lo, "hi": row.ci.hi}, "significant": row.significant}
        for row in comparison.rows
    ]
    return {**told, "regressions": [row.slice for row in comparison.regressions]}


def _unlike(first: Run, second: Run) -> list[str]:
    found: list[str] = []
    if first.dataset.sha256 != second.dataset.sha256:
        one, other = first.dataset, second.dataset
        found.append(
            f"Their data differs: {one.name} {one.version} ({one.sha256[:12]}) and {other.name} {other.version} "
            f"({other.sha256[:12]})."
        )
    if first.scorer != second.scorer:
        found.append(
            f"Their scorers differ: {first.scorer.name} {first.scorer.version} and {second.scorer.name} "
            f"{second.scorer.version}."
        )
    return found


Shares = tuple[Mapping[str, float], Mapping[str, float]]


def _rows(second: Read, shares: Shares, both: Iterable[str]) -> tuple[Row, ...]:
    kept = set(both)
    groups = {
        name: {own.sample_id for own in group} & kept
        for name, group in slices_of(second.attempts, second.questions).items()
    }
    named = [(name, sorted(ids)) for name, ids in sorted(groups.items()) if ids]
    tested = [_tested(ids, shares) for _, ids in named]
    adjusted = holm([own[3] for own in tested])
    everything = _tested(sorted(kept), shares)
    whole = [("all", sorted(kept), everything, everything[3])]
    whole += [(name, ids, own, p) for (name, ids), own, p in zip(named, tested, adjusted, strict=True)]
    return tuple(_row(name, ids, shares, own, p) for name, ids, own, p in whole)


def _tested(ids: Sequence[str], shares: Shares) -> tuple[list[float], int, int, float]:
    """The differences, how many samples each run was better at, and the exact p-value."""
    differences = [shares[1][own] - shares[0][own] for own in ids]
    worse, better = sum(d < 0 for d in differences), sum(d > 0 for d in differences)
    return differences, worse, better, mcnemar(worse, better)


def _row(
    name: str, ids: Sequence[str], shares: Shares, tested: tuple[list[float], int, int, float], p_holm: float
) -> Row:
    differences, worse, better, p = tested
    n = len(ids)
    return Row(
        slice=name,
        n=n,
        first=_mean([shares[0][own] for own in ids]),
        second=_mean([shares[1][own] for own in ids]),
        only_first=worse,
        only_second=better,
        difference=_mean(differences),
        ci=paired_bootstrap(differences),
        p=p,
        p_holm=p_holm,
    )


def _mean(values: Sequence[float]) -> float:
    return fsum(values) / len(values) if values else 0.0


def _flips(
    first: Iterable[Attempt], second: Iterable[Attempt], shares: Shares, both: Iterable[str]
) -> tuple[tuple[Flip, ...], tuple[Flip, ...]]:
    """The samples that were lost and those that were gained, each by id."""
    before, after = _ends(first), _ends(second)
    lost: list[Flip] = []
    gained: list[Flip] = []
    for own in sorted(both):
        difference = shares[1][own] - shares[0][own]
        if difference:
            (gained if difference > 0 else lost).append(Flip(own, before[own], after[own]))
    return tuple(lost), tuple(gained)


def _ends(attempts: Iterable[Attempt]) -> dict[str, str]:
    """How a sample ended, all its epochs in a row."""
    ends: dict[str, list[str]] = {}
    for own in sorted(attempts, key=lambda own: own.epoch):
        ends.setdefault(own.sample_id, []).append("right" if own.outcome == "right" else fault(own))
    return {name: ", ".join(dict.fromkeys(own)) for name, own in ends.items()}


def _latency(first: Read, second: Read) -> dict[str, tuple[float | None, float | None]]:
    """Medians over all, and the median of what each sample took more, in seconds."""
    told = {
        name: (first.run.latency_s.get(name), second.run.latency_s.get(name)) for name in ("p50", "p95", "ttft_p50")
    }
    one, other = (
        {own.key: own.latency_s for own in side.attempts if own.latency_s is not None} for side in (first, second)
    )
    more = [other[key] - one[key] for key in one.keys() & other.keys()]
    return {**told, PAIRED: (0.0, quantile(more, 0.5)) if more else (None, None)}
