"""A Gradio Space as a process of its own, on a free port of this machine."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDS_GRADIO = pytest.mark.skipif(
    find_spec("gradio") is None, reason="Gradio is not here: pip install 'unified-intelligence-cli[space]'"
)
PROJECT = Path(__file__).parents[3]
APP = PROJECT / "hf_spaces" / "qwen3-inference" / "app.py"
EVALUATION = PROJECT / "hf_spaces" / "qwen3-eval" / "app.py"


class Space:
    """A process that is starting; `url` waits until it listens, `said` is what it printed until then."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process, self._url, self.said = process, "", ""

    @property
    def url(self) -> str:
        assert self._process.stdout is not None
        while not self._url:
            line = self._process.stdout.readline()
            self.said += line
            assert line, self.said
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                self._url = found[0]
        return self._url

    def kill(self) -> None:
        """Ends it without a goodbye."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=30)


@contextmanager
def running(*program: str | Path, cwd: Path, **environment: str) -> Generator[Space]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    process = subprocess.Popen(
        [sys.executable, "-u", *map(str, program)], cwd=cwd, env={**os.environ, **own, **environment}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
        start_new_session=True,
    )  # fmt: skip
    try:
        yield Space(process)
    finally:
        with suppress(ProcessLookupError):  # it was killed before
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
