"""Percentiles with their intervals, and the interval of a difference. The same data give the same figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVEL = 0.95
DELTA_LEVEL = (
    0.99  # of a difference: five kinds of figures are looked at, and all together are to be wrong one time in twenty
)
SHARES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
_ROUNDS, _FEWEST, _WORK = 1000, 100, 20_000_000


class Distribution(Struct, kw_only=True, frozen=True):
    """Of `n` values. `ci` is the 95 % interval of each figure, lower and upper, by a bootstrap over requests.

    The upper end of a high percentile of few values is no more than the greatest of them.
    """

    n: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    ci: dict[str, tuple[float, float]]


def distribution(groups: Sequence[Sequence[float]]) -> Distribution | None:
    """Of all values of all groups. A group is what one request brought: its values are not independent."""
    import numpy as np

    groups = [group for group in groups if len(group)]
    if not groups:
        return None
    values = np.concatenate([np.asarray(group, dtype=float) for group in groups])
    figures = _figures(values)
    spread = np.array([list(own.values()) for own in _resampled(groups, values.size, seed=0)])
    low, high = np.quantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    ci = {name: (float(low[i]), float(high[i])) for i, name in enumerate(figures)}
    return Distribution(n=int(values.size), ci=ci, **figures)


def delta(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]
) -> dict[str, tuple[float, float, float, float]] | None:
    """How much the second is more than the first: for each figure (before, after, lower, upper) of the difference."""
    import numpy as np

    first, second = [own for own in first if len(own)], [own for own in second if len(own)]
    if not first or not second:
        return None
    sizes = [sum(map(len, own)) for own in (first, second)]
    before, after = (_figures(np.concatenate([np.asarray(own) for own in side])) for side in (first, second))
    drawn = zip(_resampled(first, sizes[0], seed=1), _resampled(second, sizes[1], seed=2), strict=False)
    spread = np.array([[other[name] - one[name] for name in before] for one, other in drawn])
    low, high = np.quantile(spread, [(1 - DELTA_LEVEL) / 2, (1 + DELTA_LEVEL) / 2], axis=0)
    return {name: (before[name], after[name], float(low[i]), float(high[i])) for i, name in enumerate(before)}


def wilson(met: int, of: int) -> tuple[float, float]:
    """The score interval of a share; of nothing it is all that is possible."""
    if of <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    share, spread = met / of, z * z / of
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of)) / (1 + spread)
    return (0.0 if met == 0 else centre - half), (1.0 if met == of else centre + half)


def percentile(values: Sequence[float], share: float) -> float:
    """Between neighbours in proportion; 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _figures(values: NDArray[Any]) -> dict[str, float]:
    import numpy as np

    shares = np.quantile(values, list(SHARES.values()))
    return {"mean": float(values.mean()), **{name: float(own) for name, own in zip(SHARES, shares, strict=True)}}


def _resampled(groups: Sequence[Sequence[float]], size: int, seed: int) -> list[dict[str, float]]:
    """The figures of so many runs that could as well have been: requests drawn with replacement."""
    import numpy as np

    draw = np.random.default_rng(seed)
    rounds = max(_FEWEST, min(_ROUNDS, _WORK // max(1, size)))
    if all(len(group) == 1 for group in groups):
        flat = np.array([group[0] for group in groups], dtype=float)
        return [_figures(flat[draw.integers(0, len(groups), len(groups))]) for _ in range(rounds)]
    arrays: list[NDArray[Any]] = [np.asarray(group, dtype=float) for group in groups]
    return [
        _figures(np.concatenate([arrays[i] for i in draw.integers(0, len(groups), len(groups))])) for _ in range(rounds)
    ]
