"""The client against a server whose schedule is known: what it says is what the server did."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from threading import Timer

import pytest

from tests.integration.benchmark.known import rows_of, send
from unified_intelligence.benchmark.calibrate import errors_of, known_server, truth_of
from unified_intelligence.benchmark.known_server import WORDS
from unified_intelligence.benchmark.plan import Load
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.statistics import percentile
from unified_intelligence.entities.errors import ConnectionFailedError

TRIES = 20  # where others use the machine, a time is taken again until it is undisturbed
FAST = "first=60,gap=10,tokens=16"
TEXT = "".join(WORDS) * 2


def undisturbed(known: str, model: str, fits: Callable[[Row], bool]) -> list[Row]:
    """The answers of the first try in which every row has its time, or of the last one."""
    rows = list[Row]()
    for _ in range(TRIES):
        rows = rows_of(known, model)
        if all(map(fits, rows)):
            break
    return rows


def test_its_times_are_those_of_the_server(known: str) -> None:
    truth_of(known)
    ttft, itl = list[float](), list[float]()
    for _ in range(TRIES):  # what the server was interrupted in is compared with nothing
        rows = rows_of(known, f"known:{FAST}")
        assert [row.error for row in rows] == [""] * 8
        assert {row.text for row in rows} == {TEXT}
        assert {(row.tokens, row.counted_by, row.prompt_tokens) for row in rows} == {(16, "usage", 7)}
        found = errors_of(rows, truth_of(known))
        assert len(found["ttft"]) + len(found["unsure"]) == 8
        ttft, itl = ttft + found["ttft"], itl + found["itl"]
        if len(ttft) > 4 and len(itl) > 4:
            break
    assert abs(statistics.median(ttft)) < 1.0
    assert abs(statistics.median(itl)) < 1.0


@pytest.mark.parametrize("trap", ["role", "ping", "split", "crlf"])
def test_what_is_no_token_changes_nothing(known: str, trap: str) -> None:
    rows = rows_of(known, f"known:{FAST},{trap}")
    assert {(row.error, row.text, row.tokens, row.events) for row in rows} == {("", TEXT, 16, 16)}
    assert all(row.ttft_ms is not None and row.ttft_ms > 55 for row in rows)


def test_reasoning_is_first_and_shown_apart(known: str) -> None:
    def apart(row: Row) -> bool:
        return row.ttft_ms is not None and row.visible_ms is not None and row.ttft_ms < row.visible_ms - 40

    for row in undisturbed(known, f"known:{FAST},reasoning=6", apart):
        assert (row.events, row.reasoning_events, row.reasoning_tokens, row.tokens) == (16, 6, 6, 16)
        assert row.ttft_ms is not None and row.ttft_ms > 55
        assert apart(row)
        assert row.reasoning + row.text == TEXT


def test_calls_only(known: str) -> None:
    for row in rows_of(known, f"known:{FAST},tools"):
        assert (row.error, row.events, row.text, row.finish) == ("", 16, "", "tool_calls")
        assert row.tools


def test_grouped_tokens_are_counted_by_usage(known: str) -> None:
    def over_tokens(row: Row) -> bool:
        return row.tpot_ms is not None and 6 < row.tpot_ms < 30

    for row in undisturbed(known, f"known:{FAST},group=4", over_tokens):
        assert (row.tokens, row.events, row.counted_by) == (16, 4, "usage")
        assert over_tokens(row), row.tpot_ms  # 120 ms over 15 tokens; over the 3 gaps between events it would be 40


def test_joined_events_are_one_arrival(known: str) -> None:
    for row in rows_of(known, f"known:{FAST},join=4"):
        assert (row.tokens, row.events) == (16, 16)
        assert row.arrivals <= 5
        assert min(row.gaps_ms) > 1


def test_missing_usage_is_said(known: str) -> None:
    assert {(row.tokens, row.counted_by, row.prompt_tokens) for row in rows_of(known, f"known:{FAST},nousage")} == {
        (16, "events", None)
    }


def test_failures_are_told_from_answers(known: str) -> None:
    rows = rows_of(known, "known:first=5,tokens=2,fail=25", Load(concurrency=8, requests=200))
    failed = [row for row in rows if row.error]
    assert {(row.error, row.status, row.message) for row in failed} == {
        ("http_500", 500, "The known failure: défaut 🙂")
    }
    assert 30 <= len(failed) <= 70
    assert len(rows) == 200


def test_cut_streams_are_told_from_answers(known: str) -> None:
    rows = rows_of(known, f"known:{FAST},cut=50", Load(concurrency=8, requests=40))
    cut = [row for row in rows if row.error]
    assert {row.error for row in cut} == {"cut"}
    assert 8 <= len(cut) <= 32
    assert all(row.text == TEXT for row in rows if not row.error)
    assert all(row.text and TEXT.startswith(row.text) for row in cut)


def test_connections_are_used_again(known: str) -> None:
    gathered = send(known, "known:first=2,tokens=1", Load(concurrency=4, requests=60))
    assert [own.connections for own in gathered.accounts] == [4]
    assert {row.error for row in gathered.rows} == {""}


def test_an_open_load_is_sent_on_its_schedule_by_several_processes(known: str) -> None:
    lags, lasted = list[float](), list[float]()
    for _ in range(TRIES):
        gathered = send(known, "known:first=30,tokens=2", Load(rate=200, requests=200), processes=2)
        assert sorted(row.number for row in gathered.rows) == list(range(200))
        assert {row.worker for row in gathered.rows} == {0, 1}
        assert {row.error for row in gathered.rows} == {""}
        lags.append(statistics.median(row.lag_ms for row in gathered.rows))
        lasted.append((max(row.sent for row in gathered.rows) - gathered.start) / 1e9)
        assert lasted[-1] > 0.8
        if lags[-1] < 5 and lasted[-1] < 2:
            break
    assert lags[-1] < 5 and lasted[-1] < 2, (lags, lasted)


def test_a_duration_ends_a_closed_load(known: str) -> None:
    rows = rows_of(known, "known:first=20,tokens=1", Load(concurrency=2, duration=1.0))
    assert 2 <= len(rows) <= 110
    assert max(row.dispatched for row in rows) - min(row.dispatched for row in rows) < 2e9


def test_an_answer_that_takes_too_long_is_a_timeout(known: str) -> None:
    gathered = send(known, "known:first=5000,tokens=1", Load(concurrency=1, requests=1), timeout=0.5)
    assert [row.error for row in gathered.rows] == ["timeout"]


def test_nobody_there_is_said_once() -> None:
    with pytest.raises(ConnectionFailedError):
        send("http://127.0.0.1:9/v1", "known", Load(concurrency=4, requests=1000))


def test_a_server_that_goes_away_ends_the_run_and_leaves_what_was_measured() -> None:
    server = ExitStack()
    url = server.enter_context(known_server())
    leaving = Timer(1.0, server.close)
    leaving.start()
    gathered = send(url, "known:first=5,gap=1,tokens=3", Load(concurrency=16, requests=100_000))
    leaving.join()
    assert gathered.gone
    assert not gathered.stopped
    assert [row.error for row in gathered.rows].count("") > 10
    assert 100 < len(gathered.rows) < 100_000


def test_the_calibration_holds(known: str) -> None:
    truth_of(known)
    off = list[float]()
    for _ in range(TRIES):
        rows = rows_of(known, "known:first=40,gap=5,tokens=20", Load(concurrency=32, requests=64))
        found = errors_of(rows, truth_of(known))
        assert len(found["ttft"]) + len(found["unsure"]) == 64
        off.append(percentile([abs(own) for own in found["ttft"]], 0.75) if found["ttft"] else math.inf)
        if off[-1] < 5:
            break
    assert off[-1] < 5, off
