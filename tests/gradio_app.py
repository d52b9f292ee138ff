"""Starts the echo Space of `gradio_echo_space.py` in a process of its own, on a free port of the loopback address."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).with_name("gradio_echo_space.py")
_SOURCE = Path(__file__).parents[1] / "src"


@dataclass
class App:
    url: str
    process: subprocess.Popen[bytes]

    def seen(self) -> dict[str, int]:
        """How many answers were begun, ended and cancelled."""
        request = urllib.request.Request(
            f"{self.url}/gradio_api/run/seen", b'{"data": []}', {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)["data"][0]


@contextmanager
def gradio_app(*words: str, python: str = sys.executable) -> Generator[App]:
    """The app, with the endpoints that are named or all. Skips the test where Gradio is not installed."""
    if python == sys.executable and importlib.util.find_spec("gradio") is None:
        pytest.skip("Gradio is not installed")
    environment = {
        **os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(_SOURCE),
        "NO_PROXY": "*",
    }  # fmt: skip
    process = subprocess.Popen(
        [python, "-W", "ignore", str(_SCRIPT), *words], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode().strip()
        assert line.startswith("http"), "the app did not start"
        yield App(line, process)
    finally:
        process.kill()
        process.communicate()
