"""When requests are sent, as times after the start: fixed before the run, so that no delay adds up.

A Poisson process of N arrivals in T seconds is N times drawn evenly from [0, T): the count is exact and the gaps are
exponential.
"""

from __future__ import annotations

import math
import random

from unified_intelligence.benchmark.plan import Load
from unified_intelligence.entities.errors import InvalidRequestError

ARRIVALS = ("poisson", "constant")


def times_of(load: Load) -> list[float]:
    """Seconds after the start, in order, of an open load. Its warm-up comes first, at the same rate."""
    if load.trace:
        return sorted(load.trace)[: load.requests or None]
    if load.arrival not in ARRIVALS:
        raise InvalidRequestError(f"--arrival is poisson or constant, not {load.arrival!r}.")
    last = load.rate_end or load.rate
    mean = (load.rate + last) / 2
    if mean <= 0:
        raise InvalidRequestError("--rate is a number above 0, such as 10/s.")
    wanted = (load.requests or round(mean * load.duration)) + load.warmup + round(load.rate * load.warmup_seconds)
    span = wanted / mean
    draw = random.Random(load.seed)
    if load.arrival == "poisson":
        shares = sorted(draw.random() for _ in range(wanted))
    else:
        shares = [number / wanted for number in range(wanted)]
    if last == load.rate:
        return [share * span for share in shares]
    return [_inverse(share, load.rate, last, span) for share in shares]


def _inverse(share: float, first: float, last: float, span: float) -> float:
    """When a rate that goes linearly from `first` to `last` has had that share of its arrivals."""
    slope = (last - first) / span
    wanted = share * (first + last) / 2 * span
    return (math.sqrt(first * first + 2 * slope * wanted) - first) / slope
