"""`uic task` with tasks of the user's own."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from tests.cli.uic_program import Run, all_of, command

TASKS = '''
from dataclasses import dataclass
from unified_intelligence.dsl.binding import Failure
from unified_intelligence.dsl.flow import workflow
from unified_intelligence.dsl.task import task

@dataclass
class Counted:
    words: int
    text: str

@task
def count(text: str) -> Counted:
    """Counts the words."""
    return Counted(len(text.split()), text)

@task
async def double(counted: Counted, times: int = 2) -> int:
    return counted.words * times

@task
def check(counted: Counted, most: int = 5) -> None:
    if counted.words > most:
        raise ValueError(f"{counted.words} mots, c'est trop 🙁")

@task
def tell(double: int, counted: Counted) -> str:
    return f"{counted.text!r} : {double}"

@task
def sorry(failure: Failure) -> None: ...

counting = count >> (double & check.on_failure(sorry))
nightly = workflow("nightly", "Counts, checks and tells.", counting >> tell, times=3)
'''


@pytest.fixture
def tasks(home: Path) -> str:
    (home / "work/mine.py").write_text(TASKS, "utf-8")
    return "mine.py:nightly"


def test_a_file_of_tasks_is_listed_shown_and_run(tasks: str, uic: Run) -> None:
    listed = uic("task", "list", "mine.py")
    assert "mine.py:count" in listed.out and "Counts the words." in listed.out
    shown = uic("task", "show", tasks)
    assert "double(counted of count) -> int" in shown.out
    assert "text" in shown.out and "(required)" in shown.out
    done = uic("task", "run", tasks, "--set", "text=Ça va bien\u2028🙂 ?")
    assert (done.code, done.out) == (0, "'Ça va bien\\u2028🙂 ?' : 15\n"), done.err
    assert uic("task", "run", "mine.py", "--set", "text=un", "--set", "times=4").out == "'un' : 4\n"


def test_a_dry_run_runs_nothing(tasks: str, uic: Run, home: Path) -> None:
    shown = uic("task", "run", tasks, "--dry-run", "--set", "times=7")
    assert shown.code == 0
    assert "└─ " in shown.out and "sorry()  [if check fails]" in shown.out
    assert "times      7" in shown.out and "(required)" in shown.out
    assert not (home / ".local").exists()


def test_a_failure_is_told_once_and_the_rest_is_done_when_it_is_resumed(tasks: str, uic: Run) -> None:
    failed = uic("task", "run", tasks, "--set", "text=un deux trois quatre cinq six", "--json")
    assert failed.code == 1
    told = json.loads(failed.out.splitlines()[0])
    assert told["state"] == "failed"
    assert told["tasks"]["check"]["error"] == "ValueError: 6 mots, c'est trop 🙁"
    assert (told["tasks"]["double"]["state"], told["tasks"]["tell"]["state"]) == ("done", "skipped")
    assert f"--resume {told['run']}" in failed.err
    again = uic("task", "run", tasks, "--resume", told["run"], "--set", "most=6")
    assert (again.code, again.out) == (0, "'un deux trois quatre cinq six' : 18\n")
    assert "count: done in an earlier run" in again.err and "check: running" in again.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("mine.py:nightly",), 3, "Nobody gives text."),
        (("mine.py:nightly", "--set", "text"), 2, "--set wants NAME=VALUE"),
        (("mine.py:nightly", "--set", "tex=1"), 3, "Did you mean text?"),
        (("mine.py:nightly", "--set", "text=a", "--set", "times=many"), 3, "times is not int"),
        (("mine.py:nightl",), 3, "Did you mean nightly?"),
        (("other.py",), 3, "There is no file other.py."),
        (("nothing",), 3, "There is no task or workflow 'nothing'."),
        (("mine.py:nightly", "--resume", "last"), 3, "No run is called 'last'."),
    ],
)
def test_what_is_wrong_is_said(tasks: str, uic: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = uic("task", "run", *arguments)
    assert done.code == code
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_file_that_breaks_is_the_users(home: Path, uic: Run) -> None:
    (home / "work/broken.py").write_text("import nothing_of_that_name", "utf-8")
    done = uic("task", "run", "broken.py:x")
    assert (done.code, "broken.py cannot be run: ModuleNotFoundError" in done.err) == (3, True)


def test_a_package_adds_tasks_and_a_broken_one_harms_nobody(
    tasks: str, uic: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    for name, source in (("good", TASKS), ("bad", "raise RuntimeError('cassé')")):
        metadata = site / f"uic_{name}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (site / f"uic_{name}.py").write_text(source, "utf-8")
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: uic-{name}\nVersion: 1.0\n")
        entry = f"[unified_intelligence.tasks]\n{name} = uic_{name}:nightly\n"
        (metadata / "entry_points.txt").write_text(entry)
    environment["PYTHONPATH"] += f":{site}"
    listed = uic("task", "list", "--json")
    assert {row["name"]: row["origin"] for row in json.loads(listed.out)}["good"] == "package uic-good"
    assert uic("task", "run", "good", "--set", "text=un").out == "'un' : 3\n"
    broken = uic("task", "run", "bad")
    assert (broken.code, "cassé" in broken.err) == (3, True)


def test_on_a_terminal_the_table_shows_every_task(tasks: str, environment: dict[str, str], home: Path) -> None:
    ours, its = pty.openpty()
    process = subprocess.Popen(
        command("task", "run", tasks, "--set", "text=un deux"), stdin=its, stdout=subprocess.PIPE, stderr=its,
        env=environment, cwd=home / "work", start_new_session=True,
    )  # fmt: skip
    os.close(its)
    out, _ = process.communicate(timeout=30)
    shown = all_of(ours)
    assert (process.returncode, out.decode()) == (0, "'un deux' : 6\n")
    last = shown.rpartition("\x1b[2K")[2]
    for name in ("count", "double", "check", "tell"):
        assert name in shown
    assert "sorry" in shown and "✓" in shown, last


def test_the_table_of_ours_is_true(uic: Run) -> None:
    """Every name is found where the table says, with its line."""
    from unified_intelligence.dsl.catalogue import TASKS, find

    assert {name: find(name).name for name in TASKS} == {name: name for name in TASKS}
    assert {"plan", "apply", "wait_until_running", "verify", "smoke_test", "evaluate", "promote", "rollback"} <= set(
        TASKS
    )
    assert {name for name, row in TASKS.items() if row.kind == "workflow"} == {
        "redeploy_qwen3_inference", "redeploy_qwen3_eval", "redeploy_open_finance",
    }  # fmt: skip
