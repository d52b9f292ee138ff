"""A run's files, read by who knows nothing of this package: DuckDB, pandas, Arrow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.benchmark.known import QUESTION
from unified_intelligence.benchmark import session, store
from unified_intelligence.benchmark.known_server import WORDS
from unified_intelligence.benchmark.metrics import Metrics
from unified_intelligence.benchmark.parquet import texts_of
from unified_intelligence.benchmark.plan import Load, Prompt, read_url
from unified_intelligence.benchmark.prompts import body_of
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.session import Job

SECOND = [{"role": "system", "content": "Réponds « oui ».\u2028"}, {"role": "user", "content": "日本 🙂?"}]
MODEL = "known:first=20,gap=2,tokens=8,reasoning=2,fail=25"


@pytest.fixture(scope="module")
def kept(known: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one run, of which about a quarter failed."""
    folder = tmp_path_factory.mktemp("runs")
    asked = [Prompt(messages=[{"role": "user", "content": QUESTION}]), Prompt(messages=SECOND)]
    target = read_url(known)
    job = Job(
        name="stored", folder=folder, load=Load(concurrency=4, requests=60, warmup=4), model=MODEL, source="test",
        bodies=[body_of(own, MODEL, None, {}) for own in asked], version="0",
    )  # fmt: skip
    session.run(job, target, session.reach(target))
    return folder


def of(kept: Path) -> Metrics:
    return store.read_metrics(kept, "stored")


def test_what_was_asked_and_answered_is_in_each_line(kept: Path) -> None:
    lines = (kept / "stored_responses.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    answered = [row for row in rows if not row.get("error")]
    assert len(rows) == 64
    assert {row["prompt_text"] for row in rows} == {QUESTION, json.dumps(SECOND, ensure_ascii=False)}
    assert {row["text"] for row in answered} == {"".join(WORDS[2:8])}
    assert {row["reasoning"] for row in answered} == {"".join(WORDS[:2])}
    assert len(answered) < 64
    assert [own.number for own in store.read(kept, "stored").rows] == list(range(64))


def test_a_table_of_parquet_has_the_same_types_whatever_is_in_it(kept: Path, tmp_path: Path) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet", reason="pip install 'unified-intelligence-cli[parquet]'")
    empty = replace_rows(kept, tmp_path, [Row(number=0, error="connection", message="Défaut 🙂\n")])
    full = parquet.read_table(kept / "stored_responses.parquet")
    other = parquet.read_table(empty / "stored_responses.parquet")
    assert full.schema.equals(other.schema)
    types = {own.name: str(own.type) for own in full.schema}
    assert {types[name] for name in ("number", "sent", "prompt_tokens", "reasoning_tokens")} == {"int64"}
    assert {types[name] for name in ("ttft_ms", "queue_ms", "lag_ms")} == {"double"}
    assert types["gaps_ms"].startswith("list<")
    (alone,) = other.to_pylist()
    assert (alone["message"], alone["sent"], alone["ttft_ms"], alone["gaps_ms"]) == ("Défaut 🙂\n", None, None, [])
    about = json.loads(full.schema.metadata[b"uic.bench"])
    assert about["config_hash"] == of(kept).config_hash


def replace_rows(kept: Path, folder: Path, rows: list[Row]) -> Path:
    """The same run in another folder, with other rows."""
    stored = store.read(kept, "stored")
    store.write(folder, stored.metrics, stored.manifest, rows, ["?"])
    return folder


def test_duckdb_finds_the_figures_that_the_run_tells(kept: Path) -> None:
    duckdb: Any = pytest.importorskip("duckdb", reason="pip install duckdb")
    pytest.importorskip("pyarrow", reason="pip install 'unified-intelligence-cli[parquet]'")
    told = of(kept)
    table = f"read_parquet('{kept}/*_responses.parquet')"
    measured = f"{table} WHERE NOT warmup AND error = ''"
    for figure in ("ttft_ms", "e2e_ms", "tpot_ms"):
        asked = f"SELECT avg({figure}), quantile_cont({figure}, [0.5, 0.9, 0.95, 0.99]) FROM {measured}"
        (found,) = duckdb.sql(asked).fetchall()
        own = getattr(told, figure)
        assert found[0] == pytest.approx(own.mean)
        assert found[1] == pytest.approx([own.p50, own.p90, own.p95, own.p99])
    assert told.itl_ms is not None
    gaps = f"SELECT avg(g), quantile_cont(g, 0.99), count(*) FROM (SELECT unnest(gaps_ms) g FROM {measured})"
    assert duckdb.sql(gaps).fetchall()[0] == pytest.approx((told.itl_ms.mean, told.itl_ms.p99, told.itl_ms.n))
    (rate,) = duckdb.sql(
        f"SELECT count(*) FILTER (error = '') / ((max(ended) - min(dispatched)) / 1e9), count(*), "
        f"count(*) FILTER (error <> '') FROM {table} WHERE NOT warmup"
    ).fetchall()
    counts = told.counts
    assert rate == pytest.approx((told.throughput["requests_per_s"], counts["measured"], counts["failed"]))
    words = duckdb.sql(f"SELECT DISTINCT text, reasoning FROM {measured}").fetchall()
    assert words == [("".join(WORDS[2:8]), "".join(WORDS[:2]))]


def test_pandas_finds_the_figures_that_the_run_tells(kept: Path) -> None:
    pandas: Any = pytest.importorskip("pandas", reason="pip install pandas")
    pytest.importorskip("pyarrow", reason="pip install 'unified-intelligence-cli[parquet]'")
    told = of(kept)
    frame = pandas.read_parquet(kept / "stored_responses.parquet")
    ok = frame[~frame.warmup & (frame.error == "")]
    assert told.ttft_ms is not None
    assert told.itl_ms is not None
    assert ok.ttft_ms.quantile(0.99) == pytest.approx(told.ttft_ms.p99)
    assert ok.gaps_ms.explode().astype(float).quantile(0.99) == pytest.approx(told.itl_ms.p99)
    assert set(frame.prompt_text) == {QUESTION, json.dumps(SECOND, ensure_ascii=False)}
    failed = frame[frame.error != ""]
    assert failed.ttft_ms.isna().all()
    assert failed.message.str.contains("défaut 🙂").all()
    assert len(failed) > 0


def test_texts_are_those_of_one_message_and_all_of_several() -> None:
    bodies = ['{"messages": [{"role": "user", "content": "Été\\n🙂"}]}', json.dumps({"messages": SECOND})]
    assert texts_of(bodies) == ["Été\n🙂", json.dumps(SECOND, ensure_ascii=False)]
    parts = [{"role": "user", "content": [{"type": "text", "text": "à"}]}]
    assert texts_of([json.dumps({"messages": parts}), "{}"]) == [json.dumps(parts, ensure_ascii=False), '""']


def test_a_run_made_again_without_pyarrow_leaves_no_older_table(kept: Path, tmp_path: Path) -> None:
    """A table of the first and metrics of the second would be believed together."""
    older = tmp_path / "stored_responses.parquet"
    older.write_bytes(b"PAR1")
    stored = store.read(kept, "stored")
    paths = store.write(tmp_path, stored.metrics, {}, stored.rows)
    assert older.is_file() == (older in paths)
    assert not older.is_file() or older.read_bytes()[:8] != b"PAR1"
