"""A few seconds of the load that `benchmarks/serving_load.py` measures for minutes: many clients, most of them rude."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.served_process import uic_serve
from benchmarks.serving_load import get, load
from benchmarks.serving_visitors import VISITS

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")


def test_rude_clients_spoil_no_answer_and_leave_nothing_behind() -> None:
    limits = ("--max-running", "16", "--max-per-key", "64")
    with (
        uic_serve("--provider", "echo", "-o", "delay", "0.01", *limits) as server,
        uic_serve("--provider", "echo") as idle,
    ):
        get(server, "/health")
        found: dict[str, Any] = load(server, idle, 10, 16)
        refused = [
            line for line in get(server, "/metrics").splitlines() if line.startswith("uic_admission_rejections_")
        ]
    clients, seen = found["clients"], found["server"]
    assert len(clients["visits"]) >= len(VISITS) - 1
    assert clients["answers read to the end and exact"] > 20
    assert (clients["answers with another text"], clients["failed"]) == (0, {})
    assert found["/health not 200"] == 0
    assert found["/health, ms"]["p50"] < 1000
    assert max(found["afterwards"].values()) <= 0  # less: what was still open before it began
    assert seen["resident MiB, most"] - seen["resident MiB at first"] < 200
    assert seen["threads, most"] <= 16 + 16
    assert refused and all(line.endswith(" 0.0") for line in refused if "_total" in line)
