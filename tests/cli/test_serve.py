"""`uic serve` as a process: who answers, what it says, how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx2
import openai
import pytest

from tests.cli.uic_program import Run, command
from tests.tiny_qwen3 import build_speaker

QUESTION = "Ça va ? 🎉\noui"


class Running(NamedTuple):
    url: str
    announced: str
    process: subprocess.Popen[str]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(how)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


@contextmanager
def serve(cwd: Path, *arguments: str, **environment: str) -> Generator[Running]:
    process = subprocess.Popen(
        command("serve", "--port", "0", *arguments),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
        env={**os.environ, **environment}, encoding="utf-8",
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.match(r"(http://\S+)/v1 answers", line)
        assert found, line + process.communicate(timeout=30)[1]
        yield Running(found[1], line, process)
    finally:
        process.kill()
        process.communicate()


def answer(url: str, model: str, key: str = "unused") -> str | None:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, timeout=60) as client:
        made = client.chat.completions.create(model=model, messages=[{"role": "user", "content": QUESTION}])
        return made.choices[0].message.content


def test_a_provider_is_served_until_a_signal(tmp_path: Path) -> None:
    told = ("--about", "model", "Qwen/Qwen3-8B", "--about", "revision", "abc")
    with serve(tmp_path, "--provider", "echo", "--served-name", "écho", "--served-name", "autre", *told) as running:
        assert "écho and autre, by echo" in running.announced
        assert answer(running.url, "écho") == answer(running.url, "autre") == QUESTION
        version = httpx2.get(f"{running.url}/version").json()
        assert (version["backend"], len(version["digest"])) == ("echo", 16)
        assert (version["model"], version["revision"]) == ("Qwen/Qwen3-8B", "abc")
        assert httpx2.get(f"{running.url}/metrics").status_code == 200
        code, err = running.stop()
    assert code == 0
    assert '"route": "/v1/chat/completions"' in err
    assert "Ça va" not in err and "\\u00c7a va" not in err


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    with serve(tmp_path, "--log", "off") as running:
        code, err = running.stop(signal.SIGINT)
    assert (code, err) == (130, "")


def test_a_key_is_asked_for(tmp_path: Path) -> None:
    with serve(tmp_path, "--provider", "echo", "--api-key", "env:TEAM", TEAM="clé-42".replace("é", "e")) as running:
        with pytest.raises(openai.AuthenticationError):
            answer(running.url, "echo", "other")
        assert answer(running.url, "echo", "cle-42") == QUESTION
        assert httpx2.get(f"{running.url}/health").status_code == 200
        _, err = running.stop()
    assert "cle-42" not in running.announced + err


def test_a_model_alone_runs_here(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = build_speaker(tmp_path / "le-petit", "Ça parle 🎉\nici")
    with serve(tmp_path, "--model", str(folder), "-o", "speculation", "auto") as running:
        assert "le-petit, by local" in running.announced
        assert answer(running.url, "le-petit") == "Ça parle 🎉\nici"
        limits = httpx2.get(f"{running.url}/status.json").json()["limits"]
        explanation = httpx2.get(f"{running.url}/version").json()["explanation"]
        _, err = running.stop()
    assert limits["running"] == 16, "as many as the engine has slots"
    assert "fused forward pass" in explanation and "guesses looked up in the text" in explanation
    assert f"It runs here: {explanation}." in err


def test_several_models_run_here_under_names(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    texts = {"small": "Petit 🙂\noui", "large": "Grand :  très  grand\u2028fin"}
    for name, text in texts.items():
        build_speaker(tmp_path / name, text)
    given = ("-o", "models", "small=./small,large=./large", "--max-running", "3")
    with serve(tmp_path, *given) as running:
        assert "small and large, by local" in running.announced
        for _ in range(120):
            if httpx2.get(f"{running.url}/ready").status_code == 200:
                break
            time.sleep(0.5)
        assert [answer(running.url, name) for name in (*texts, "small")] == [*texts.values(), texts["small"]]
        with pytest.raises(openai.NotFoundError, match="There are: small, large"):
            answer(running.url, "huge")
        figures = httpx2.get(f"{running.url}/metrics").text
        status = httpx2.get(f"{running.url}/status.json").json()
        code, err = running.stop()
    assert code == 0
    for name, many in (("small", "2.0"), ("large", "1.0")):
        assert f'vllm:request_success_total{{finished_reason="stop",model_name="{name}"}} {many}' in figures
        assert f'vllm:num_requests_running{{model_name="{name}"}} 0.0' in figures
        assert f"{name} runs here: fused forward pass" in err
    assert [(one["model"], one["state"], one["answers"]) for one in status["models"]] == [
        ("small", "ready", 2), ("large", "ready", 1),
    ]  # fmt: skip
    assert (status["limits"]["running"], status["state"], status["requests"]["finished"]) == (6, "ready", 3)
    assert re.search(r'"status": 200, "model": "large"', err)


def test_a_question_chooses_among_several_models(tmp_path: Path, uic: Run) -> None:
    pytest.importorskip("torch")
    folders = {name: build_speaker(tmp_path / name, f"Ici  {name} 🎉") for name in ("small", "large")}
    models = ",".join(f"{name}={folder}" for name, folder in folders.items())
    asked = ("ask", "--provider", "local", "-o", "models", models)
    assert uic(*asked, "--model", "large", "Qui ?").out == "Ici  large 🎉\n"
    assert uic(*asked, "Qui ?").out == "Ici  small 🎉\n"
    unknown = uic(*asked, "--model", "huge", "Qui ?")
    assert (unknown.code, unknown.out) == (3, "")
    assert "There is no model 'huge'. Known: large, small." in unknown.err
    named = uic("serve", "--port", "0", "--provider", "local", "-o", "models", models, "--served-name", "x")
    assert named.code == 2
    assert "Several models have their names already" in named.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--port", "http"], 2, "--port is a whole number from 0 to 65535"),
        (["--max-running", "0"], 2, "--max-running is a whole number from 1"),
        (["--grace", "soon"], 2, "--grace is a number of seconds"),
        (["--about", "weather", "fine"], 2, "--about takes backend, model, revision"),
        (["--log", "xml"], 2, "--log is one of json, text, off"),
        (["--host", "0.0.0.0"], 3, "no API key is set"),
        (["--api-key", "a-key-itself"], 3, "no reference to a key"),
        (["--provider", "ecko"], 3, "Did you mean echo?"),
        (["--provider", "local", "--model", "/nowhere/at/all"], 3, "There is no folder /nowhere/at/all"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(uic: Run, arguments: list[str], code: int, said: str) -> None:
    ran = uic("serve", "--port", "0", *arguments) if "--port" not in arguments else uic("serve", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "a-key-itself" not in ran.err
    assert "Traceback" not in ran.err


def test_a_model_that_cannot_be_loaded_ends_it(uic: Run) -> None:
    pytest.importorskip("torch")
    ran = uic("serve", "--port", "0", "--model", "nobody/nothing", "-o", "offline=true")
    assert (ran.code, ran.out) == (3, "")
    assert "nobody/nothing" in ran.err.splitlines()[-2] + ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err


def test_several_routes_are_served(tmp_path: Path) -> None:
    row = {"type": "openai_compatible", "model": "m"}
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        dead = {**row, "base_url": f"http://127.0.0.1:{held.getsockname()[1]}/v1"}
        file = tmp_path / "mine.json"
        file.write_text(
            json.dumps({"providers": {"dead": dead, "both": {"type": "fallback", "routes": ["dead", "echo"]}}})
        )
        with serve(tmp_path, "--provider", "both", "--config", str(file)) as running:
            assert answer(running.url, "both") == QUESTION
            status = httpx2.get(f"{running.url}/ready").status_code
            code, _ = running.stop()
    assert (status, code) == (200, 0)


def test_without_its_libraries_it_says_which_extra(tmp_path: Path) -> None:
    code = "import sys; sys.modules['fastapi'] = None; from unified_intelligence.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "serve"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 3
    assert "needs the library 'fastapi'" in done.stderr
    assert "[serve]" in done.stderr
