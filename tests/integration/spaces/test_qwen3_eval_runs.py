"""The evaluation Space put together as it is uploaded, started from a clean folder, called by both clients."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.integration.spaces.space_process import NEEDS_GRADIO, PROJECT, running
from unified_intelligence.adapters.llm.qwen3_zerogpu_adapter import Qwen3ZeroGPUAdapter
from unified_intelligence.entities.errors import (
    ConnectionFailedError,
    InvalidRequestError,
    QuotaExceededError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Generation, GenerationConfig
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.sample import Sample, SampleAnswer
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.spaces.content import FILE_NAME

pytestmark = NEEDS_GRADIO

HERE = Path(__file__).parent
QUESTION = "Quelle est la mensualité de 200 000 € sur 20 ans à 3,5 % ?"
PAYMENT = "1 159,92"
WEATHER = ToolSpec(
    "get_weather", "The weather of a city today.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)  # fmt: skip


class Space(NamedTuple):
    folder: Path
    url: str


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Generator[Space]:
    folder = tmp_path_factory.mktemp("space") / "files"
    command = [sys.executable, str(PROJECT / "hf_spaces" / "assemble.py"), "qwen3-eval", "--to", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    variables = {"MODEL_ID": "embedded", "TMPDIR": str(elsewhere), "SPACE_ID": "me/qwen3-eval", "ACCELERATOR": "zero"}
    with running("app.py", cwd=folder, **variables) as own:
        yield Space(folder, own.url)


@pytest.fixture(scope="module")
def told(space: Space) -> dict[str, Any]:
    """What the official client was given."""
    command = [sys.executable, "-m", "tests.integration.spaces.evaluation_caller", space.url]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def provider(space: Space) -> Generator[Qwen3ZeroGPUAdapter]:
    provider = Qwen3ZeroGPUAdapter(space=space.url, cache="", retries=0)
    yield provider
    provider.close()


def sample(name: str, question: str, **config: Any) -> Sample:
    return Sample(sample_id=name, messages=(Message("user", question),), config=GenerationConfig(**config))


def answers(provider: Qwen3ZeroGPUAdapter, run: str, *samples: Sample) -> dict[str, SampleAnswer]:
    async def all_of_them() -> dict[str, SampleAnswer]:
        came = [come async for come in provider.asamples(run, samples) if isinstance(come, SampleAnswer)]
        assert len({(one.sample_id, one.epoch) for one in came}) == len(came)
        return {one.sample_id: one for one in came}

    return asyncio.run(all_of_them())


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\xa0", " ")


def test_it_tells_what_it_is(space: Space, told: dict[str, Any]) -> None:
    record = json.loads((space.folder / FILE_NAME).read_text("utf-8"))
    version, manifest = told["version"], told["manifest"]
    assert version["content_digest"] == version["recorded_digest"] == record["content_digest"]
    assert version["changed_files"] == []
    assert manifest["tool"] == {"version": version["version"], "digest": version["digest"]}
    assert manifest["executor"] == {"kind": "space", "space": "me/qwen3-eval", "hardware": "zero"}
    assert manifest["model"]["id"] == "embedded" and manifest["limits"]["max_tokens"] == 4096
    info = httpx2.get(f"{space.url}/gradio_api/info").json()["named_endpoints"]
    assert info.keys() == {"/eval_chunk", "/run_full_evaluation", "/eval_manifest", "/version"}  # nothing of the page


def test_a_whole_evaluation_tells_what_there_is_after_each_call(told: dict[str, Any]) -> None:
    partial = [one for one in told["whole"] if one["status"] == "partial"]
    last = told["whole"][-1]
    assert last["status"] == "complete" and last["error"] is None
    counts = [len(one["samples"]) for one in (*partial, last)]
    assert counts == sorted(counts) and counts[-1] == 6 and len(set(counts)) > 1
    assert {one["status"] for one in told["whole"]} == {"running", "partial", "complete"}
    assert last["counts"] == {"planned": 6, "answered": 4, "truncated": 1, "malformed": 0, "error": 1}
    outcomes = {one["sample_id"]: one["outcome"] for one in last["samples"]}
    assert outcomes == {
        **{f"é {number}": "answered" for number in range(3)}, "cut": "truncated", "empty": "error", "call": "answered",
    }  # fmt: skip
    assert PAYMENT in plain(last["samples"][0]["text"]) and last["tokens"]["completion"] > 0
    assert last["samples"][5]["tool_calls"][0]["function"] == {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    assert (
        last["dataset"]["n"] == 6 and last["generation"] == {"temperature": 0} and last["ended_at"] > last["started_at"]
    )


def test_a_chunk_ends_with_all_of_its_records(told: dict[str, Any]) -> None:
    chunk = told["chunk"]
    assert chunk["status"] in {"complete", "partial"} and chunk["left"] == 2 - len(chunk["samples"])
    assert PAYMENT in plain(chunk["samples"][0]["text"])
    assert told["refused"][0] == "uic:invalid_request" and "temprature" in told["refused"][1]


def test_many_samples_come_through_the_provider(provider: Qwen3ZeroGPUAdapter) -> None:
    questions = {f"é{number}\u2028": f"What is {number}% of 240?" for number in range(70)}
    samples = [sample(name, text, temperature=0.0, max_tokens=300) for name, text in questions.items()]
    samples += [
        sample("call", "What is the weather in Paris?", tools=(WEATHER,)), sample("cut", QUESTION, max_tokens=20),
        sample("too much", QUESTION, max_tokens=5000), sample("payment", QUESTION),
    ]  # fmt: skip
    came = answers(provider, "many", *samples)
    assert len(came) == len(samples)
    for number in (10, 15, 60):
        result = came[f"é{number}\u2028"].result
        assert isinstance(result, Generation) and f"**{number * 2.4:g}**" in result.text
        assert result.usage is not None and result.usage.completion_tokens > 0 and result.timings is not None
    call, cut, refused, payment = (came[name].result for name in ("call", "cut", "too much", "payment"))
    assert isinstance(call, Generation) and call.tool_calls[0].name == "get_weather"
    assert isinstance(cut, Generation) and cut.finish_reason == "length"
    assert type(refused) is InvalidRequestError and "5000" in refused.message
    assert isinstance(payment, Generation) and PAYMENT in plain(payment.text)
    again = answers(provider, "many", *samples)
    assert again["payment"] == came["payment"] and again["too much"].attempt == 2
    assert again["payment"].started_at == came["payment"].started_at != ""


def test_two_samples_of_one_name_are_refused(provider: Qwen3ZeroGPUAdapter) -> None:
    with pytest.raises(InvalidRequestError, match="one name"):
        answers(provider, "double", sample("1", "é"), sample("1", "è"))


class Slow(NamedTuple):
    url: str
    notes: Path
    process: Any


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Generator[Slow]:
    """The last test kills it."""
    folder = tmp_path_factory.mktemp("slow")
    with running(
        HERE / "slow_space.py", folder / "notes", "evaluates", cwd=folder, PYTHONPATH=str(PROJECT / "src")
    ) as own:
        yield Slow(own.url, folder / "notes", own)


def words(notes: Path, answers: int) -> list[int]:
    """How many words of each answer were written, once so many have ended."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        found = [int(line) for line in notes.read_text("utf-8").split()] if notes.exists() else []
        if len(found) >= answers:
            return found
        time.sleep(0.05)
    raise AssertionError("The answers go on.")


def test_whoever_leaves_ends_the_work_and_goes_on_later(slow: Slow) -> None:
    provider = Qwen3ZeroGPUAdapter(space=slow.url, cache="", retries=0)
    samples = [
        sample("short", "3 mots", max_tokens=8),
        *(sample(f"{n}", f"200 mots {n}", max_tokens=300) for n in range(2)),
    ]

    async def leave() -> SampleAnswer:
        async with aclosing(provider.asamples("r", samples)) as came:
            async for come in came:
                if isinstance(come, SampleAnswer):
                    return come
        raise AssertionError("Nothing came.")

    first = asyncio.run(leave())
    assert isinstance(first.result, Generation) and first.result.text == "mot1 mot2 mot3 "
    left = words(slow.notes, 2)
    assert left[0] == 3 and max(left[1:]) < 150
    again = answers(provider, "r", samples[0])
    assert again["short"] == first and words(slow.notes, 2)[0] == 3  # told from memory
    provider.close()


def test_a_quota_ends_a_run_after_what_was_answered(slow: Slow) -> None:
    """The second call is refused: what the first one answered is there."""
    provider = Qwen3ZeroGPUAdapter(space=slow.url, cache="", retries=0)
    came: list[object] = []
    asked = {"a": "2 mots", **{f"GPU {n}": f"Un GPU ? {n}" for n in range(5)}}
    samples = [sample(name, text, max_tokens=4096) for name, text in asked.items()]

    async def until_refused() -> None:
        async for come in provider.asamples("q", samples):
            came.append(come)  # noqa: PERF401 - an error may end it

    with pytest.raises(UnifiedIntelligenceError) as raised:
        asyncio.run(until_refused())
    assert type(raised.value) is QuotaExceededError and raised.value.retry_after == 3723.0
    assert [one.sample_id for one in came if isinstance(one, SampleAnswer)] == ["a"]
    provider.close()


def test_a_space_that_is_killed_fails_the_rest_of_the_run(slow: Slow) -> None:
    provider = Qwen3ZeroGPUAdapter(space=slow.url, cache="", retries=0)
    samples = [sample("short", "3 mots", max_tokens=8), sample("long", "300 mots", max_tokens=300)]
    came: list[str] = []

    async def until_killed() -> None:
        async for come in provider.asamples("k", samples):
            assert isinstance(come, SampleAnswer)
            came.append(come.sample_id)
            slow.process.kill()

    with pytest.raises(ConnectionFailedError) as raised:
        asyncio.run(until_killed())
    assert came == ["short"] and raised.value.hint
    provider.close()
