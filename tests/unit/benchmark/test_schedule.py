"""Schedules are fixed before a run, exact in their count, and the same for the same seed."""

from __future__ import annotations

from itertools import pairwise
from statistics import mean, stdev

import pytest

from unified_intelligence.benchmark.plan import Load
from unified_intelligence.benchmark.schedule import times_of
from unified_intelligence.entities.errors import InvalidRequestError


def test_a_constant_rate_has_equal_gaps() -> None:
    times = times_of(Load(rate=50, arrival="constant", requests=100))
    assert [round(after - before, 9) for before, after in pairwise(times)] == [0.02] * 99


def test_poisson_delivers_its_rate_exactly_with_exponential_gaps() -> None:
    times = times_of(Load(rate=400, requests=20_000))
    assert len(times) == 20_000
    assert 49.9 < times[-1] <= 50
    gaps = [after - before for before, after in pairwise(times)]
    assert stdev(gaps) == pytest.approx(mean(gaps), rel=0.05)


def test_the_seed_decides() -> None:
    load = Load(rate=10, requests=50, seed=3)
    assert times_of(load) == times_of(load)
    assert times_of(load) != times_of(Load(rate=10, requests=50, seed=4))


def test_a_ramp_gets_denser() -> None:
    times = times_of(Load(rate=1, rate_end=9, duration=10, arrival="constant"))
    assert len(times) == 50
    assert sum(at < 5 for at in times) == 15  # 5 s at 1 to 5 a second


def test_a_duration_and_a_warm_up() -> None:
    assert len(times_of(Load(rate=20, duration=5, warmup=7, warmup_seconds=1))) == 100 + 7 + 20


def test_a_trace_is_kept_in_order() -> None:
    assert times_of(Load(trace=(0.5, 0.0, 2.0))) == [0.0, 0.5, 2.0]


def test_unknown_arrivals_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="gamma"):
        times_of(Load(rate=1, arrival="gamma", requests=1))
