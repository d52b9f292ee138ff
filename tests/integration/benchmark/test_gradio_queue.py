"""The client against Gradio's real queue: its times are those of the app, its failures are told apart."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from tests.integration.spaces.space_process import APP, NEEDS_GRADIO, PROJECT, Space, running
from unified_intelligence.benchmark import crew
from unified_intelligence.benchmark.crew import Gathered, Sending, Watch, shares_of
from unified_intelligence.benchmark.known_server import WORDS
from unified_intelligence.benchmark.plan import Load, Prompt, read_url
from unified_intelligence.benchmark.quota import Spending
from unified_intelligence.benchmark.spoken import spoken_at
from unified_intelligence.cli.bench.space import AtSpace, space_at

pytestmark = NEEDS_GRADIO

HERE = Path(__file__).parent
NOTHING: dict[str, Any] = {"body": None, "max_tokens": None, "model": None}
ASKED = {"role": "user", "content": "Ça va ?"}
ONE_AT_ONCE, WAIT, GPU_WAIT = 1, 3, 0.3
LATE = 1500  # ms that a busy machine may add


@contextmanager
def known_space(folder: Path, *words: object) -> Generator[Space]:
    path = f"{PROJECT / 'src'}:{PROJECT}"
    with running(HERE / "known_space.py", *map(str, words), cwd=folder, PYTHONPATH=path) as space:
        yield space


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Generator[Space]:
    """One answer at once, three more in the queue, a GPU that is lent after 300 ms."""
    with known_space(tmp_path_factory.mktemp("known"), ONE_AT_ONCE, WAIT, GPU_WAIT) as own:
        yield own


def at(url: str, *questions: str) -> AtSpace:
    prompts = [Prompt(messages=[{"role": "user", "content": question}]) for question in questions]
    return space_at(url, "", NOTHING, prompts)


def send(space: AtSpace, load: Load, timeout: float = 30.0, spending: Spending | None = None) -> Gathered:
    sending = Sending("test", 1, timeout)
    shares = shares_of(load, space.target, space.reached.address, space.bodies, sending)
    return crew.send(shares, Watch(), None, spending)


def test_each_time_is_shown_apart(space: Space) -> None:
    """Two are sent at once where one is answered: 400 ms of the model and 300 until a GPU is lent are the wait."""
    rows = send(at(space.url, "first=0.3 gap=0.02 tokens=6"), Load(concurrency=2, requests=2)).rows
    assert [row.error for row in rows] == ["", ""]
    assert {row.text for row in rows} == {"".join(WORDS[:5])}
    assert {row.reasoning for row in rows} == {"Je réfléchis…\n"}
    assert {(row.tokens, row.counted_by, row.prompt_tokens, row.reasoning_tokens) for row in rows} == {
        (6, "usage", 3, 1)
    }
    first, second = sorted(rows, key=lambda row: row.started)
    for row in rows:
        assert row.sent < row.joined <= row.started < row.first <= row.visible <= row.last <= row.ended
        assert row.gpu_wait_ms is not None and -250 < row.gpu_wait_ms - 300 < LATE
        assert row.gpu_ms is not None and row.compute_ms is not None and row.compute_ms <= row.gpu_ms
        assert -300 < row.compute_ms - 400 < LATE
        assert row.work_ms is not None and -400 < row.work_ms - row.gpu_wait_ms - row.gpu_ms < LATE
        assert row.ttft_ms is not None and row.queue_ms is not None
        assert -500 < row.ttft_ms - row.queue_ms - 600 < LATE
        assert row.events == 6 and row.finish == "stop"
    assert first.queue_ms is not None and first.work_ms is not None and second.queue_ms is not None
    assert first.queue_ms < second.queue_ms
    assert -400 < second.queue_ms - first.work_ms < LATE
    assert second.ahead in {0, 1}  # 0 where the first one is worked on already, and waits no more


def test_an_estimation_is_told_when_there_were_answers_before(space: Space) -> None:
    rows = send(at(space.url, "first=0.1 gap=0 tokens=3"), Load(concurrency=3, requests=6)).rows
    assert {row.error for row in rows} == {""}
    assert any(row.eta_ms and row.eta_ms > 50 for row in rows)
    assert 1 <= max(row.ahead or 0 for row in rows) <= 2  # both others may be told before the first is begun


def test_a_full_queue_is_no_latency(space: Space) -> None:
    rows = send(at(space.url, "first=0.4 tokens=2"), Load(concurrency=8, requests=8)).rows
    kinds = {row.error for row in rows}
    assert kinds == {"", "queue_full"}, rows
    full = [row for row in rows if row.error]
    assert all("Queue is full" in row.message and row.status == 503 and not row.joined for row in full)
    assert sum(not row.error for row in rows) >= WAIT


@pytest.mark.parametrize(
    ("question", "kind", "words"),
    [
        ("breaks", "model", "Das Modell ist müde 🙂"),
        ("raises", "app_error", "Élément introuvable"),
        ("quota", "quota_exceeded", "0s left"),
    ],
)
def test_what_a_space_says_is_its_kind(space: Space, question: str, kind: str, words: str) -> None:
    (row,) = send(at(space.url, question), Load(concurrency=1, requests=1)).rows
    assert (row.error, words in row.message) == (kind, True), row
    assert row.joined and row.started
    assert (row.gpu_ms is None) is (question != "breaks")  # a GPU was lent to the one that broke on it


def test_a_quota_that_is_used_up_ends_the_sending(space: Space) -> None:
    spending = Spending()
    found = send(at(space.url, "quota"), Load(concurrency=2, requests=50), spending=spending)
    assert len(found.rows) < 8
    assert {row.error for row in found.rows} == {"quota_exceeded"}
    assert spending.refused and not spending.seconds


def test_a_budget_ends_the_sending_before_it_is_overspent(space: Space) -> None:
    spending = Spending(budget=1.0, at_once=1)
    found = send(at(space.url, "first=0.2 gap=0 tokens=2"), Load(concurrency=1, requests=50), spending=spending)
    assert {row.error for row in found.rows} == {""}
    assert 2 <= len(found.rows) <= 6
    assert 0.4 < spending.seconds < 1.3 and not spending.refused and "budget of 1 GPU" in spending.ended


def test_a_call_that_takes_too_long_is_given_up_and_its_turn_with_it(space: Space) -> None:
    target = at(space.url, "first=0.1 gap=0.05 tokens=400")
    (row,) = send(target, Load(concurrency=1, requests=1), timeout=1.0).rows
    assert (row.error, row.text[:7]) == ("timeout", WORDS[0][:7])
    (after,) = send(at(space.url, "tokens=2"), Load(concurrency=1, requests=1)).rows
    assert after.error == "" and after.queue_ms is not None and after.queue_ms < 8000


def test_the_space_that_is_deployed(tmp_path: Path) -> None:
    """The app of hf_spaces with the model of the package: one answer at once, three more in the queue."""
    limits = {"ANSWERS_AT_ONCE": "1", "ANSWERS_WAITING": "3"}
    path = str(PROJECT / "src")
    with running(APP, cwd=tmp_path, PYTHONPATH=path, MODEL_ID="embedded", **limits) as own:
        question = at(own.url, "Quelle est la mensualité de 200 000 € sur 20 ans à 3,5 % ? 🏠\nEn euros.")
        rows = send(question, Load(concurrency=2, requests=6)).rows
        assert [row.error for row in rows] == [""] * 6
        assert all("1 159,92" in row.text.replace("\u202f", " ").replace("\xa0", " ") for row in rows)
        assert all(row.compute_ms and row.gpu_ms is None and row.counted_by == "usage" for row in rows)
        full = send(question, Load(concurrency=8, requests=16)).rows
        assert {"", "queue_full"} == {row.error for row in full}
        wrong = space_at(own.url, "", {**NOTHING, "max_tokens": "9000"}, [Prompt(messages=[ASKED])])
        (refused,) = send(wrong, Load(concurrency=1, requests=1)).rows
        assert (refused.error, "max_tokens is at most 4096" in refused.message) == ("invalid_request", True)
        Timer(1.0, own.kill).start()
        left = send(question, Load(concurrency=2, requests=4000))
    assert left.gone
    assert {row.error for row in left.rows} <= {"", "cut", "connection", "stopped"} and left.rows[0].error == ""


def test_a_space_without_a_gpu_tells_none_and_dies_in_the_middle(tmp_path: Path) -> None:
    with known_space(tmp_path, 2, 8, 0) as own:
        url = own.url
        rows = send(at(url, "first=0.05 tokens=3"), Load(concurrency=2, requests=4)).rows
        assert [(row.error, row.gpu_ms, row.gpu_wait_ms) for row in rows] == [("", None, None)] * 4
        assert all(row.compute_ms and row.compute_ms > 50 for row in rows)
        target = at(url, "dies")
        (row,) = send(target, Load(concurrency=1, requests=1)).rows
    assert (row.error, row.reasoning, row.events) == ("cut", "Je réfléchis…\n", 2), row


def test_an_app_that_only_chats_is_measured_too(tmp_path: Path) -> None:
    with running(HERE / "chat_space.py", cwd=tmp_path) as own:
        rows = send(at(own.url, "Où est l'été ? 🙂"), Load(concurrency=1, requests=2)).rows
    assert [(row.error, row.text, row.counted_by, row.tokens) for row in rows] == [
        ("", "Là-bas.\nZürich 🙂", "events", 3)
    ] * 2


def test_what_is_spoken_is_seen_at_the_first_look(space: Space) -> None:
    target = read_url(space.url)
    assert spoken_at(target, "")[0] == "gradio"
