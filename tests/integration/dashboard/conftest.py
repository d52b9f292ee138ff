"""A folder of real runs, measured once for all of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.dashboard.made import Slots, closed, run
from unified_intelligence.benchmark.plan import Load


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two configurations over loads, one of which saturates; one that fails, one whose client is late, one dead."""
    folder = tmp_path_factory.mktemp("runs")
    for load in (1, 4, 16):
        run(folder, f"four-slots_c{load}", Slots(4), closed(load, 32), model="Qwen3-8B")
        run(folder, f"sixteen_c{load}", Slots(16), closed(load, 32), model="Qwen3-8B-Q4")
    run(folder, "busy_c2", Slots(4, busy=0.4), closed(2, 24), model="other")
    run(folder, "late_r40", Slots(4, stall=0.02), Load(rate=40, requests=40, warmup=4), model="other")
    run(folder, "dead_c2", Slots(4, busy=1.0), closed(2, 6), model="other")
    return folder
