"""The figures of a run, and when they are worth nothing."""

from __future__ import annotations

import msgspec
import pytest

from tests.unit.benchmark.replies import MS, row
from unified_intelligence.benchmark.crew import Gathered
from unified_intelligence.benchmark.gate import hold, read_gate
from unified_intelligence.benchmark.metrics import Metrics, measure, read_slo
from unified_intelligence.benchmark.plan import Load, Told
from unified_intelligence.benchmark.row import Row
from unified_intelligence.entities.errors import InvalidRequestError


def gathered(rows: list[Row], moved: float = 0.0) -> Gathered:
    under_way = sum(own.ended - own.dispatched for own in rows)
    account = Told(kind="end", worker=0, cpu_s=0.1, wall_s=1.0, in_flight_ns=under_way, clock_moved_ms=moved)
    return Gathered(rows=rows, accounts=[account], processes=1)


def measured(rows: list[Row], load: Load | None = None, slo: str = "", moved: float = 0.0) -> Metrics:
    return measure("run", "now", gathered(rows, moved), load or Load(rate=10), read_slo(slo))


ROWS = [row(i, ttft=100 + i, start=100 * i) for i in range(50)]


def test_latencies_have_all_their_figures() -> None:
    metrics = measured(ROWS)
    assert metrics.ttft_ms is not None
    assert metrics.ttft_ms.mean == pytest.approx(124.5)
    assert metrics.ttft_ms.p50 == pytest.approx(124.5)
    assert metrics.ttft_ms.p99 == pytest.approx(148.51)
    low, high = metrics.ttft_ms.ci["mean"]
    assert 118 < low < 124.5 < high < 131
    assert metrics.itl_ms is not None
    assert (metrics.itl_ms.n, metrics.itl_ms.p50) == (200, 10)
    assert metrics.e2e_ms is not None
    assert metrics.e2e_ms.p50 == pytest.approx(164.5)
    told = msgspec.to_builtins(metrics)
    for name in ("ttft_ms", "itl_ms", "e2e_ms"):
        assert {"mean", "p50", "p90", "p95", "p99"} <= told[name].keys()


def test_the_same_rows_give_the_same_figures() -> None:
    assert msgspec.json.encode(measured(ROWS)) == msgspec.json.encode(measured(ROWS))


def test_failures_are_counted_and_in_no_latency() -> None:
    failed = [row(i, ttft=9000, start=100 * i, error="http_500") for i in range(50, 60)]
    metrics = measured([*ROWS, *failed], slo="ttft=120ms")
    assert metrics.counts == {"measured": 60, "completed": 50, "failed": 10, "warmup": 0}
    assert metrics.failures == {"http_500": 10}
    assert metrics.ttft_ms is not None
    assert metrics.ttft_ms.p99 < 150
    assert metrics.goodput is not None
    assert (metrics.goodput.met, metrics.goodput.of) == (21, 60)
    assert metrics.goodput.lo < 0.35 < metrics.goodput.hi


def test_the_warm_up_is_not_measured() -> None:
    cold = [row(100 + i, ttft=5000, start=0, warmup=True) for i in range(5)]
    metrics = measured([*cold, *ROWS])
    assert metrics.counts["warmup"] == 5
    assert metrics.ttft_ms is not None
    assert metrics.ttft_ms.n == 50


def test_a_late_client_makes_an_open_run_invalid() -> None:
    late = [row(i, start=100 * i, intended=row(i, start=100 * i).sent - 5 * MS) for i in range(50)]
    metrics = measured(late)
    assert not metrics.valid
    assert "schedule lag p99 5.0 ms, at most 2.0 ms" in metrics.invalid[0]
    slow = [msgspec.structs.replace(own, first=own.sent + 600 * MS, last=own.sent + 700 * MS) for own in late]
    assert measured(slow).valid  # 5 ms are under 1 % of 600


def test_a_rate_that_was_not_sent_makes_a_run_invalid() -> None:
    rows = [row(i, start=103 * i, intended=row(i, start=100 * i).sent) for i in range(50)]
    found = measured(rows).invalid
    assert any("97.1% of the asked rate" in why for why in found)


def test_a_clock_that_was_set_and_a_run_without_answers_are_invalid() -> None:
    assert "clock was set by 40.0 ms" in measured(ROWS, moved=40.0).invalid[0]
    nothing = measured([row(i, start=i, error="connection", first=0) for i in range(3)])
    assert not nothing.valid
    assert nothing.ttft_ms is None


def test_first_pieces_that_were_read_with_later_ones_are_told() -> None:
    joined = [row(i, ttft=500, start=100 * i, first_events=3, read_late_ms=40.0) for i in range(50)]
    assert "50 of 50 answers was read together with later ones" in measured(joined).health.notes[0]
    assert "up to 40 ms" in measured(joined).health.notes[0]
    assert measured([row(i, ttft=500, start=100 * i, read_late_ms=40.0) for i in range(50)]).health.notes == []


def test_a_closed_load_has_its_steady_rate() -> None:
    waves = [row(8 * wave + i, ttft=100, start=140 * wave) for wave in range(6) for i in range(8)]
    metrics = measured(waves, Load(concurrency=8))
    assert metrics.valid
    assert metrics.throughput["steady_requests_per_s"] == pytest.approx(8 / 0.140)
    assert metrics.health.delivered == pytest.approx(8)
    assert metrics.health.in_flight == pytest.approx(metrics.health.rate_times_latency)


@pytest.mark.parametrize(
    ("written", "found", "passed"),
    [
        ("ttft_ms.p99<=500", 148.51, True),
        ("ttft_ms.p50 < 100", 124.5, False),
        ("itl_ms.mean.upper<=10", 10.0, True),
        ("failed<=1%", 0.0, True),
        ("goodput.share.lower>=0.5", None, False),
        ("queue_ms.p50<=1", None, False),
    ],
)
def test_gates(written: str, found: float | None, passed: bool) -> None:
    held = hold(read_gate(written), measured(ROWS))
    assert held.passed is passed
    assert held.found == (None if found is None else pytest.approx(found))


@pytest.mark.parametrize("written", ["ttft<=5", "ttft_ms.p98<=5", "ttft_ms.p99=5", "speed>=1"])
def test_what_is_no_gate_is_refused_with_the_figures(written: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        read_gate(written)
    assert "ttft_ms" in refused.value.hint


@pytest.mark.parametrize("written", ["ttft", "ttft=fast", "speed=3s", "ttft=5h"])
def test_what_is_no_limit_is_refused(written: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_slo(written)
    assert read_slo("ttft=500ms, e2e=2s") == {"ttft": 500, "e2e": 2000}


@pytest.mark.parametrize(
    ("late", "count", "load", "said"),
    [
        (1, 15, Load(rate=5), "Only 1 of 15 was late, and of so few that is more than 1 %: --requests 200, here"),
        (2, 50, Load(trace=(0.0,)), "Only 2 of 50 were late, and of so few that is more than 1 %: --requests 300, or"),
        (300, 400, Load(rate=400), "Try --processes 2, a machine that does nothing else, or a lower rate: --rate 200."),
        (0, 15, Load(rate=5), ""),
    ],
)  # fmt: skip
def test_a_run_whose_client_was_late_says_what_to_run_next(late: int, count: int, load: Load, said: str) -> None:
    due = [row(i, start=100 * i).sent - (9 * MS if i < late else 0) for i in range(count)]
    rows = [row(i, ttft=100, start=100 * i, intended=own) for i, own in enumerate(due)]
    metrics = measured(rows, load)
    assert metrics.valid is not bool(late)
    assert metrics.health.next.startswith(said) and bool(metrics.health.next) is bool(late)


def test_a_load_that_was_too_short_to_be_whole_names_a_longer_one() -> None:
    rows = [row(i, ttft=100, start=400 * (i // 4)) for i in range(12)]  # 4 at once, for a quarter of the time
    assert measured(rows, Load(concurrency=4)).health.next == "12 requests are few for 4 at once: --requests 80"
    rows = [row(i, ttft=100, start=400 * (i // 4)) for i in range(200)]
    said = measured(rows, Load(concurrency=4)).health.next
    assert said.startswith("The client took ") and said.endswith("or fewer at once: --concurrency 2.")
    alone = [row(i, ttft=100, start=200 * i) for i in range(60)]
    said = measured(alone, Load(concurrency=1)).health.next
    assert said.startswith("The client took 60.0 ms from one answer of 140 ms") and "--concurrency" not in said
