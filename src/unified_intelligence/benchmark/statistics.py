"""Percentiles with their intervals, and the interval of a difference. The same data give the same figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

from unified_intelligence.figures.statistics import LEVEL, quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Of a difference: five kinds of figures are looked at, and all together are to be wrong one time in twenty.
DELTA_LEVEL = 0.99
SHARES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99}
_ROUNDS, _FEWEST, _WORK, _AT_ONCE = 1000, 200, 20_000_000, 1_000_000


class Distribution(Struct, kw_only=True, frozen=True):
    """The distribution of `n` values. `ci` is the 95 % interval of each figure, lower and upper, by a bootstrap over
    requests.

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
    """The distribution of all values of all groups, None without any. A group is what one request brought: its values
    are not independent.
    """
    import numpy as np

    groups = [group for group in groups if len(group)]
    if not groups:
        return None
    values = np.concatenate([np.asarray(group, dtype=float) for group in groups])
    figures = _figures(values)
    ci = {name: _ends(own, LEVEL) for name, own in _resampled(groups, values.size, seed=0).items()}
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
    one, other = _resampled(first, sizes[0], seed=1), _resampled(second, sizes[1], seed=2)
    found: dict[str, tuple[float, float, float, float]] = {}
    for name in before:
        rounds = min(len(one[name]), len(other[name]))
        found[name] = (before[name], after[name], *_ends(other[name][:rounds] - one[name][:rounds], DELTA_LEVEL))
    return found


def _ends(values: NDArray[Any], level: float) -> tuple[float, float]:
    import numpy as np

    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies, between neighbours in proportion; 0 of nothing."""
    return quantile(values, share) or 0.0


def _figures(values: NDArray[Any]) -> dict[str, float]:
    """The mean and the percentiles, between neighbours in proportion."""
    return {name: float(own[0]) for name, own in _figures_of_rows(values.reshape(1, -1)).items()}


def _figures_of_rows(values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    import numpy as np

    ordered = np.sort(values, axis=1)
    figures: dict[str, NDArray[Any]] = {"mean": ordered.mean(axis=1)}
    for name, share in SHARES.items():
        place = share * (ordered.shape[1] - 1)
        low = math.floor(place)
        high = min(low + 1, ordered.shape[1] - 1)
        figures[name] = ordered[:, low] + (ordered[:, high] - ordered[:, low]) * (place - low)
    return figures


def _resampled(groups: Sequence[Sequence[float]], size: int, seed: int) -> dict[str, NDArray[Any]]:
    """The figures of so many runs that could as well have been: requests drawn with replacement."""
    import numpy as np

    draw = np.random.default_rng(seed)
    rounds = max(_FEWEST, min(_ROUNDS, _WORK // max(1, size)))
    parts: list[dict[str, NDArray[Any]]] = []
    if all(len(group) == len(groups[0]) for group in groups):
        matrix = np.array(groups, dtype=np.float64)
        at_once = max(1, _AT_ONCE // max(1, size))
        for begin in range(0, rounds, at_once):
            count = min(at_once, rounds - begin)
            chosen = draw.integers(0, len(groups), (count, len(groups)))
            parts.append(_figures_of_rows(matrix[chosen].reshape(count, -1)))
    else:
        arrays = [np.asarray(group, dtype=np.float64) for group in groups]
        for _ in range(rounds):
            chosen = cast("Any", [arrays[i] for i in draw.integers(0, len(groups), len(groups))])
            drawn = np.concatenate(chosen)
            parts.append(_figures_of_rows(drawn.reshape(1, -1)))
    return {name: np.concatenate([own[name] for own in parts]) for name in parts[0]}
