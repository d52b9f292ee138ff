"""The arithmetic of the plots: fronts, knees, distributions, medians over time. It knows no plotting library."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from unified_intelligence.benchmark.compare import Change
from unified_intelligence.benchmark.metrics import GROUPS, Goodput, Metrics, goodput_of
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.statistics import delta, percentile
from unified_intelligence.dashboard.results import Result, measured

_PARTS_OF_TIME = {
    "join_ms": "joining", "queue_ms": "queue", "gpu_wait_ms": "wait for a GPU", "compute_ms": "model"
}  # fmt: skip
_NEAR = 0.09  # of an axis: a word that is closer to another lies on it
_POINTS, _BINS, _PARTS = 400, 40, 3


class Point(NamedTuple):
    """A run as a point: tokens a second of one GPU, and tokens a second that one reader gets."""

    result: Result
    reader: float
    gpu: float


def point_of(result: Result, gpus: int) -> Point | None:
    """The run as a point; None where an answer has fewer than two tokens: it has no speed."""
    tpot, rate = result.metrics.tpot_ms, tokens_per_s(result.metrics)
    if tpot is None or not tpot.p50 or not rate:
        return None
    return Point(result, 1000 / tpot.p50, rate / max(1, gpus))


def apart(points: Sequence[Point]) -> set[str]:
    """The names of those whose words have room beside those of the others, the fastest GPUs first."""
    wide = max((own.reader for own in points), default=1.0)
    high = max((own.gpu for own in points), default=1.0)
    kept: list[Point] = []
    for own in sorted(points, key=lambda own: -own.gpu):
        near = (abs(own.reader - at.reader) < _NEAR * wide and abs(own.gpu - at.gpu) < _NEAR * high for at in kept)
        if not any(near):
            kept.append(own)
    return {own.result.name for own in kept}


def tokens_per_s(metrics: Metrics) -> float:
    """Written, while the load was whole where the run is long enough to say."""
    told = metrics.throughput
    return told.get("steady_output_tokens_per_s") or told.get("output_tokens_per_s", 0.0)


def requests_per_s(metrics: Metrics) -> float:
    told = metrics.throughput
    return told.get("steady_requests_per_s") or told.get("requests_per_s", 0.0)


def front(points: Iterable[Point]) -> list[Point]:
    """Valid points that no other valid one beats in both, from the slowest reader to the fastest."""
    found: list[Point] = []
    for own in sorted((own for own in points if own.result.valid), key=lambda own: (-own.reader, -own.gpu)):
        if not found or own.gpu > found[-1].gpu:
            found.append(own)
    return found[::-1]


def goodput(result: Result, rows: Sequence[Row] | None, slo: Mapping[str, float]) -> Goodput | None:
    """Under any limits, from the rows; under the run's own they need not be read. None where it cannot be said."""
    told = result.metrics.goodput
    if told is not None and dict(told.slo) == dict(slo):
        return told
    if rows is None or not slo:
        return None
    return goodput_of(measured(rows), slo, result.metrics.seconds)


@dataclass(frozen=True, slots=True)
class Knee:
    """The highest load up to which every measured one met the limits; `result` None if the lowest missed them already.

    `reached` says that a higher load was measured and missed them: else the knee lies further on.
    """

    result: Result | None
    reached: bool


def knee(series: Sequence[tuple[Result, Goodput | None]], share: float) -> Knee | None:
    """The knee of one configuration, None without a valid run that has a goodput. INVALID runs do not count."""
    held: Result | None = None
    told = [(own, good) for own, good in series if own.valid and good is not None]
    for own, good in sorted(told, key=lambda pair: pair[0].place):
        if good.share < share:
            return Knee(held, reached=True)
        held = own
    return Knee(held, reached=False) if told else None


def cdf(values: Iterable[float]) -> tuple[list[float], list[float]]:
    """Values and the share that is at most each, at most 400 points: the last percent is kept whole."""
    ordered = sorted(values)
    count = len(ordered)
    if count <= _POINTS:
        kept = range(count)
    else:
        tail = range(max(count - _POINTS // 2, int(0.99 * count)), count)
        step = tail.start / (_POINTS - len(tail))
        kept = sorted({round(step * number) for number in range(_POINTS - len(tail))}.union(tail) & set(range(count)))
    return [ordered[at] for at in kept], [(at + 1) / count for at in kept]


def parts_of(metrics: Metrics) -> dict[str, float]:
    """Where an answer's time went, in mean ms, as far as its server told; nothing where it told nothing."""
    told = {said: getattr(metrics, name) for name, said in _PARTS_OF_TIME.items() if name in GROUPS}
    found = {said: float(own.mean) for said, own in told.items() if own is not None}
    if not found or metrics.e2e_ms is None:
        return {}
    return {**found, "the rest": max(0.0, metrics.e2e_ms.mean - sum(found.values()))}


class Moment(NamedTuple):
    """A request: seconds after the run's first, and its time to first token."""

    seconds: float
    ttft_ms: float
    warmup: bool


def moments(rows: Sequence[Row]) -> list[Moment]:
    """All answered requests in the order they were sent, the warm-up too."""
    start = min((row.dispatched for row in rows), default=0)
    found = [
        Moment((row.sent - start) / 1e9, row.ttft_ms, row.warmup)
        for row in rows
        if row.ttft_ms is not None and not row.error
    ]
    return sorted(found)


def medians(found: Sequence[Moment]) -> tuple[list[float], list[float]]:
    """The median of each of at most 40 equal parts of the time; a part without a request is left out."""
    if not found:
        return [], []
    end = found[-1].seconds or 1.0
    count = max(1, min(_BINS, len(found) // 5))
    groups: list[list[Moment]] = [[] for _ in range(count)]
    for own in found:
        groups[min(count - 1, int(count * own.seconds / end))].append(own)
    filled = [group for group in groups if group]
    times = [percentile([own.seconds for own in group], 0.5) for group in filled]
    return times, [percentile([own.ttft_ms for own in group], 0.5) for group in filled]


def thinned(found: Sequence[Moment], most: int) -> tuple[list[Moment], int]:
    """The requests in stretches of equal length, of each the slowest, so that at most `most` are left; and
    that length.
    """
    step = -(-len(found) // most) if found else 1
    return [max(found[at : at + step], key=lambda own: own.ttft_ms) for at in range(0, len(found), step)], step


class Drift(NamedTuple):
    """The median of the last third of the measured time beside that of the first, with the 99 % interval."""

    warmup_ms: float | None
    first_ms: float
    last_ms: float
    lower: float
    upper: float

    @property
    def verdict(self) -> str:
        """Less than noise, or than the measurement is off by, is steady."""
        own = Change(
            figure="ttft_ms.p50", before=self.first_ms, after=self.last_ms, lower=self.lower, upper=self.upper
        )  # fmt: skip
        return {"worse": "slower", "better": "faster"}.get(own.verdict, "steady")


def drift(found: Sequence[Moment]) -> Drift | None:
    """How the time to first token drifts; None for too few requests to tell."""
    return _drift(tuple(found))


@lru_cache(maxsize=64)
def _drift(found: tuple[Moment, ...]) -> Drift | None:
    counted = [own for own in found if not own.warmup]
    if len(counted) < 10 * _PARTS:
        return None
    span = (counted[-1].seconds - counted[0].seconds) / _PARTS
    times = [own.seconds for own in counted]
    one = counted[: bisect_right(times, counted[0].seconds + span)]
    other = counted[bisect_right(times, counted[-1].seconds - span) :]
    changes = delta([(own.ttft_ms,) for own in one], [(own.ttft_ms,) for own in other])
    if changes is None:
        return None
    before, after, lower, upper = changes["p50"]
    warm = [own.ttft_ms for own in found if own.warmup]
    return Drift(percentile(warm, 0.5) if warm else None, before, after, lower, upper)


def ticks(values: Iterable[float], least: float = 0.07) -> list[float]:
    """The values that stand far enough apart on a logarithmic axis to be its ticks; the greatest always."""
    from math import log

    ordered = sorted(set(values), reverse=True)
    if len(ordered) < 2 or ordered[-1] <= 0:
        return ordered[::-1]
    whole = log(ordered[0] / ordered[-1])
    kept = [ordered[0]]
    for own in ordered[1:]:
        if log(kept[-1] / own) >= least * whole:
            kept.append(own)
    return kept[::-1]
