"""The arithmetic of the plots, over rows that are counted by hand and over runs that were measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from unified_intelligence.benchmark.metrics import Goodput
from unified_intelligence.benchmark.row import Row
from unified_intelligence.dashboard.curves import (
    Moment,
    Point,
    apart,
    cdf,
    drift,
    front,
    goodput,
    knee,
    medians,
    moments,
    point_of,
    thinned,
    ticks,
)
from unified_intelligence.dashboard.results import CLOSED, Result, measured, read_folder, rows_of
from unified_intelligence.dashboard.scene import common_slo, likely, pick


def by_name(folder: Path) -> dict[str, Result]:
    return {own.name: own for own in read_folder(folder).results}


def good(share: float) -> Goodput:
    return Goodput(slo={"ttft": 1.0}, met=round(100 * share), of=100, share=share, lo=0, hi=1, requests_per_s=1)


def test_the_front_is_what_nothing_beats_in_both(runs: Path) -> None:
    found = by_name(runs)
    one, other, third, late = (found[name] for name in ("sixteen_c1", "sixteen_c4", "sixteen_c16", "late_r40"))
    assert not late.valid
    points = [
        Point(one, 100.0, 10.0),
        Point(other, 80.0, 30.0),
        Point(third, 70.0, 20.0),
        Point(late, 999.0, 999.0),
        Point(found["four-slots_c1"], 80.0, 30.0),
    ]
    assert [(own.reader, own.gpu) for own in front(points)] == [(80.0, 30.0), (100.0, 10.0)]
    assert front([]) == []


def test_a_point_is_of_one_gpu_and_one_reader(runs: Path) -> None:
    found = by_name(runs)
    own = found["sixteen_c16"]
    point, half = point_of(own, 1), point_of(own, 2)
    assert point is not None and half is not None and own.metrics.tpot_ms is not None
    assert half.gpu == point.gpu / 2
    assert point.reader * own.metrics.tpot_ms.p50 == pytest.approx(1000)
    assert point_of(found["dead_c2"], 1) is None


def test_words_that_would_lie_on_each_other_are_left_out(runs: Path) -> None:
    found = by_name(runs)
    points = [
        Point(found["sixteen_c1"], 200.0, 100.0),
        Point(found["sixteen_c4"], 201.0, 104.0),
        Point(found["sixteen_c16"], 200.0, 900.0),
        Point(found["four-slots_c1"], 20.0, 101.0),
    ]
    assert apart(points) == {"sixteen_c4", "sixteen_c16", "four-slots_c1"}
    assert apart([]) == set()


def test_the_knee_is_the_last_load_before_the_limits_are_missed(runs: Path) -> None:
    found = by_name(runs)
    low, middle, high, late = (found[name] for name in ("sixteen_c1", "sixteen_c4", "sixteen_c16", "late_r40"))
    series = [(high, good(0.2)), (low, good(1.0)), (middle, good(0.96))]
    first = knee(series, 0.95)
    assert first is not None and (first.result, first.reached) == (middle, True)
    beyond = knee(series, 0.1)
    assert beyond is not None and (beyond.result, beyond.reached) == (high, False)
    below = knee([(low, good(0.5)), (middle, good(1.0))], 0.95)
    assert below is not None and (below.result, below.reached) == (None, True)
    assert knee([(late, good(1.0)), (low, None)], 0.95) is None


def test_goodput_under_other_limits_is_counted_from_the_rows(runs: Path) -> None:
    own = by_name(runs)["busy_c2"]
    rows = rows_of(runs, own.name)
    assert own.metrics.goodput is not None
    assert goodput(own, None, own.metrics.goodput.slo) is own.metrics.goodput
    assert goodput(own, None, {"ttft": 5.0}) is None
    everything = goodput(own, rows, {"ttft": 1e9})
    assert everything is not None
    answered = sum(not row.error for row in measured(rows))
    assert (everything.met, everything.of) == (answered, 24)
    assert 0 < everything.share < 1
    nothing = goodput(own, rows, {"ttft": 0.0001})
    assert nothing is not None and nothing.met == 0


@pytest.mark.parametrize("count", [1, 2, 399, 401, 5000, 40_000])
def test_a_distribution_ends_at_its_greatest_and_at_all(count: int) -> None:
    x, y = cdf(float((7919 * at) % count) for at in range(count))
    assert x == sorted(x) and y == sorted(y)
    assert (x[-1], y[-1]) == (count - 1, 1.0)
    assert len(x) == len(set(y)) <= 400
    assert all(value == pytest.approx(share * count - 1) for value, share in zip(x, y, strict=True))


def test_nothing_has_no_distribution() -> None:
    assert cdf([]) == ([], [])


def test_moments_begin_with_the_first_request_and_leave_out_what_failed(runs: Path) -> None:
    rows = rows_of(runs, "busy_c2")
    found = moments(rows)
    assert len(found) == sum(not row.error for row in rows)
    assert 0 <= found[0].seconds < 0.1
    assert any(own.warmup for own in found)
    assert [own.seconds for own in found] == sorted(own.seconds for own in found)
    assert moments([Row(number=0, error="timeout")]) == []


def test_medians_are_of_equal_stretches() -> None:
    found = [Moment(at / 10, 100.0 if at < 50 else 300.0, warmup=False) for at in range(100)]
    times, values = medians(found)
    assert (len(times), values[0], values[-1]) == (20, 100.0, 300.0)
    assert values == sorted(values)
    assert medians([]) == ([], [])


def test_the_slowest_of_each_stretch_is_drawn() -> None:
    found = [Moment(float(at), 900.0 if at == 501 else 10.0, warmup=False) for at in range(1000)]
    drawn, step = thinned(found, 100)
    assert (len(drawn), step) == (100, 10)
    assert max(own.ttft_ms for own in drawn) == 900.0
    assert thinned(found[:50], 100) == (found[:50], 1)


def test_a_drift_is_told_from_noise() -> None:
    steady = [Moment(float(at), 100.0 + at % 7, warmup=at < 10) for at in range(120)]
    slower = [Moment(float(at), 100.0 + at + at % 7, warmup=at < 10) for at in range(120)]
    calm, risen = drift(steady), drift(slower)
    assert calm is not None and risen is not None
    assert (calm.verdict, risen.verdict) == ("steady", "slower")
    assert risen.lower > 0 and risen.last_ms > risen.first_ms
    assert drift(steady[:30]) is None


def test_ticks_stand_apart() -> None:
    assert ticks([1, 4, 16, 64]) == [1, 4, 16, 64]
    shown = ticks([*range(64, 1025, 64), 1, 2, 4])
    assert (shown[0], shown[-1]) == (1, 1024)
    assert len(shown) < 14
    assert ticks([8]) == [8]
    assert ticks([]) == []


def test_the_first_picks_are_comparable(runs: Path) -> None:
    found = read_folder(runs)
    every = [own.configuration for own in found.results]
    results = pick(found, "", every, [], valid=False)
    assert {own.name for own in results} == {own.name for own in found.results}
    assert [own.place for own in results if own.configuration == "sixteen"] == [1, 4, 16]
    chosen = likely([own for own in results if own.axis == CLOSED])
    assert {name.rpartition("_c")[2] for name in chosen} in ({"1"}, {"2"}, {"4"}, {"16"})
    assert len(chosen) >= 2
    assert likely([own for own in results if own.configuration == "sixteen"]) == [
        "sixteen_c1",
        "sixteen_c4",
        "sixteen_c16",
    ]
    different = [own for own in results if own.name in {"sixteen_c1", "sixteen_c4", "four-slots_c16", "late_r40"}]
    assert sorted(likely(different)) == ["four-slots_c16", "late_r40", "sixteen_c4"]
    assert all(own.valid for own in pick(found, "", every, [], valid=True))
    assert [own.name for own in pick(found, "", ["sixteen"], ["4 at once"], valid=False)] == ["sixteen_c4"]
    assert common_slo(results) == "ttft=60ms,e2e=400ms"
