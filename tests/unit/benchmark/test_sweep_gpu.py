"""GPU memory around a server: the library's lists read, and who is named when it does not come back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from unified_intelligence.benchmark.sweep import gpu
from unified_intelligence.benchmark.sweep.faults import death, found_in
from unified_intelligence.benchmark.sweep.gpu import Device, Gpus, Watched

MIB = 1 << 20


def one(used: int, **holders: int | None) -> list[Device]:
    return [Device(0, "H200", used, {int(name[1:]): mib for name, mib in holders.items()})]


class Falling:
    """A GPU whose memory is as in a list, the last for good."""

    def __init__(self, *readings: list[Device]) -> None:
        self._readings: Iterator[list[Device]] = iter(readings)
        self._last = readings[-1]

    def __call__(self) -> list[Device]:
        return next(self._readings, self._last)


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_LOOK_EVERY", 0.001)


def test_memory_that_comes_back_late_is_waited_for() -> None:
    look = Falling(one(90_000), one(40_000), one(900))
    watched = Watched(Gpus(look, driver="580.1"), one(500), 512, within=20)
    assert watched.wait()
    assert (watched.told.baseline_mib, watched.told.after_mib, watched.told.holders) == ([500], [900], [])


def test_who_still_holds_memory_is_named() -> None:
    before = one(5_000, p1=4_000, p7=100)
    look = Falling(one(30_000, p1=4_000, p7=100, **{f"p{os.getpid()}": 24_000}))
    watched = Watched(Gpus(look), before, 512, within=0.01)
    assert not watched.wait()
    (said,) = watched.told.holders
    assert said.startswith(f"GPU 0 holds 30000 MiB, 25000 more than before: process {os.getpid()} (")
    assert said.endswith(" with 24000 MiB")


def test_memory_of_nobody_is_told_as_such() -> None:
    _, holders = gpu.wait_until_free(Falling(one(9_000)), one(100), 512, within=0.01)
    assert holders == ["GPU 0 holds 9000 MiB, 8900 more than before: no process that the driver tells"]


def test_the_baseline_is_taken_when_memory_falls_no_more() -> None:
    assert gpu.settled(Falling(one(9_000), one(5_000), one(500), one(490)), 20) == one(490)


def test_the_librarys_list_has_a_process_once_for_each_context() -> None:
    listed = [SimpleNamespace(pid=7, usedGpuMemory=3 * MIB), SimpleNamespace(pid=7, usedGpuMemory=2 * MIB)]
    assert gpu.holders_of([*listed, SimpleNamespace(pid=8, usedGpuMemory=None)]) == {7: 5, 8: None}


def test_which_gpus_are_visible() -> None:
    names = ("1", "GPU-8f3a-11")
    assert gpu.is_visible(names, "") and gpu.is_visible(names, "0, 1") and gpu.is_visible(names, "GPU-8f")
    assert not gpu.is_visible(names, "0") and not gpu.is_visible(names, "GPU-77") and not gpu.is_visible(names, "-1")


LOGS = {
    "ValueError: Free memory on device (3.1/79 GiB) on startup is less than desired GPU memory utilization": (
        "out_of_memory"
    ),
    "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`": "out_of_memory",
    "OSError: [Errno 98] Address already in use\nRuntimeError: Engine core initialization failed": "port_in_use",
    "ModuleNotFoundError: No module named 'flashinfer'": "missing_package",
    "RuntimeError: No CUDA GPUs are available": "no_gpu",
    "OSError: x/y is not a local folder and is not a valid model identifier listed on 'https://huggingface.co'": (
        "no_model"
    ),
    "error: invalid argument: --ctx-sise": "bad_argument",
    "Démarré 🙂\u2028fini": "died",
    "": "died",
}


@pytest.mark.parametrize(("log", "kind"), LOGS.items())
def test_the_end_of_a_log_says_why(log: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(f"INFO starting\n{log}\n" if log else "", encoding="utf-8")
    assert found_in(path).kind == kind
    fault = death(path, 1, "before it was ready")
    assert fault.kind == kind and fault.message.startswith("It ended with code 1 before it was ready")
    assert log.splitlines()[-1:] == [] or any(line in fault.message for line in log.splitlines())


def test_a_process_that_was_killed_without_a_word(tmp_path: Path) -> None:
    fault = death(tmp_path / "none", -9, "under the load c2")
    assert (fault.kind, fault.message) == (
        "killed",
        "It was ended by signal 9 under the load c2, and wrote nothing",
    )
