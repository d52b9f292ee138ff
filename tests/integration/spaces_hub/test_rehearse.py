"""`uic space rehearse` as people run it, on a small Space whose app is a model's server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from tests.architecture.repository import PACKAGE
from tests.integration.spaces_operated.model_app import ANSWER, sources
from unified_intelligence.spaces.rehearsal import ENDS, MEANING
from unified_intelligence.spaces.simulator.faults import FAULTS

SPEC = """
version: 1
id: petit
sdk: gradio
variables: {COLOUR: "bleu ciel 🎉"}
secrets: {API_KEY: "env:PETIT_KEY"}
contract: {kind: openai, models: [petit], provider: openai_compatible, key: "env:PETIT_KEY"}
smoke:
  - {name: tva, prompt: "15 % de 240 € ?", expect: {regex: "36 €"}}
"""
CANARY = "canary-that-comes-nowhere"
Rehearse = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, content in {**sources(ANSWER), "space.yaml": SPEC.encode()}.items():
        (tmp_path / "petit" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "petit" / path).write_bytes(content)
    return tmp_path


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "unified_intelligence", "space", "rehearse", "petit", *words]


def environment(folder: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    return {**kept, "PYTHONPATH": str(PACKAGE.parent), "HOME": str(folder), "TMPDIR": str(folder), **more}


@pytest.fixture
def rehearse(folder: Path) -> Rehearse:
    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*words), cwd=folder, env=environment(folder, **more), capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip

    return run


def test_all_well_it_ends_with_a_sentence_and_kept_it_can_be_talked_to(folder: Path) -> None:
    own = environment(folder, PETIT_KEY=CANARY, HF_TOKEN="hf_the_real_one")
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            command("--keep"), cwd=folder, env=own, stdout=subprocess.PIPE, stderr=said, text=True
        )
    try:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        heard = (folder / "said").read_text("utf-8")
        assert first.startswith("rehearsal/petit was deployed and verified, and a second plan is empty: "), heard
        assert second.startswith("HF_ENDPOINT=http://127.0.0.1:")
        api = HfApi(endpoint=second.strip().partition("=")[2], token="x")
        assert api.get_space_runtime("rehearsal/petit").stage == "RUNNING"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.communicate()
    for step in ("plan: Space rehearsal/petit", "RUNNING, commit ", "smoke tva: ok", "good: uic-good-1"):
        assert step in heard
    assert CANARY not in heard + first and "hf_the_real_one" not in heard + first
    assert not list(folder.glob("uic-rehearsal-*"))


def test_a_bad_version_is_rolled_back(rehearse: Rehearse) -> None:
    done = rehearse("--fault", "failing_answers", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["ok"], told["ended"], told["exit_code"]) == (True, "back", 13)
    assert set(told["seconds"]) == set(told["calls"]) == {"good version", "with the fault"}
    assert "It was rolled back to uic-good-1, which was verified and runs." in told["message"]
    assert "Made up, because they are not set here: PETIT_KEY." in done.stderr


def test_a_first_deployment_that_is_not_paid_for_leaves_nothing(rehearse: Rehearse) -> None:
    done = rehearse("--fault", "payment_required")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("payment_required ends as it should, exit ")
    assert MEANING["refused"] in done.stdout


def test_a_smoke_request_that_the_app_cannot_meet_is_a_failure(rehearse: Rehearse) -> None:
    done = rehearse("--set", "MODE=empty")
    assert done.returncode == 13 and "the answer is empty" in done.stderr
    assert done.stdout == ""


def test_a_fault_nobody_knows_is_told(rehearse: Rehearse) -> None:
    done = rehearse("--fault", "stale_bild")
    assert done.returncode == 3 and "stale_build" in done.stderr


def test_every_fault_has_an_end() -> None:
    assert set(ENDS) == set(FAULTS) and set(ENDS.values()) == set(MEANING)


def test_a_library_that_is_not_here_is_named_before_anything_starts(folder: Path, rehearse: Rehearse) -> None:
    hidden = folder / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text("import sys\nsys.modules['gradio'] = None\n")
    ran = rehearse(PYTHONPATH=f"{hidden}{os.pathsep}{PACKAGE.parent}")
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr.splitlines() == [
        "Error: The app of petit, which is started here, needs the library 'gradio', which is not installed.",
        "       pip install 'unified-intelligence-cli[space]'",
    ]
