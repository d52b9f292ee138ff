"""The figures against scipy's and against values known by hand."""

from __future__ import annotations

import random
from math import comb

import pytest

from unified_intelligence.figures.statistics import holm, mcnemar, paired_bootstrap, quantile, wilson


def test_p_values_are_scipys_on_a_thousand_tables() -> None:
    stats = pytest.importorskip("scipy.stats")
    draw = random.Random(3)
    worst = 0.0
    for _ in range(1000):
        only_first, only_second = draw.randrange(draw.choice((4, 30, 400))), draw.randrange(draw.choice((4, 30, 400)))
        flips = only_first + only_second
        known = stats.binomtest(only_first, flips, 0.5).pvalue if flips else 1.0
        worst = max(worst, abs(mcnemar(only_first, only_second) - known))
    assert worst <= 1e-12


@pytest.mark.parametrize(
    ("first", "second", "p"), [(0, 0, 1), (3, 0, 0.25), (5, 0, 0.0625), (6, 0, 0.03125), (7, 1, 0.0703125), (4, 4, 1)]
)
def test_p_values_known_by_hand(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == mcnemar(second, first) == p


def test_many_flips_do_not_overflow() -> None:
    assert mcnemar(0, 5000) == 0.0 or mcnemar(0, 5000) < 1e-300
    exact = 2 * sum(comb(3000, k) for k in range(1401)) / 2**3000
    assert mcnemar(1400, 1600) == pytest.approx(exact, rel=1e-14)


def test_wilson_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    for right, of in [(0, 1), (7, 7), (31, 31), (95, 100), (382, 400), (1, 240), (0, 31)]:
        known = stats.binomtest(right, of).proportion_ci(method="wilson")
        assert wilson(right, of) == pytest.approx((known.low, known.high), abs=1e-12)
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(  # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, 3
    ("right", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(right: int, of: int, low: float, high: float) -> None:
    assert wilson(right, of) == pytest.approx((low, high), abs=1e-4)
    assert wilson(of - right, of) == pytest.approx((1 - high, 1 - low), abs=1e-4)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_bootstrap_holds_the_mean_and_is_the_same_every_time() -> None:
    differences = [1.0] * 20 + [-1.0] * 5 + [0.0] * 75
    interval = paired_bootstrap(differences)
    assert interval == paired_bootstrap(differences)
    assert 0.0 < interval.lo < 0.15 < interval.hi < 0.3
    assert paired_bootstrap([0.0] * 40) == (0.0, 0.0)
    assert paired_bootstrap([]) == (-1.0, 1.0)


def test_quantiles() -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert quantile([5.0], 0.95) == 5.0
    assert quantile([], 0.5) is None
