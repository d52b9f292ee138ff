"""A Hub on loopback that says no in each of its ways, and one that gives a model."""

from __future__ import annotations

import json
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFUSALS = {
    "gated": (403, "GatedRepo", "Access to this model is restricted."),
    "private": (401, "RepoNotFound", "Repository not found."),
    "old": (404, "RevisionNotFound", "Invalid rev id."),
    "ill": (418, "", "I am a teapot."),
}
PROGRAM = """
import json, sys
from unified_intelligence.engine import load
from unified_intelligence.entities.errors import UnifiedIntelligenceError
for name in sys.argv[2:]:
    try:
        load.download(f"owner/{name}", revision=None, cache_dir=sys.argv[1], offline=False)
    except UnifiedIntelligenceError as error:
        print(json.dumps([name, type(error).__name__, error.message, error.hint]))
"""


class Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = next((name for name in REFUSALS if f"/owner/{name}" in self.path), "ill")
        status, code, message = REFUSALS[name]
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("X-Error-Message", message)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_each_refusal_says_what_to_do(hub: str, tmp_path: Path) -> None:
    environment = {"PYTHONPATH": ":".join(sys.path), "HF_ENDPOINT": hub, "HF_HOME": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), *REFUSALS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    said = {name: rest for name, *rest in map(json.loads, done.stdout.splitlines())}
    assert said["gated"][0] == "ConfigurationError"
    assert "https://huggingface.co/owner/gated" in said["gated"][2]
    assert said["private"][0] == "ModelNotFoundError"
    assert "hf auth login" in said["private"][2]
    assert said["old"][:2] == ["ModelNotFoundError", "owner/old has no such revision."]
    assert said["ill"][0] == "ModelNotFoundError"
    assert "the Hub did not give it" in said["ill"][1]
