"""llmock, which breaks a server and grades its clients, has nothing to say against this one."""

from __future__ import annotations

import pytest

from benchmarks.outside_judge import TRIALS, judged

pytest.importorskip("llmock", reason="the outside judge is not installed: pip install llmock")


@pytest.mark.parametrize("name", TRIALS)
def test_the_judge_finds_no_fault(name: str) -> None:
    assert judged(name)["findings"] == []
