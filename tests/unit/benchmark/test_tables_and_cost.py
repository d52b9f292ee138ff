"""Arithmetic over tables, the difference of two runs, and what answers cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.benchmark.replies import row
from tests.unit.benchmark.test_metrics import ROWS, measured
from unified_intelligence.benchmark.check import check_file
from unified_intelligence.benchmark.compare import compare
from unified_intelligence.benchmark.cost import Speed, Use, cost_of
from unified_intelligence.benchmark.prompts import body_of, prompts_of, read_trace
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.store import Stored, config_hash, names, read, write
from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError, UnknownNameError
from unified_intelligence.spaces.cost import table

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "reported_figures.md"


def test_the_reported_figures_are_found_out() -> None:
    tables, findings = check_file(EXAMPLE)
    assert [len(own.rows) for own in tables] == [2, 1, 4, 1]
    found = {(own.table, own.row, own.rule): own.said for own in findings}
    assert "87 under way, not 16" in found[1, 1, "little"]
    assert "3.47-4.63 times off" in found[1, 1, "cost of requests and tokens"]
    assert (1, 2, "copied row") in found
    assert (2, 1, "quota") in found
    assert [key[1] for key in found if key[2] == "amortised"] == [1, 2, 3, 4]
    assert not [key for key in found if key[0] == 4]  # 0.80 an hour at 14.8 tokens/s are 15.0


def test_a_table_that_is_true_has_no_findings(tmp_path: Path) -> None:
    path = tmp_path / "vrai.csv"
    path.write_text("name,concurrency,requests_per_s,latency_ms\nété,8,4.02,1990\nhiver,16,7.9,2020\n", "utf-8")
    tables, findings = check_file(path)
    assert (len(tables[0].rows), findings) == (2, [])
    other = tmp_path / "faux.jsonl"
    other.write_text('{"concurrency": 8, "requests_per_s": 4.0, "latency_ms": 1000}\n', "utf-8")
    assert [own.rule for own in check_file(other)[1]] == ["little"]


def test_a_file_without_tables_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "texte.md"
    path.write_text("Aucun tableau.\n", "utf-8")
    with pytest.raises(ConfigurationError, match="no table"):
        check_file(path)


def stored(rows: list[Row], name: str) -> Stored:
    metrics = measured(rows)
    metrics.name = name
    return Stored(metrics, {"depends_on": {"model": name, "load": "same"}}, rows)


def test_a_difference_is_held_against_the_noise() -> None:
    slower = [row(i, ttft=130 + i, start=100 * i) for i in range(50)]
    same = [row(i, ttft=100 + (i * 7) % 50, start=100 * i) for i in range(50)]
    worse = compare(stored(ROWS, "a"), stored(slower, "b"))
    assert {"ttft_ms.mean", "ttft_ms.p50", "e2e_ms.mean"} <= set(worse.worse)
    assert worse.changed == {"model": ("a", "b")}
    assert compare(stored(ROWS, "a"), stored(same, "b")).worse == []
    better = {own.figure: own.verdict for own in compare(stored(slower, "a"), stored(ROWS, "b")).changes}
    assert better["ttft_ms.mean"] == "better"


def test_a_difference_too_small_to_measure_is_called_small() -> None:
    first = [row(i, ttft=100, start=100 * i) for i in range(50)]
    second = [row(i, ttft=100.1, start=100 * i) for i in range(50)]
    verdicts = {own.figure: own.verdict for own in compare(stored(first, "a"), stored(second, "b")).changes}
    assert verdicts["ttft_ms.mean"] == "small"


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = [row(0, text="déjà\u2028vu 🙂\nfin"), row(1, error="http_500", message="défaut", status=500)]
    metrics = measured(rows)
    write(tmp_path, metrics, {"depends_on": {}}, rows)
    assert names(tmp_path) == ["run"]
    found = read(tmp_path, "run")
    assert found.rows == rows
    assert found.metrics == metrics
    with pytest.raises(UnknownNameError):
        read(tmp_path, "rnu")


def test_the_hash_is_of_what_changes_figures() -> None:
    assert config_hash({"a": 1, "b": [2]}) == config_hash({"b": [2], "a": 1})
    assert config_hash({"a": 1}) != config_hash({"a": 2})


SPEED = Speed(
    name="run", good_per_s=0.5, output_tokens=100, input_tokens=40, seconds_each=2.0, valid=True, sustained=True
)


def test_the_hour_is_divided_by_good_answers() -> None:
    full = cost_of(SPEED, "l4x1", Use(), table())
    assert full.full_1m_requests == pytest.approx(0.8 / 1800 * 1e6)
    assert full.full_1m_tokens == pytest.approx(0.8 / 1800 * 1e6 / 100)
    half = cost_of(SPEED, "l4x1", Use(utilisation=0.5), table())
    assert half.used_1m_requests == pytest.approx(2 * 0.8 / 1800 * 1e6)


def test_idle_and_starting_time_is_paid() -> None:
    few = cost_of(SPEED, "2.50/h", Use(requests_a_day=1800, hours=2, starting=1800), table())
    assert few.a_day == pytest.approx(2.5 * 2.5)
    assert few.used == pytest.approx(1 / 2.5)
    many = cost_of(SPEED, "2.50/h", Use(requests_a_day=100_000), table())
    assert many.a_day == pytest.approx(3 * 24 * 2.5)  # one machine answers 43,200 a day


def test_zero_gpu_is_a_quota() -> None:
    found = cost_of(SPEED, "zero-gpu", Use(requests_a_day=3000), table())
    seconds = table()["zero_gpu"]["seconds_a_day"]["PRO"]
    assert f"PRO {seconds / 2:.0f}" in found.notes[0]
    assert found.a_day == pytest.approx(9 / 30.4 + (3000 - seconds / 2) * 2 / 600)


def test_tokens_of_an_api_are_counted() -> None:
    assert cost_of(SPEED, "0.5,1.5", Use(), table()).full_1m_requests == pytest.approx(40 * 0.5 + 100 * 1.5)
    with pytest.raises(UnknownNameError, match="l4x1"):
        cost_of(SPEED, "l4", Use(), table())


def test_made_prompts_have_their_length_and_are_the_same_again() -> None:
    made = prompts_of("synthetic:in=20,out=7", seed=1)
    assert made == prompts_of("synthetic:in=20,out=7", seed=1)
    assert made != prompts_of("synthetic:in=20,out=7", seed=2)
    assert {len(str(own.messages[0]["content"]).split()) for own in made} == {20}
    assert '"max_tokens":7' in body_of(made[0], "m", 99, {})
    with pytest.raises(InvalidRequestError):
        prompts_of("synthetic:in=zero")


def test_prompts_and_traces_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "déjà\u2028vu"}\n{"messages": [{"role": "user", "content": "🙂"}]}\n', "utf-8")
    assert [own.messages[0]["content"] for own in prompts_of(str(path))] == ["déjà\u2028vu", "🙂"]
    trace = tmp_path / "t.csv"
    trace.write_text("timestamp_ms,prompt,output_tokens\n1500,deux,8\n1000,un,\n", "utf-8")
    arrivals = read_trace(trace)
    assert [(own.at, own.prompt.messages[0]["content"], own.prompt.max_tokens) for own in arrivals] == [
        (0.0, "un", None),
        (0.5, "deux", 8),
    ]
    with pytest.raises(ConfigurationError, match="cannot be read"):
        prompts_of(str(tmp_path / "none.txt"))
