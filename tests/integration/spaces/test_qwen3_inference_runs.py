"""The Gradio Space put together as it is uploaded, started from a clean folder, called by the official client."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.integration.spaces.space_process import NEEDS_GRADIO, PROJECT, Space, running
from unified_intelligence.spaces.content import FILE_NAME

pytestmark = NEEDS_GRADIO

HERE = Path(__file__).parent
PAYMENT = "1 159,92"


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\xa0", " ")


class Slow(NamedTuple):
    space: Space
    notes: Path


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Generator[Slow]:
    """Starts while the other one is put together."""
    folder = tmp_path_factory.mktemp("slow")
    with running(HERE / "slow_space.py", folder / "notes", cwd=folder, PYTHONPATH=str(PROJECT / "src")) as space:
        yield Slow(space, folder / "notes")


@pytest.fixture(scope="module")
def assembled(slow: Slow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("space") / "files"
    program = PROJECT / "hf_spaces" / "assemble.py"
    command = [sys.executable, str(program), "qwen3-inference", "--to", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def told(assembled: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the official client was given."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with running("app.py", cwd=assembled, MODEL_ID="embedded", TMPDIR=str(elsewhere)) as space:
        command = [sys.executable, str(HERE / "gradio_caller.py"), space.url]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(list(elsewhere.glob("package-*/unified_intelligence/__init__.py"))) == 1
    return json.loads(done.stdout)


def test_it_tells_that_it_runs_what_was_pushed(assembled: Path, told: dict[str, Any]) -> None:
    record = json.loads((assembled / FILE_NAME).read_text("utf-8"))
    assert {"app.py", "README.md", "requirements.txt"} < set(record["files"])
    assert [name for name in record["files"] if name.endswith(".whl")]
    version = told["version"]
    assert version["content_digest"] == version["recorded_digest"] == record["content_digest"]
    assert version["changed_files"] == []
    assert version["backend"] == version["model"] == "embedded"
    assert told["answer"][-1]["build"] == version["digest"]


def test_respond_gives_the_conversation_in_the_format_it_was_sent(told: dict[str, Any]) -> None:
    for form in ("pairs", "texts", "parts"):
        message, conversation = told[form]
        assert message == ""
        assert len(conversation) == (1 if form == "pairs" else 4)
    _, conversation = told["pairs"]
    _, answer = conversation[-1]
    assert PAYMENT in plain(answer)
    _, conversation = told["texts"]
    assert conversation[0] == {"role": "user", "content": "ça va 🎉"}
    assert conversation[-1] == {"role": "assistant", "content": answer}
    _, conversation = told["parts"]
    assert conversation[1]["content"] == [{"type": "text", "text": "ça va 🎉"}]
    assert conversation[-1]["content"] == [{"type": "text", "text": answer}]


def test_generate_streams_typed_events(told: dict[str, Any]) -> None:
    *pieces, end = told["answer"]
    assert {piece["type"] for piece in pieces} == {"reasoning", "delta"}
    text = "".join(piece["text"] for piece in pieces if piece["type"] == "delta")
    assert PAYMENT in plain(text) and text == told["pairs"][1][-1][1]
    assert end["type"] == "end" and end["finish_reason"] == "stop"
    assert end["usage"]["completion_tokens"] > end["usage"]["reasoning_tokens"] > 0
    assert 0 < end["timings"]["first_event"] <= end["timings"]["total"]


def test_tools_and_limits_reach_the_model(told: dict[str, Any]) -> None:
    call, end = told["call"]
    assert call["type"] == "tool_call" and call["name"] == "get_weather"
    assert json.loads(call["arguments"]) == {"city": "Paris"}
    assert end["finish_reason"] == "tool_calls"
    assert told["cut"][-1]["finish_reason"] == "length"
    assert told["cut"][-1]["usage"]["completion_tokens"] <= 30


def test_a_refusal_is_typed(told: dict[str, Any]) -> None:
    (error,) = told["unknown"]
    assert error["type"] == "error" and error["kind"] == "invalid_request" and error["retryable"] is False
    assert "temprature" in error["message"]
    title, message = told["refused"]
    assert title == "uic:invalid_request" and "question is empty" in message


def test_whoever_leaves_ends_the_work(slow: Slow) -> None:
    url, notes = slow.space.url, slow.notes
    with httpx2.Client(base_url=f"{url}/gradio_api/", timeout=30) as client:
        asked = {"messages": [{"role": "user", "content": "ça va ? 🎉\u2028"}]}
        made = client.post("call/v2/generate", json=asked).raise_for_status().json()
        with client.stream("GET", f"call/generate/{made['event_id']}") as answer:
            lines = (line for line in answer.iter_lines() if line.startswith("data: "))
            first, second = (json.loads(next(lines).removeprefix("data: ")) for _ in range(2))
        assert first == [{"type": "reasoning", "text": "Je réfléchis… 🎉"}]
        assert second == [{"type": "delta", "text": "mot1 "}]
    until = time.monotonic() + 20
    while not notes.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert int(notes.read_text("utf-8")) < 600


def test_whoever_leaves_respond_ends_the_work_too(slow: Slow) -> None:
    url, notes = slow.space.url, slow.notes
    before = len(notes.read_text("utf-8").split()) if notes.exists() else 0
    with httpx2.Client(base_url=f"{url}/gradio_api/", timeout=30) as client:
        asked: dict[str, Any] = {
            "message": "ça va ? 🎉\u2028",
            "chat_history": [],
            "sys_prompt": "",
            "temp": 0.7,
            "max_tok": 512,
        }
        made = client.post("call/v2/respond", json=asked).raise_for_status().json()
        with client.stream("GET", f"call/respond/{made['event_id']}") as answer:
            lines = (line for line in answer.iter_lines() if line.startswith("data: "))
            first, second = (json.loads(next(lines).removeprefix("data: ")) for _ in range(2))
        (_, ((question, begun),)), (_, ((_, grown),)) = first, second
        assert question == asked["message"] and grown.startswith(begun) and len(grown) > len(begun)
    until = time.monotonic() + 20
    while len(ended := notes.read_text("utf-8").split() if notes.exists() else []) == before:
        assert time.monotonic() < until
        time.sleep(0.05)
    assert int(ended[-1]) < 600


def test_a_named_call_and_a_positional_one_give_two_values(slow: Slow) -> None:
    url = slow.space.url
    info = httpx2.get(f"{url}/gradio_api/info").json()["named_endpoints"]
    assert info.keys() == {"/generate", "/respond", "/version"}  # nothing of the page
    assert [own["parameter_name"] for own in info["/respond"]["parameters"]] == [
        "message", "chat_history", "sys_prompt", "temp", "max_tok",
    ]  # fmt: skip
    assert len(info["/respond"]["returns"]) == 2
    told = httpx2.post(f"{url}/gradio_api/run/version", json={"data": []}).json()
    assert told["data"] == [{"version": "0"}]
