"""The highest concurrency that keeps its limits: doubled until they break, then narrowed down between the two."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from unified_intelligence.benchmark.sweep.record import INVALID, MEASURED, Found

_FINE = 10  # the step left between what keeps the limits and what does not: a tenth of it, or 1


class Probe(NamedTuple):
    """A load that was sent. `share` is of requests within the limits, `state` as of a run."""

    concurrency: int
    run: str
    state: str
    share: float = 0.0
    requests_per_s: float = 0.0
    said: str = ""


class Bounds(NamedTuple):
    """`at_least` is the share of requests that must be within the limits."""

    at_least: float
    first: int
    most: int


def find_knee(probe: Callable[[int], Probe], bounds: Bounds) -> Found:
    """What was found, without its load and hash. A probe that is not valid ends the search: it proves nothing."""
    good: Probe | None = None
    bad: Probe | None = None
    concurrency = bounds.first
    while True:
        made = probe(concurrency)
        if made.state != MEASURED:
            why = f"{made.concurrency} at once is {made.state}: {made.said}"
            return _found(good, INVALID, why)
        if made.share >= bounds.at_least:
            good = made
        else:
            bad = made
        following = _next(good, bad, bounds)
        if following is None:
            return _found(good, MEASURED, _why(good, bad, bounds))
        concurrency = following


def _next(good: Probe | None, bad: Probe | None, bounds: Bounds) -> int | None:
    if good is None:
        lowest = bad.concurrency if bad else bounds.first
        return lowest // 2 or None
    if bad is None:
        return min(2 * good.concurrency, bounds.most) if good.concurrency < bounds.most else None
    gap = bad.concurrency - good.concurrency
    return good.concurrency + gap // 2 if gap > max(1, good.concurrency // _FINE) else None


def _why(good: Probe | None, bad: Probe | None, bounds: Bounds) -> str:
    if bad is None:
        return f"the most that was tried keeps them: {bounds.most}"
    said = f"{bad.concurrency} at once keeps {bad.share:.0%}"
    return said if good is not None else f"none does: {said}"


def _found(good: Probe | None, state: str, said: str) -> Found:
    if good is None:
        return Found(state=state, said=said)
    return Found(
        state=state,
        said=said,
        concurrency=good.concurrency,
        run=good.run,
        share=good.share,
        goodput_per_s=good.requests_per_s,
    )
