"""GPU memory around a server, read by NVIDIA's own Python library from a stand-in for its driver's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.uic_program import SRC, Run
from unified_intelligence.benchmark.sweep import processes

UNRULY = Path(__file__).resolve().parents[1] / "unruly_server.py"
COMPILER = shutil.which("cc")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the library."""
    pytest.importorskip("pynvml", reason="needs nvidia-ml-py, of the extra sweep")
    if COMPILER is None or not processes.KNOWN:
        pytest.skip("needs a C compiler and /proc")
    folder = tmp_path_factory.mktemp("driver")
    source = Path(__file__).with_name("driver_stand_in.c")
    subprocess.run(
        [COMPILER, "-shared", "-fPIC", "-o", str(folder / "libnvidia-ml.so.1"), str(source)], check=True, timeout=60
    )
    return folder


@pytest.fixture
def somebody_else() -> Iterator[int]:
    """A process that no sweep started."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"]) as process:
        yield process.pid
        process.kill()


def test_memory_that_is_not_given_back_is_told_and_its_holder_named(
    uic: Run, home: Path, driver: Path, somebody_else: int
) -> None:
    held = home / "held"
    held.write_text("")
    script = home / "work" / "leaves.py"
    script.write_text(
        "import os, sys, runpy\n"
        f"open(os.environ['STAND_IN_GPU'], 'a').write('{somebody_else} 24000\\n')\n"
        "sys.argv = ['known_server', '--port', sys.argv[1]]\n"
        "runpy.run_module('unified_intelligence.benchmark.known_server', run_name='__main__')\n"
    )
    servers: list[dict[str, Any]] = [
        {"name": "clean", "command": ["{python}", str(UNRULY), "gpu", "{port}", "t"]},
        {"name": "dirty", "command": ["{python}", str(script), "{port}"]},
        {"name": "next", "command": ["{python}", str(script), "{port}"]},
    ]
    common = {"kind": "command", "model": "known:first=300,tokens=5", "ready_within": 20}
    loads = {"concurrency": 2, "requests": 4, "warmup": 0}
    path = home / "work" / "mémoire.json"
    spec = {"servers": [{**own, **common} for own in servers], "loads": loads, "gpu": {"within": "1s"}}
    path.write_text(json.dumps(spec))
    import pynvml  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]

    libraries = os.pathsep.join((str(SRC), str(Path(str(pynvml.__file__)).parent)))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    variables = {"LD_LIBRARY_PATH": str(driver), "STAND_IN_GPU": str(held), "PYTHONPATH": libraries}
    ran = uic("bench", "sweep", str(path), "--json", **variables)
    assert ran.code == 3, ran
    clean, dirty, following = json.loads(ran.out)["attempts"]
    told = clean["gpu"]
    assert (clean["state"], told["checked"], told["driver"], told["names"]) == ("ended", True, "600.0", ["Stand-in"])
    assert (told["baseline_mib"], told["peak_mib"], told["after_mib"]) == ([500], [30_500], [500])
    assert (dirty["state"], dirty["failure"], dirty["runs"][0]["state"]) == ("failed", "dirty_gpu", "measured")
    assert f"GPU 0 holds 24500 MiB, 24000 more than before: process {somebody_else} (" in dirty["said"]
    assert (following["failure"], following["pid"], following["runs"]) == ("dirty_gpu", 0, [])
    assert "Not started: GPU 0 holds 24500 MiB" in following["said"]
    assert os.getpgid(somebody_else)


def test_without_a_gpu_the_sweep_says_so(uic: Run, home: Path) -> None:
    pytest.importorskip("pynvml", reason="needs nvidia-ml-py, of the extra sweep")
    path = home / "work" / "rien.json"
    spec = {
        "servers": {"kind": "command", "model": "m", "command": "no-such-program"},
        "loads": {"concurrency": 1},
    }
    path.write_text(json.dumps(spec))
    ran = uic("bench", "sweep", str(path), CUDA_VISIBLE_DEVICES="-1")
    assert "GPU memory is not looked at: " in ran.err
