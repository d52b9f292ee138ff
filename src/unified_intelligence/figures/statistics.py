"""What can be said of a share, of paired differences and of many values. Exact where it can be; no library."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

LEVEL = 0.95
_ROUNDS = 2000


class Interval(NamedTuple):
    lo: float
    hi: float


def wilson(met: float, of: float) -> Interval:
    """The score interval of a share; of nothing it is all that is possible. `met` may be a sum of shares."""
    if of <= 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    share, spread = met / of, z * z / of
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return Interval(0.0 if met <= 0 else max(0.0, centre - half), 1.0 if met >= of else min(1.0, centre + half))


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value of so many flips each way, if each way were equally likely; 1 without flips."""
    flips, fewer = only_first + only_second, min(only_first, only_second)
    if only_first == only_second:
        return 1.0
    ways, total = 1, 1
    for k in range(1, fewer + 1):
        ways = ways * (flips - k + 1) // k
        total += ways
    return float(min(1.0, _ratio(2 * total, flips)))


def _ratio(count: int, power: int) -> float:
    """count / 2**power, also where neither fits a float."""
    excess = max(0, count.bit_length() - 64)
    return math.ldexp(count >> excess, excess - power)


def paired_bootstrap(differences: Sequence[float]) -> Interval:
    """The percentile interval of the mean of paired differences, one a sample; the same data give the same one."""
    n = len(differences)
    if not n:
        return Interval(-1.0, 1.0)
    if all(own == differences[0] for own in differences):
        return Interval(differences[0], differences[0])
    draw = random.Random(0)
    means = sorted(math.fsum(draw.choices(differences, k=n)) / n for _ in range(_ROUNDS))
    tail = (1 - LEVEL) / 2
    return Interval(means[math.floor(tail * _ROUNDS)], means[math.ceil((1 - tail) * _ROUNDS) - 1])


def holm(values: Sequence[float]) -> list[float]:
    """p-values of a family, adjusted so that the chance of any false alarm keeps the level; in the same order."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = highest
    return adjusted


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which that share lies, between neighbours in proportion; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
