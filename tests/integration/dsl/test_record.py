"""What a run leaves on disk: whole after a kill, found by its name, one process's at a time."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.uic_program import SRC
from tests.unit.dsl.flows import ran
from unified_intelligence.dsl.record import find_record, held, new_record, read_record
from unified_intelligence.dsl.task import task
from unified_intelligence.entities.errors import ConfigurationError

KILLED = """
import asyncio, sys
from pathlib import Path
from unified_intelligence.dsl.binding import bind
from unified_intelligence.dsl.record import new_record
from unified_intelligence.dsl.run import run
from unified_intelligence.dsl.task import task

@task
async def first() -> str:
    return "fini"

@task
async def second(first: str) -> None:
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(run(bind(first >> second, {}), {}, {}, new_record("flow", {}), Path(sys.argv[1])))
"""


def test_a_killed_process_leaves_a_whole_record(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, env={"PYTHONPATH": str(SRC)}
    )
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stdout.close()
    kept = read_record(path)
    assert kept.tasks["first"].output == "fini"
    assert kept.tasks["second"].state == "running"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["run.json"]


STEPS = """
import asyncio, itertools, os, signal, sys
from pathlib import Path
from unified_intelligence.dsl.binding import bind
from unified_intelligence.dsl.record import new_record, read_record
from unified_intelligence.dsl.run import run
from unified_intelligence.dsl.task import Task

folder = Path(sys.argv[1])

def step(number):
    def work() -> int:
        with (folder / "journal").open("a") as journal:
            journal.write(f"{number}\\n")
        return number
    return Task(work, name=f"step{number}")

flow = step(0) >> (step(1) & step(2)) >> step(3) >> step(4)
path = folder / "run.json"
record = read_record(path) if path.exists() else new_record("flow", {})
last, touched = int(sys.argv[2]), itertools.count(1)

def die(event, arguments):
    if event in ("open", "os.rename") and str(folder) in str(arguments) and next(touched) == last:
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
asyncio.run(run(bind(flow, {}), {}, {}, record, path))
"""


def test_a_run_that_is_killed_at_any_of_its_files_does_all_and_nothing_done_twice(tmp_path: Path) -> None:
    chance = random.Random(5)
    path, done, kills = tmp_path / "run.json", set[str](), 0
    while len(done) < 5:
        assert kills < 60
        (tmp_path / "journal").unlink(missing_ok=True)
        ended = subprocess.run(
            [sys.executable, "-c", STEPS, str(tmp_path), str(chance.randint(1, 12))],
            env={"PYTHONPATH": str(SRC)},
            timeout=60,
            check=False,
        )
        assert ended.returncode in (0, -signal.SIGKILL)
        kills += ended.returncode != 0
        worked = (
            {f"step{number}" for number in (tmp_path / "journal").read_text().split()}
            if (tmp_path / "journal").exists()
            else set[str]()
        )
        assert not worked & done
        if path.exists():
            record = read_record(path)
            done = {name for name, entry in record.tasks.items() if entry.state == "done"}
    assert kills >= 3
    assert done == {f"step{number}" for number in range(5)}


def test_a_run_belongs_to_one_process(tmp_path: Path) -> None:
    path = tmp_path / "été.json"
    with held(path):
        code = f"import pathlib, unified_intelligence.dsl.record as r; r.held(pathlib.Path({str(path)!r})).__enter__()"
        other = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, env={"PYTHONPATH": str(SRC)}, check=False
        )
        assert b"is under way in another process" in other.stderr
    with held(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_found_by_a_part_of_its_name(tmp_path: Path) -> None:
    @task
    def work() -> None: ...

    paths = [ran(work, tmp_path / f"{n}").path for n in range(2)]
    for path in paths:
        path.rename(tmp_path / path.name)
    first, second = sorted(path.stem for path in paths)
    assert find_record(tmp_path, first).stem == first
    assert find_record(tmp_path, first[-4:]).stem == first
    assert find_record(tmp_path, "last").stem == second
    with pytest.raises(ConfigurationError, match="Several runs"):
        find_record(tmp_path, "flow")
    with pytest.raises(ConfigurationError, match="No run is called"):
        find_record(tmp_path, "nobody")


@pytest.mark.parametrize("content", ["", "[]", '{"run": 1}', "\x00"])
def test_a_file_that_is_no_record_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"run\.json"):
        read_record(path)


def test_a_record_of_a_later_program_is_refused(tmp_path: Path) -> None:
    record = new_record("flow", {})
    path = tmp_path / "run.json"
    record.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    with pytest.raises(ConfigurationError, match="schema 2"):
        read_record(path)
