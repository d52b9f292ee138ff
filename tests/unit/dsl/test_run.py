"""Retries, timeouts, cancellation and what is kept between runs."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.dsl.flows import ran
from unified_intelligence.dsl.binding import Progress, bind
from unified_intelligence.dsl.record import new_record, read_record
from unified_intelligence.dsl.run import run
from unified_intelligence.dsl.task import Task, task
from unified_intelligence.entities.errors import (
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    TimedOutError,
)


class Hub:
    """A service."""


@dataclass(frozen=True)
class Letter:
    text: str
    copies: int = 1


def failing(times: int, error: Exception) -> tuple[Task, list[float]]:
    """A task that fails so often, and when it was tried."""
    tried: list[float] = []

    @task(retries=2, pause=0.05)
    async def send() -> str:
        tried.append(time.perf_counter())
        if len(tried) <= times:
            raise error
        return "envoyé ✉"

    return send, tried


def test_a_failure_is_tried_again_after_a_pause_that_grows(tmp_path: Path) -> None:
    send, tried = failing(2, ConnectionFailedError("nobody there"))
    done = ran(send, tmp_path)
    assert done.outcome.outputs == {"send": "envoyé ✉"}
    assert done.heard("send") == ["running", "retrying", "running", "retrying", "running", "done"]
    assert done.record.tasks["send"].attempts == 3
    assert tried[1] - tried[0] >= 0.05
    assert tried[2] - tried[1] >= 0.1


def test_the_last_failure_is_the_tasks(tmp_path: Path) -> None:
    send, tried = failing(9, OSError("le disque\nest plein"))
    failed = ran(send, tmp_path)
    assert len(tried) == 3
    assert [type(error) for _, error in failed.outcome.failures] == [OSError]
    assert failed.record.tasks["send"].error == "OSError: le disque\nest plein"


def test_what_another_try_cannot_help_is_not_tried_again(tmp_path: Path) -> None:
    send, tried = failing(9, InvalidRequestError("never"))
    ran(send, tmp_path)
    assert len(tried) == 1


def test_a_server_that_says_when_is_not_asked_earlier(tmp_path: Path) -> None:
    send, tried = failing(1, ConnectionFailedError("later", retry_after=0.3))
    ran(send, tmp_path)
    assert tried[1] - tried[0] >= 0.3


def test_a_coroutine_that_takes_too_long_is_cancelled_and_tried_again(tmp_path: Path) -> None:
    ends: list[str] = []

    @task(retries=1, timeout=0.1, pause=0)
    async def wait() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ends.append("cancelled")

    failed = ran(wait, tmp_path)
    assert ends == ["cancelled", "cancelled"]
    (_, error) = failed.outcome.failures[0]
    assert isinstance(error, TimedOutError) and error.exit_code == 7
    assert error.message == "Task wait took longer than its 0.1 s."


def test_a_function_whose_thread_is_still_at_work_is_not_started_again(tmp_path: Path) -> None:
    leave = threading.Event()
    started: list[int] = []

    @task(retries=3, timeout=0.5)
    def block() -> None:
        started.append(1)
        leave.wait(30)

    failed = ran(block, tmp_path)
    leave.set()
    assert started == [1]
    assert failed.record.tasks["block"].code == "timed_out"


def test_a_timeout_of_the_tasks_own_is_its_failure(tmp_path: Path) -> None:
    @task(timeout=30)
    async def ask() -> None:
        raise TimeoutError("the server's")

    failed = ran(ask, tmp_path)
    assert failed.record.tasks["ask"].error == "TimeoutError: the server's"


def test_progress_is_heard_from_a_thread(tmp_path: Path) -> None:
    @task
    def build(progress: Progress) -> None:
        progress.say("étape 1 sur 2 🙂")
        time.sleep(0.05)

    done = ran(build, tmp_path)
    assert [change.text for change in done.changes if change.what == "said"] == ["étape 1 sur 2 🙂"]


def test_other_inputs_are_other_work(tmp_path: Path) -> None:
    written: list[str] = []

    @task
    def write(text: str) -> Letter:
        written.append(f"write {text}")
        return Letter(text)

    @task
    def post(letter: Letter) -> None:
        written.append(f"post {letter.text}")

    @task
    def tidy() -> None:
        written.append("tidy")

    flow = (write >> post) & tidy
    first = ran(flow, tmp_path, text="à demain")
    ran(flow, tmp_path, resume=first.path, text="à demain")
    assert sorted(written) == ["post à demain", "tidy", "write à demain"]
    again = ran(flow, tmp_path, resume=first.path, text="à jamais")
    assert written[3:] == ["write à jamais", "post à jamais"]
    assert again.heard("tidy") == ["kept"]


def test_work_done_again_that_gives_the_same_leaves_the_rest_alone(tmp_path: Path) -> None:
    posted: list[str] = []

    @task
    def shorten(text: str) -> Letter:
        return Letter(text[:3])

    @task
    def post(letter: Letter) -> None:
        posted.append(letter.text)

    first = ran(shorten >> post, tmp_path, text="abcd")
    second = ran(shorten >> post, tmp_path, resume=first.path, text="abcz")
    assert second.heard("shorten") == ["running", "done"]
    assert second.heard("post") == ["kept"]
    assert posted == ["abc"]


def test_what_looks_at_the_world_looks_again(tmp_path: Path) -> None:
    world = ["été"]
    done: list[str] = []

    @task(always=True)
    def look() -> Letter:
        done.append("look")
        return Letter(world[0])

    @task
    def act(letter: Letter) -> None:
        done.append(f"act {letter.text}")

    first = ran(look >> act, tmp_path)
    ran(look >> act, tmp_path, resume=first.path)
    assert done == ["look", "act été", "look"]
    world[0] = "hiver"
    ran(look >> act, tmp_path, resume=first.path)
    assert done[3:] == ["look", "act hiver"]


def test_what_cannot_be_written_down_is_used_and_made_again_when_resumed(tmp_path: Path) -> None:
    opened: list[threading.Thread] = []

    @task
    def connect() -> threading.Thread:
        opened.append(threading.Thread())
        return opened[-1]

    @task
    def use(connect: threading.Thread) -> str:
        return type(connect).__name__

    flow = connect >> use
    first = ran(flow, tmp_path)
    assert first.outcome.outputs["use"] == "Thread"
    assert any("cannot be kept" in change.text for change in first.changes)
    ran(flow, tmp_path, resume=first.path)
    assert len(opened) == 2


def test_a_cancelled_run_leaves_a_record_that_resumes(tmp_path: Path) -> None:
    done: list[str] = []
    slow = [30.0]

    @task
    async def first() -> str:
        done.append("first")
        return "fini"

    @task
    async def second(first: str) -> None:
        await asyncio.sleep(slow[0])
        done.append(f"second {first}")

    flow = first >> second
    record = new_record("flow", {})
    path = tmp_path / "run.json"

    async def interrupted() -> None:
        work = asyncio.create_task(run(bind(flow, {}), {}, {}, record, path))
        while "first" not in done or read_record(path).tasks["second"].state != "running":
            await asyncio.sleep(0.01)
        work.cancel()
        await work

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(interrupted())
    kept = read_record(path)
    assert (kept.state, kept.tasks["first"].state, kept.tasks["second"].state) == (
        "interrupted", "done", "interrupted",
    )  # fmt: skip
    slow[0] = 0
    ran(flow, tmp_path, resume=path)
    assert done == ["first", "second fini"]


def test_nothing_runs_when_a_service_cannot_be_made(tmp_path: Path) -> None:
    ran_first: list[int] = []

    @task
    def first() -> None:
        ran_first.append(1)

    @task
    def second(hub: Hub) -> None: ...

    def make() -> object:
        raise ConfigurationError("no token")

    with pytest.raises(ConfigurationError, match="no token"):
        ran(first >> second, tmp_path, services={Hub: make})
    assert ran_first == []
