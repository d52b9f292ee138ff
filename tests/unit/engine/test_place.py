import os
from pathlib import Path

import pytest
import torch

from unified_intelligence.engine.place import Dtype, available_cores, device_of, dtype_of, set_threads
from unified_intelligence.entities.errors import ConfigurationError

MINE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("files", "cores"), [
    ({}, MINE), ({"cpu.max": "max 100000"}, MINE), ({"cpu.max": "50000 100000"}, 1), ({"cpu.max": "100000 100000"}, 1),
    ({"cpu.max": "99900000 100000"}, MINE), ({"cpu.max": "damaged"}, MINE),
    ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
    ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, MINE),
])  # fmt: skip
def test_the_quota_of_the_container_is_kept(files: dict[str, str], cores: int, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert available_cores(tmp_path) == cores


def test_threads_can_be_set_and_never_exceed_the_cores() -> None:
    kept = torch.get_num_threads()
    try:
        set_threads(3)
        assert torch.get_num_threads() == 3
        with pytest.raises(ConfigurationError, match="threads is 1 or more, not 0"):
            set_threads(0)
        torch.set_num_threads(64)
        set_threads(None)
        assert torch.get_num_threads() <= MINE
    finally:
        torch.set_num_threads(kept)


@pytest.mark.parametrize(("name", "saved", "expected"), [
    ("auto", torch.bfloat16, torch.bfloat16), ("auto", torch.float16, torch.float32), ("auto", None, torch.float32),
    ("float16", torch.float32, torch.float16), ("bfloat16", None, torch.bfloat16),
])  # fmt: skip
def test_the_number_type_on_a_cpu(name: Dtype, saved: torch.dtype | None, expected: torch.dtype) -> None:
    assert dtype_of(name, saved, torch.device("cpu")) is expected


@pytest.mark.parametrize("name", ["tpu", "cuda:99", ""])
def test_a_device_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=repr(name)):
        device_of(name)


def test_a_device_is_found() -> None:
    assert device_of("cpu") == torch.device("cpu")
    assert device_of("auto").type in {"cpu", "cuda", "mps"}
