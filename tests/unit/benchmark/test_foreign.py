"""What other load generators wrote, read as runs. vLLM's and guidellm's file are of real loads on the known server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unified_intelligence.benchmark.check import check_file
from unified_intelligence.benchmark.foreign_files import as_metrics, found, read
from unified_intelligence.entities.errors import ConfigurationError

DATA = Path(__file__).resolve().parents[2] / "data" / "benchmark"
VLLM, GUIDELLM = DATA / "vllm_0_33_0.json", DATA / "guidellm_0_8_1.json"


def test_vllm_s_requests_give_vllm_s_figures() -> None:
    (own,) = read(VLLM)
    told = json.loads(VLLM.read_text("utf-8"))
    assert (own.tool, own.concurrency, own.rate) == ("vllm bench serve", 4, None)
    assert own.figures["itl_ms.p99"] == told["p99_itl_ms"]
    assert (own.figures["requests.completed"], own.figures["requests.failed"]) == (11, 1)
    metrics = as_metrics(own)
    assert metrics.ttft_ms is not None
    assert metrics.itl_ms is not None
    assert metrics.e2e_ms is not None
    assert metrics.ttft_ms.p99 == pytest.approx(told["p99_ttft_ms"], rel=1e-4)
    assert metrics.itl_ms.p99 == pytest.approx(told["p99_itl_ms"], rel=1e-4)
    assert metrics.e2e_ms.mean == pytest.approx(told["mean_e2el_ms"], rel=1e-3)
    assert metrics.counts["failed"] == 1
    assert "—" in own.rows[0].text and "🙂" in own.rows[0].text and "\u2028" in own.rows[0].text


def test_a_run_of_another_tool_is_never_valid_for_nobody_knows_its_client() -> None:
    for path in (VLLM, GUIDELLM):
        metrics = as_metrics(read(path)[0])
        assert not metrics.valid
        assert "does not tell how late its client was" in metrics.invalid[0]


def test_guidellm_s_requests_give_its_figures_and_its_gaps_are_missing() -> None:
    (own,) = read(GUIDELLM)
    metrics: Any = json.loads(GUIDELLM.read_text("utf-8"))["benchmarks"][0]["metrics"]
    assert (own.tool, own.concurrency, len(own.rows)) == ("guidellm 0.8.1", 4, 12)
    assert own.figures["e2e_ms.p50"] == pytest.approx(
        1000 * metrics["request_latency"]["successful"]["percentiles"]["p50"]
    )
    assert own.figures["tpot_ms.mean"] == metrics["inter_token_latency_ms"]["successful"]["mean"]
    assert "itl_ms.p99" not in own.figures
    assert "itl_ms at all" in own.untold
    found_again = as_metrics(own)
    assert found_again.ttft_ms is not None
    assert found_again.ttft_ms.mean == pytest.approx(metrics["time_to_first_token_ms"]["successful"]["mean"], rel=1e-3)
    assert found_again.itl_ms is None


AIPERF = {
    "request_throughput": {"unit": "requests/sec", "avg": 46.84},
    "request_latency": {"unit": "ms", "avg": 1868.0, "p50": 1800.0, "p99": 2200.0},
    "time_to_first_token": {"unit": "ms", "avg": 200.5, "p99": 250.0},
    "output_token_throughput": {"unit": "tokens/sec", "avg": 217.0},
    "request_count": {"unit": "requests", "avg": 5000.0},
    "error_summary": None,
    "input_config": {"loadgen": {"concurrency": 16}, "endpoint": {"model_names": ["modèle"]}},
}


def test_aiperf_s_aggregate_is_read_and_held_against_arithmetic(tmp_path: Path) -> None:
    path = tmp_path / "profile_export_aiperf.json"
    path.write_text(json.dumps(AIPERF), "utf-8")
    (own,) = read(path)
    assert (own.tool, own.model, own.concurrency, own.figures["e2e_ms.mean"]) == ("aiperf", "modèle", 16, 1868.0)
    assert {"itl_ms at all", "tpot_ms at all"} <= set(own.untold)
    assert any("profile_export.jsonl" in told for told in own.untold)
    (finding,) = [told for told in check_file(path)[1] if told.rule == "little"]
    assert "87 under way, not 16" in finding.said


def test_aiperf_s_requests_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "profile_export.jsonl"
    good = {"time_to_first_token": 200.0, "request_latency": 240.0, "inter_chunk_latency": [20.0, 20.0]}
    lines: list[dict[str, Any]] = [
        {
            "metadata": {"request_start_ns": 1_759_813_207_532_900_363 + n * 10**9},
            "metrics": {name: {"value": value, "unit": "ms"} for name, value in good.items()},
            "error": None,
        }
        for n in range(3)
    ]
    lines.append(
        {"metadata": {"request_start_ns": 1_759_813_211_000_000_000}, "metrics": None, "error": {"type": "Fin"}}
    )
    path.write_text("".join(json.dumps(own) + "\n" for own in lines), "utf-8")
    (own,) = read(path)
    assert own.figures["ttft_ms.p50"] == pytest.approx(200)
    assert own.figures["itl_ms.mean"] == pytest.approx(20)
    assert own.figures["e2e_ms.p99"] == pytest.approx(240)
    assert [row.message for row in own.rows if row.error] == ["Fin"]


def test_a_table_of_requests_without_their_times_has_no_rate(tmp_path: Path) -> None:
    path = tmp_path / "tp1_len1024_batch24_responses.jsonl"
    rows = [
        {"prompt": "À 5 % ?", "response": "Oui 🙂\n", "latency_s": 0.5 + n / 100, "output_tokens": 4} for n in range(11)
    ]
    path.write_text("".join(json.dumps(own, ensure_ascii=False) + "\n" for own in rows), "utf-8")
    (own,) = read(path)
    assert own.figures["e2e_ms.p50"] == pytest.approx(550)
    assert "requests_per_s" not in own.figures
    assert "when requests began, and so no rate" in own.untold
    assert {row.text for row in own.rows} <= {"Oui 🙂\n"}


def test_the_same_table_as_parquet(tmp_path: Path) -> None:
    pyarrow: Any = pytest.importorskip("pyarrow", reason="pip install 'unified-intelligence-cli[parquet]'")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "réponses.parquet"
    rows = [{"start": 1.7e9 + n, "latency_ms": 100.0 + n, "ttft_ms": 50.0, "error": None} for n in range(5)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    (own,) = read(path)
    assert (own.figures["ttft_ms.p50"], own.figures["e2e_ms.p50"]) == pytest.approx((50, 102))
    assert own.figures["requests_per_s"] == pytest.approx(5 / 4.104)
    broken = tmp_path / "cassé.parquet"
    broken.write_bytes(b"PAR1 no")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(broken)


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "autre.json"
    path.write_text('{"bonjour": 1}', "utf-8")
    assert found(path) == []
    with pytest.raises(ConfigurationError, match="no result that is known"):
        read(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read(tmp_path / "absent.json")
