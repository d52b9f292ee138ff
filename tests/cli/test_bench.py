"""`uic bench` and `uic cost` as programs: what is said, what is kept, which exit code."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import unified_intelligence.embedded
from tests.cli.test_serve import serve
from tests.cli.uic_program import Run, command
from tests.loopback import answering
from unified_intelligence.benchmark.calibrate import known_server

MODEL = "known:first=40,gap=5,tokens=10"


@pytest.fixture
def known() -> Iterator[str]:
    with known_server() as url:
        yield url


def results(home: Path) -> Path:
    return home / ".local" / "share" / "unified-intelligence" / "benchmarks"


def test_a_server_is_measured_kept_and_judged(uic: Run, home: Path, known: str) -> None:
    asked = ("bench", "run", "--url", known, "--model", MODEL, "--rate", "40", "--requests", "40", "--slo", "ttft=2s")
    first = uic(*asked, "--name", "une")
    assert "time to first token" in first.out, first
    assert "goodput: 100.0%" in first.out
    assert ("valid" in first.out) is (first.code == 0)
    kept = json.loads((results(home) / "une_metrics.json").read_text())
    for name in ("ttft_ms", "itl_ms", "e2e_ms"):
        assert {"mean", "p50", "p90", "p95", "p99"} <= kept[name].keys()
    assert 35 < kept["ttft_ms"]["p50"] < 200
    rows = [json.loads(line) for line in (results(home) / "une_responses.jsonl").read_text().split("\n") if line]
    assert len(rows) == 45
    assert {row["text"][:7] for row in rows} == {"Zinsen "}
    manifest = json.loads((results(home) / "une_manifest.json").read_text())
    assert manifest["depends_on"]["load"]["rate"] == 40
    assert manifest["config_hash"] == kept["config_hash"]
    gate = uic("bench", "gate", "une", "--hold", "ttft_ms.p50<=1", "--json")
    told = json.loads(gate.out)
    assert (told["gates"][0]["passed"], gate.code, told["exit"]) == (False, 1 if kept["valid"] else 3, gate.code)
    shown = uic("bench", "show", "une", "--json")
    assert json.loads(shown.out)["manifest"]["name"] == "une"
    assert "une" in uic("bench", "show").out


def test_a_run_without_an_answer_is_invalid_everywhere(uic: Run, home: Path, known: str) -> None:
    ran = uic("bench", "run", "--url", known, "--model", "known:fail=100", "--requests", "4", "--name", "rien")
    assert ran.code == 3
    assert "INVALID" in ran.out
    assert "4 of 4 failed with http_500: The known failure: défaut 🙂" in ran.err
    assert "INVALID" in uic("bench", "show").out
    assert "INVALID" in uic("bench", "show", "rien").out
    gate = uic("bench", "gate", "rien", "--hold", "failed<=100%")
    assert (gate.code, "passed" in gate.out, "INVALID" in gate.out) == (3, False, True)
    compared = uic("bench", "compare", "rien", "rien")
    assert (compared.code, "INVALID" in compared.out) == (3, True)
    assert uic("cost", "rien@l4x1").code == 2


def test_several_loads_are_one_table(uic: Run, known: str) -> None:
    ran = uic(
        "bench", "run", "--url", known, "--model", MODEL, "--concurrency", "1,2", "--requests", "6", "--name", "x"
    )
    assert ran.out.startswith("RUN"), ran
    assert {"x_c1", "x_c2"} <= set(ran.out.split())


def test_a_run_that_is_stopped_keeps_what_it_measured(environment: dict[str, str], home: Path, known: str) -> None:
    arguments = command("bench", "run", "--url", known, "--model", MODEL, "--requests", "100000", "--name", "assez")
    program = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
        cwd=home / "work", start_new_session=True,
    )  # fmt: skip
    time.sleep(4)
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=30)
    assert program.returncode == 3, err.decode()
    assert "INVALID: it was stopped before its end" in out.decode()
    kept = json.loads((results(home) / "assez_metrics.json").read_text())
    assert kept["counts"]["completed"] > 0
    assert kept["counts"]["failed"] == 0


def test_our_own_server_with_the_embedded_model(uic: Run, tmp_path: Path) -> None:
    with serve(tmp_path, "--provider", "embedded") as running:
        ran = uic("bench", "run", "--url", running.url + "/v1", "--requests", "6", "--concurrency", "2", "--json")
        told: dict[str, Any] = json.loads(ran.out)
        assert (told["counts"]["completed"], told["counts"]["failed"]) == (6, 0), ran
        assert told["counted_by"] == {"usage": 6}
        assert told["ttft_ms"]["p50"] > 0
        other = uic("bench", "run", "--url", running.url + "/v1", "--requests", "2", "--model", "inconnu")
        assert other.code == 3
        assert "http_404" in other.err


def test_tokens_are_counted_by_the_best_that_there_is(uic: Run, tmp_path: Path, known: str) -> None:
    asked = ("--requests", "4", "--warmup", "0", "--json")
    silent = ("--body", '{"stream_options": {"include_usage": false}}')
    own = str(Path(unified_intelligence.embedded.__file__).parent / "model")
    with serve(tmp_path, "--provider", "embedded") as running:
        url = running.url + "/v1"
        counted = json.loads(uic("bench", "run", "--url", url, *asked).out)
        told = json.loads(uic("bench", "run", "--url", url, *asked, *silent, "--tokenizer", own).out)
    assert (counted["counted_by"], told["counted_by"]) == ({"usage": 4}, {"tokenize": 4})
    assert told["tokens"]["output"] == pytest.approx(counted["tokens"]["output"], rel=0.2)
    model = ("--url", known, "--model", "known:first=5,gap=1,tokens=8,group=4,nousage")
    given = json.loads(uic("bench", "run", *model, *asked, "--tokenizer", own).out)
    assert (given["counted_by"], given["tokens"]["output"] > 8) == ({"tokenizer": 4}, True)
    events = json.loads(uic("bench", "run", *model, *asked).out)
    assert (events["counted_by"], events["tokens"]["output"]) == ({"events": 4}, 2)
    none = uic("bench", "run", *model, "--tokenizer", str(tmp_path))
    assert (none.code, "tokenizer.json is no tokenizer" in none.err) == (3, True)


def test_a_gradio_space_is_measured_at_its_socket(uic: Run, home: Path, tmp_path: Path) -> None:
    gradio = pytest.importorskip("tests.integration.benchmark.test_gradio_queue")
    with gradio.known_space(tmp_path, 1, 8, 0.2) as space:
        asked = ("--concurrency", "2", "--requests", "6", "--warmup", "0", "--name", "espace")
        ran = uic("bench", "run", "--url", space.url, *asked)
        for line in (
            "in the queue, as told",
            "until a GPU was lent",
            "in the model, as told",
            "GPU:",
            "as the Space told",
        ):
            assert line in ran.out, ran
        assert "known at http://127.0.0.1" in ran.err and "Gradio 6" in ran.err
        kept = json.loads((results(home) / "espace_metrics.json").read_text())
        assert kept["counts"]["completed"] == 6 and kept["gpu"]["told"] == 6
        assert kept["queue_ms"]["p99"] > 300 and 150 < kept["gpu_wait_ms"]["p50"] < 5000
        depends = json.loads((results(home) / "espace_manifest.json").read_text())["depends_on"]
        assert (depends["protocol"], depends["server"]["model"]) == ("gradio", "known")
        cost = uic("cost", "espace@zero-gpu", "--json")
        assert "GPU seconds each (as the Space told)" in json.loads(cost.out)["offers"][0]["notes"][0]
        named = ("--provider", "qwen3_zerogpu", "-o", "space", space.url, "--requests", "2", "--json")
        told = json.loads(uic("bench", "run", *named).out)
        assert told["queue_ms"] and not told["health"]["notes"]
        above = json.loads(uic("bench", "run", *named, "--protocol", "adapter").out)
        assert above["queue_ms"] is None and "measured above the adapter" in above["health"]["notes"][0]
        prompts = tmp_path / "fragen.txt"
        prompts.write_text("first=0 tokens=2\nquota été\n", "utf-8")
        few = ("--prompts", str(prompts), "--requests", "40", "--concurrency", "1,2", "--name", "fini")
        refused = uic("bench", "run", "--url", space.url, *few)
        assert refused.code == 3 and "the GPU quota was used up before its end" in refused.out
        assert [path.name for path in results(home).glob("fini_c*_metrics.json")] == ["fini_c1_metrics.json"]
        assert "--gpu-budget" in uic("bench", "run", "--provider", "echo", "--gpu-budget", "5").err


def test_a_provider_is_measured_above_its_adapter(uic: Run) -> None:
    ran = uic("bench", "run", "--provider", "echo", "--requests", "20", "--concurrency", "2", "--json")
    told = json.loads(ran.out)
    assert told["counts"]["completed"] == 20
    assert told["health"]["notes"] == ["measured above the adapter of echo: its own work is in every time"]


def test_a_key_is_sent_and_kept_nowhere(uic: Run, home: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-tr-s-secret")
    key.chmod(stat.S_IRUSR | stat.S_IWUSR)
    with serve(tmp_path, "--provider", "echo", "--api-key", f"file:{key}") as running:
        refused = uic("bench", "run", "--url", running.url + "/v1", "--requests", "2")
        assert refused.code == 4, refused
        ran = uic("bench", "run", "--url", running.url + "/v1", "--requests", "4", "--key", f"file:{key}", "--json")
    assert json.loads(ran.out)["counts"]["completed"] == 4
    assert all(b"sk-tr-s-secret" not in path.read_bytes() for path in results(home).iterdir())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "--url", "http://127.0.0.1:9/v1"), 6, "cannot be reached"),
        (("run", "--url", "x://y"), 2, "is no address"),
        (("run", "--url", "http://127.0.0.1:9", "--rate", "5", "--concurrency", "2"), 2, "two different loads"),
        (("run", "--url", "http://127.0.0.1:9", "--concurrency", "0"), 2, "--concurrency"),
        (("run", "--url", "http://127.0.0.1:9", "--slo", "ttft"), 2, "--slo"),
        (("run", "--url", "http://127.0.0.1:9", "--provider", "echo"), 2, "--provider"),
        (("run", "--url", "http://127.0.0.1:9", "--prompts", "/nulle/part.txt"), 3, "cannot be read"),
        (("run", "--provider", "echo", "--body", "{}"), 2, "--body"),
        (("run", "--provider", "echo", "--protocol", "gradio"), 2, "no Gradio Space"),
        (("run", "--url", "http://127.0.0.1:9", "--protocol", "grpc"), 2, "--protocol"),
        (("run", "--url", "http://127.0.0.1:9", "--protocol", "gradio"), 6, "No connection to"),
        (("gate", "personne", "--hold", "ttft_ms.p50<=1"), 3, "no run"),
        (("gate", "personne"), 2, "no gate"),
        (("check", "/nulle/part.md"), 3, "cannot be read"),
    ],
)
def test_what_cannot_be_done_is_said(uic: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    ran = uic("bench", *arguments)
    assert (ran.code, ran.out) == (code, ""), ran
    assert words in ran.err


def test_who_speaks_neither_is_told_so(uic: Run) -> None:
    with answering(SimpleHTTPRequestHandler) as url:
        ran = uic("bench", "run", "--url", url)
        forced = uic("bench", "run", "--url", url, "--protocol", "gradio")
    assert (ran.code, ran.out) == (6, ""), ran
    assert "speaks neither OpenAI's API (GET /v1/models: 404) nor Gradio's (GET /config: 404)" in ran.err
    assert "--protocol openai" in ran.err
    assert (forced.code, forced.out, "--key env:HF_TOKEN" in forced.err) == (3, "", True), forced


def test_tables_that_cannot_be_true(uic: Run) -> None:
    example = Path(__file__).resolve().parents[2] / "docs" / "examples" / "reported_figures.md"
    ran = uic("bench", "check", str(example))
    assert (ran.code, "87 under way, not 16" in ran.out) == (1, True)


def test_prices_have_their_dates(uic: Run) -> None:
    ran = uic("cost", "--prices")
    assert ran.code == 0
    assert "l4x1" in ran.out
    assert "2026-" in ran.out
    assert "never unlimited" in ran.out


def test_the_cost_of_a_run(uic: Run, known: str) -> None:
    uic("bench", "run", "--url", known, "--model", MODEL, "--requests", "12", "--concurrency", "2", "--name", "m")
    told = json.loads(uic("cost", "m@l4x1", "m@zero-gpu", "--requests-per-day", "1000", "--json").out)
    spaces = next(own for own in told["offers"] if own["offer"] == "m@l4x1")
    assert spaces["a_day"] == pytest.approx(19.2)
    assert spaces["used_1m_requests"] == pytest.approx(19.2 * 1000)
    assert uic("cost", "m@l4").code == 3
    assert uic("cost", "m").code == 2
    assert uic("cost").code == 2
