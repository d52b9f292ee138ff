"""The same suite by each way there is to ask: here, by a server of OpenAI's API, by a Space that takes many at once."""

from __future__ import annotations

import json
from pathlib import Path

from tests.browser.real_browser import served
from tests.faults.server import closed_port
from tests.gradio_app import gradio_app
from tests.integration.evaluation.evaluated import evaluate, lines, suite_file, uic


def test_here_and_served_there_are_no_flips(tmp_path: Path) -> None:
    """The embedded model asked in this process, and behind `uic serve` over HTTP."""
    here = uic(
        tmp_path, "eval", "run", "bfcl/small", "--provider", "embedded", "--runs", str(tmp_path), "--name", "here"
    )
    assert here.code == 0, here.err
    with served(tmp_path, "--provider", "embedded", "--served-name", "m") as server:
        ran = evaluate(tmp_path, "bfcl/small", f"{server.url}/v1", "--name", "served", "--json")
        assert ran.code == 0, ran.err
        assert (ran.json["model"]["route"], ran.json["model"]["id"]) == ("chat-tools", "m")
        assert ran.json["executor"]["kind"] == "server"
    found = uic(tmp_path, "eval", "compare", "here", "served", "--runs", str(tmp_path), "--json")
    assert found.code == 0 and found.json["lost"] == found.json["gained"] == found.json["unpaired"] == []
    assert found.json["changed"]["provider"] == ["embedded", "openai_compatible"]


def space(runs: Path, url: str, suite: str, *more: str):
    own = ("--provider", "qwen3_zerogpu_eval", "-o", "space", url, "-o", "cache", "", "--runs", str(runs), "--json")
    return uic(runs, "eval", "run", suite, *own, *more)


def test_a_space_answers_many_in_a_call_and_the_run_goes_on(tmp_path: Path) -> None:
    file = str(suite_file(tmp_path, 100))
    with gradio_app("eval_chunk", "version") as app:
        first = space(tmp_path, app.url, file, "--name", "r", "--limit", "70")
        assert first.code == 0, first.err
        assert first.json["counts"]["right"] == 70 and first.json["executor"] == {
            **first.json["executor"],
            "kind": "space",
            "concurrency": 1,
        }
        path = tmp_path / "r/samples.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-20]))
        again = space(tmp_path, app.url, file, "--name", "r")
        assert again.code == 0 and again.json["counts"]["right"] == 100
    kept = lines(tmp_path / "r")
    assert len({line["sample_id"] for line in kept}) == len(kept) == 100
    assert all(line["latency_s"] is not None and line["started_at"] for line in kept)
    assert "mot7" in json.dumps(kept) and any("\u2028" in line["text"] for line in kept)


def test_a_space_that_is_gone_is_right_nowhere(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    ran = space(tmp_path, url, str(suite_file(tmp_path, 100)), "--name", "r", "--retries", "1")
    assert ran.code == 3 and ran.json["counts"]["right"] == 0
    assert {line["outcome"] for line in lines(tmp_path / "r")} <= {"error"}
