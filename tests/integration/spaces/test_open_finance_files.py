"""What the Docker Space consists of, read as the platform reads it."""

from __future__ import annotations

import importlib.util
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

SPACE = Path(__file__).parents[3] / "hf_spaces" / "open-finance-llm-8b"
ENOUGH = {"API_KEY": "a key", "HF_TOKEN": "a token"}


@pytest.fixture(scope="module")
def start() -> ModuleType:
    found = importlib.util.spec_from_file_location("start", SPACE / "start.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_front_matter_says_docker_and_the_port_the_server_listens_on(start: ModuleType) -> None:
    head: dict[str, Any] = yaml.safe_load((SPACE / "README.md").read_text("utf-8").split("---")[1])
    assert head["sdk"] == "docker"
    assert head["models"] == [start.DEFAULT_MODEL]
    assert len(head["short_description"]) <= 60
    command = start.server(ENOUGH)
    assert command[command.index("--port") + 1] == str(head["app_port"])


def test_the_image_runs_as_user_1000_and_holds_no_weights() -> None:
    text = (SPACE / "Dockerfile").read_text("utf-8")
    assert "--uid 1000" in text
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["user"]
    assert text.index("\nUSER user") < text.index("pip install")
    assert "HEALTHCHECK" in text
    assert not re.search(r"hf download|huggingface-cli|snapshot_download|HF_TOKEN", text)


@pytest.mark.parametrize("backend", ["transformers", "vllm"])
def test_every_requirement_is_pinned_and_hashed(backend: str) -> None:
    text = (SPACE / f"requirements-{backend}.txt").read_text("utf-8")
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    assert len(lines) > 40
    assert [line for line in lines if not re.match(r"[\w.-]+(?:\[[\w,-]+\])?==[\w.+]+ .*--hash=sha256:", line)] == []
    names = {line.split("==")[0].split("[")[0] for line in lines}
    assert {"torch", "transformers", "fastapi", "uvicorn", "httpx2", backend} <= names


def test_the_default_model_without_a_token_is_refused_with_what_to_do(start: ModuleType) -> None:
    with pytest.raises(start.SettingError, match="HF_TOKEN") as refused:
        start.server({"API_KEY": "a key"})
    assert f"https://huggingface.co/{start.DEFAULT_MODEL}" in str(refused.value)
    assert start.DEFAULT_MODEL in start.server(ENOUGH)
    assert "Qwen/Qwen3-0.6B" in start.server({"API_KEY": "a key", "MODEL_ID": "Qwen/Qwen3-0.6B"})


@pytest.mark.parametrize("wrong", [{"HF_TOKEN": "a token"}, {**ENOUGH, "BACKEND": "tgi"}])
def test_a_missing_key_and_an_unknown_backend_are_refused(start: ModuleType, wrong: dict[str, str]) -> None:
    with pytest.raises(start.SettingError, match=r"API_KEY|BACKEND"):
        start.server(wrong)


def test_no_secret_is_on_a_command_line(start: ModuleType) -> None:
    settings = {"API_KEY": "canary-1", "HF_TOKEN": "canary-2", "BACKEND": "vllm", "VLLM_ARGUMENTS": "--max-model-len 9"}
    assert "canary" not in " ".join(start.server(settings) + start.vllm(settings))


def test_with_vllm_the_server_stands_before_it_on_loopback(start: ModuleType) -> None:
    settings = {**ENOUGH, "BACKEND": "vllm", "MODEL_REVISION": "abc", "VLLM_ARGUMENTS": "--max-model-len 16384"}
    behind, before = start.vllm(settings), start.server(settings)
    assert behind[behind.index("--host") + 1] == "127.0.0.1"
    assert behind[behind.index("--revision") + 1] == "abc"
    assert behind[-2:] == ["--max-model-len", "16384"]
    assert before[before.index("--base-url") + 1] == f"http://127.0.0.1:{behind[behind.index('--port') + 1]}/v1"
    assert before[before.index("--model") + 1] == behind[behind.index("--served-model-name") + 1]


def test_with_vllm_the_server_tells_what_runs_behind_it(start: ModuleType) -> None:
    command = start.server({**ENOUGH, "BACKEND": "vllm", "MODEL_ID": "Qwen/Qwen3-8B", "MODEL_REVISION": "abc"})
    told = [command[at + 1 : at + 3] for at, word in enumerate(command) if word == "--about"]
    assert told == [["backend", "vllm"], ["model", "Qwen/Qwen3-8B"], ["revision", "abc"]]


def test_an_orphans_end_is_not_one_of_the_two() -> None:
    """In a process of its own, which inherits orphans as a container's first one does."""
    code = f"""
import ctypes, sys
sys.path.insert(0, {str(SPACE)!r})
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
import start
leaves_an_orphan = ["sh", "-c", "(sh -c 'sleep 0.5; exit 7' &) ; exec sleep 60"]
raise SystemExit(start.run_both(leaves_an_orphan, ["sh", "-c", "sleep 3; exit 5"]))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 5


def test_the_server_starts_once_vllm_answers(start: ModuleType, tmp_path: Path) -> None:
    """The first one listens late and says that it is not ready yet; the second notes what it finds."""
    first = tmp_path / "first.py"
    first.write_text(
        """
import http.server, sys, time
ready = time.monotonic() + 2
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if time.monotonic() > ready else 503)
        self.end_headers()
time.sleep(1)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/health"
    second = f"import urllib.request as r; raise SystemExit(r.urlopen({url!r}).status // 100)"
    both = [sys.executable, str(first), str(port)], [sys.executable, "-c", second]
    assert start.run_both(*both, ready=url) == 2
    assert start.run_both([sys.executable, "-c", "raise SystemExit(3)"], both[1], ready=url) == 3


def test_two_processes_end_together(start: ModuleType) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    before = time.monotonic()
    assert start.run_both(sleeper, [sys.executable, "-c", "raise SystemExit(7)"]) == 7
    assert time.monotonic() - before < 20
