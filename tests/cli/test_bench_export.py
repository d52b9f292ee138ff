"""`uic bench export` as a program: what other tools find in what it wrote."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.uic_program import SRC, Run
from unified_intelligence.benchmark import session
from unified_intelligence.benchmark.calibrate import known_server
from unified_intelligence.benchmark.known_server import WORDS
from unified_intelligence.benchmark.plan import Load, read_url
from unified_intelligence.benchmark.prompts import body_of, prompts_of
from unified_intelligence.benchmark.session import Job

MODEL = "known:first=20,gap=2,tokens=8,fail=20"
HAS_ARROW, HAS_MLFLOW = (
    "pip install 'unified-intelligence-cli[parquet]'",
    "pip install 'unified-intelligence-cli[mlflow]'",
)


@pytest.fixture(scope="module")
def known() -> Iterator[str]:
    with known_server() as url:
        yield url


@pytest.fixture(scope="module")
def runs(known: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of 20 and 40 requests in a folder with a blank and an accent in its name."""
    folder = tmp_path_factory.mktemp("bench") / "résultats du jour"
    target = read_url(known)
    bodies = [body_of(prompt, MODEL, None, {}) for prompt in prompts_of("finance")]
    for name, requests in (("une", 20), ("deux", 40)):
        load = Load(concurrency=4, requests=requests, warmup=2)
        job = Job(name=name, folder=folder, load=load, bodies=bodies, model=MODEL, source="finance", version="0")
        session.run(job, target, session.reach(target))
    return folder


def metrics(runs: Path, name: str) -> dict[str, Any]:
    return json.loads((runs / f"{name}_metrics.json").read_text("utf-8"))


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_a_run_holds_every_figure_by_its_gate_s_name(uic: Run, runs: Path) -> None:
    ran = uic("bench", "export", "csv", "une", "deux", "--runs", str(runs))
    assert ran.code == 0, ran.err
    rows = table(ran.out)
    assert [row["run"] for row in rows] == ["une", "deux"]
    for row in rows:
        own = metrics(runs, row["run"])
        assert float(row["ttft_ms.p99"]) == own["ttft_ms"]["p99"]
        assert float(row["itl_ms.mean.upper"]) == own["itl_ms"]["ci"]["mean"][1]
        assert float(row["output_tokens_per_s"]) == own["throughput"]["output_tokens_per_s"]
        assert (row["config_hash"], row["valid"]) == (own["config_hash"], json.dumps(own["valid"]))
        assert (float(row["requests.failed"]), row["queue_ms.p50"]) == (own["counts"]["failed"], "")


def test_a_row_a_request_keeps_newlines_accents_and_lists(uic: Run, runs: Path, tmp_path: Path) -> None:
    out = tmp_path / "là" / "demandes.csv"
    ran = uic("bench", "export", "csv", "--rows", "requests", "--out", str(out), "--runs", str(runs))
    assert ran.code == 0, ran.err
    rows = table(out.read_bytes().decode())
    assert len(rows) == 64
    answered = [row for row in rows if not row["error"]]
    assert {row["text"] for row in answered} == {"".join(WORDS)}
    assert all(len(json.loads(row["gaps_ms"])) == int(row["arrivals"]) - 1 for row in answered)
    failed = [row for row in rows if row["error"]]
    assert failed
    assert {(row["ttft_ms"], row["first"]) for row in failed} == {("", "")}


def test_a_table_of_several_runs_is_one_file_of_parquet(uic: Run, runs: Path, tmp_path: Path) -> None:
    parquet: Any = pytest.importorskip("pyarrow.parquet", reason=HAS_ARROW)
    out = tmp_path / "alles.parquet"
    ran = uic("bench", "export", "parquet", "une", "deux", "--out", str(out), "--runs", str(runs), "--json")
    assert json.loads(ran.out) == {"written": str(out), "rows": 64}
    rows = parquet.read_table(out).to_pylist()
    assert [sum(row["run"] == name for row in rows) for name in ("une", "deux")] == [22, 42]
    assert len({(row["prompt"], row["prompt_text"]) for row in rows}) == len({row["prompt"] for row in rows})
    assert all(row["prompt_text"] for row in rows)
    uic("bench", "export", "parquet", "--rows", "runs", "--out", str(out), "--runs", str(runs))
    summary = parquet.read_table(out)
    assert summary.num_rows == 2
    assert str(summary.schema.field("ttft_ms.p99").type) == "double"


@pytest.mark.filterwarnings("ignore")  # MLflow's own, of the libraries under it
def test_mlflow_finds_parameters_figures_steps_and_files(uic: Run, runs: Path, tmp_path: Path) -> None:
    mlflow: Any = pytest.importorskip("mlflow", reason=HAS_MLFLOW)
    uri = f"sqlite:///{tmp_path / 'suivi.db'}"
    asked = ("bench", "export", "mlflow", "--runs", str(runs), "--json")
    first = uic(*asked, MLFLOW_TRACKING_URI=uri, PYTHONWARNINGS="")
    assert first.code == 0, first.err
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("benchmarks")
    found = {own.info.run_name: own for own in client.search_runs([experiment.experiment_id])}
    assert found.keys() == {"une", "deux"}
    own, told = found["deux"], metrics(runs, "deux")
    assert own.data.metrics["ttft_ms/p99"] == told["ttft_ms"]["p99"]
    assert own.data.metrics["intervals/ttft_ms.p99.upper"] == told["ttft_ms"]["ci"]["p99"][1]
    assert (own.data.params["model"], own.data.params["load.concurrency"]) == (MODEL, "4")
    assert own.data.params["config_hash"] == told["config_hash"]
    series = client.get_metric_history(own.info.run_id, "request/ttft_ms")
    assert len(series) == told["counts"]["completed"]
    assert [point.step for point in series] == sorted({point.step for point in series})
    kept = {own.path for own in client.list_artifacts(own.info.run_id)}
    assert {"deux_metrics.json", "deux_manifest.json", "deux_responses.jsonl"} <= kept
    again = uic(*asked, "--tracking-uri", uri, PYTHONWARNINGS="")
    assert {row["new"] for row in json.loads(again.out)["runs"]} == {False}


def test_what_cannot_be_is_refused_with_the_next_step(uic: Run, runs: Path) -> None:
    where = ("--runs", str(runs))
    assert uic("bench", "export", "xml", *where).code == 2
    assert "--tracking-uri is not for csv" in uic("bench", "export", "csv", "--tracking-uri", "x", *where).err
    assert "Did you mean deux?" in uic("bench", "export", "csv", "drei", *where).err
    assert "uic bench run" in uic("bench", "export", "csv", "--runs", str(runs / "rien")).err
    refused = uic("bench", "export", "csv", "--out", str(runs / "une_metrics.json" / "x.csv"), *where)
    assert (refused.code, "cannot be written" in refused.err) == (3, True)


@pytest.mark.parametrize(("form", "module"), [("parquet", "pyarrow"), ("mlflow", "mlflow")])
def test_a_library_that_is_missing_is_named_with_how_to_get_it(
    form: str, module: str, uic: Run, runs: Path, tmp_path: Path
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / f"{module}.py").write_text(f"raise ModuleNotFoundError('no', name={module!r})\n")
    ran = uic("bench", "export", form, "--runs", str(runs), PYTHONPATH=f"{tmp_path / 'site'}{os.pathsep}{SRC}")
    assert ran.code == 3
    assert f"pip install 'unified-intelligence-cli[{form}]'" in ran.err
