"""What a server sends too much of is refused while it comes, not after it is here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.architecture.repository import ROOT
from tests.faults.scenarios import played

MOST_GROWN = 50 * 2**20
LONGEST = 10.0  # seconds; two on a quiet machine
BOMBS = (
    "line of 64 MiB",
    "line of 64 MiB mid-answer",
    "endless event",
    "endless headers",
    "JSON of 100 MB",
    "error page of 100 MB",
    "gzip bomb",
    "gzip bomb in a stream",
)


@pytest.mark.parametrize("name", BOMBS)
def test_memory_stays_small(name: str) -> None:
    with played("control: healthy") as healthy, played(name) as bomb:
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.memory_probe", healthy.url, bomb.url],
            capture_output=True, text=True, cwd=ROOT, timeout=60, check=True,
            env={"PYTHONPATH": f"{ROOT}/src:{ROOT}", "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["error"] in {"protocol", "stream_interrupted", "invalid_request", "connection_failed"}
    assert found["grown"] <= MOST_GROWN
    assert found["seconds"] <= LONGEST
