"""`uic bench import` and `check` of what other load generators wrote, as programs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tests.cli.uic_program import Run

DATA = Path(__file__).resolve().parents[1] / "data" / "benchmark"
VLLM, GUIDELLM = str(DATA / "vllm_0_33_0.json"), str(DATA / "guidellm_0_8_1.json")


def test_their_figures_stand_side_by_side_with_what_they_do_not_tell(uic: Run, tmp_path: Path) -> None:
    out = tmp_path / "tableau.csv"
    ran = uic("bench", "import", VLLM, GUIDELLM, "--out", str(out))
    assert ran.code == 0, ran.err
    assert "guidellm_0_8_1_concurrent: not told is how late its own client was; itl_ms at all." in ran.out
    rows = list(csv.DictReader(io.StringIO(out.read_bytes().decode(), newline="")))
    assert [row["tool"] for row in rows] == ["vllm bench serve", "guidellm 0.8.1"]
    assert float(rows[0]["ttft_ms.p99"]) == json.loads(Path(VLLM).read_text("utf-8"))["p99_ttft_ms"]
    checked = uic("bench", "check", str(out), VLLM)
    assert (checked.code, "nothing that cannot be true" in checked.out) == (0, True)


def test_kept_ones_are_compared_and_never_valid(uic: Run, tmp_path: Path) -> None:
    where = ("--runs", str(tmp_path / "läufe"))
    told = json.loads(uic("bench", "import", VLLM, GUIDELLM, "--keep", "--json", *where).out)
    assert told["kept"] == ["vllm_0_33_0", "guidellm_0_8_1_concurrent"]
    assert "another tool's, of which nothing is known" in uic("bench", "show", "vllm_0_33_0", *where).out
    compared = uic("bench", "compare", *told["kept"], "--json", *where)
    assert compared.code == 3
    assert "ttft_ms.mean" in json.loads(compared.out)["worse"]
    assert uic("bench", "import", VLLM, "--keep", *where).code == 0


def test_a_run_that_was_measured_here_is_not_written_over(uic: Run, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    uic("bench", "import", VLLM, "--keep", "--runs", str(runs))
    manifest = json.loads((runs / "vllm_0_33_0_manifest.json").read_text("utf-8"))
    del manifest["imported_from"]
    (runs / "vllm_0_33_0_manifest.json").write_text(json.dumps(manifest), "utf-8")
    refused = uic("bench", "import", VLLM, "--keep", "--runs", str(runs))
    assert refused.code == 3
    assert "measured here" in refused.err
