"""From a call to its events: refused before the GPU, never raised on it, stopped when nobody listens."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.gradio_space.lent import on_gpu
from unified_intelligence.entities.errors import ModelError, ServerBusyError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    Notice,
    ReasoningDelta,
    TextDelta,
    Timings,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import MessageLike
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator
from unified_intelligence.interfaces.tokenizer import ITokenizer

if TYPE_CHECKING:
    from unified_intelligence.gradio_space.answering import Answering

pytest.importorskip("fastapi", reason="The extra 'space' is not installed")

ASKED = [{"role": "user", "content": "Ça va ? 🎉\u2028"}]
END = Finished("stop", Usage(4, 2, cached_tokens=1), Timings(0.5, 1.0))
WORD = TextDelta("fünf\u2028 🎉 ")


class Scripted(InProcessTextGenerator, ITokenizer):
    """Says what it was given; a number among it is a pause in seconds, an exception is raised. A letter is a token."""

    honoured = frozenset({"max_tokens", "temperature", "logprobs"})

    def __init__(self, *script: Event | float | Exception) -> None:
        self.script, self.asked, self.closed = script, list[GenerationConfig | None](), False

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        self.asked.append(config)
        try:
            for item in self.script:
                if isinstance(item, Exception):
                    raise item
                if isinstance(item, float | int):
                    time.sleep(item)
                else:
                    yield item
        finally:
            self.closed = True

    def encode(self, text: str) -> list[int]:
        return list(map(ord, text))

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(map(chr, tokens))

    def encode_conversation(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> list[int]:
        return [0] * 9

    @property
    def longest_context(self) -> int:
        return 100


def answering(generator: Scripted, **given: Any) -> Answering:
    from unified_intelligence.gradio_space.answering import Answering
    from unified_intelligence.gradio_space.limits import AnswerLimits

    limits = {name: given.pop(name) for name in AnswerLimits.__dataclass_fields__.keys() & given}
    return Answering(generator, AnswerLimits(**limits), build="abc", **given)


def events(generator: Scripted, config: object = None, **given: Any) -> list[dict[str, object]]:
    return list(answering(generator, **given).events(ASKED, config))


def test_each_event_has_its_shape() -> None:
    logprobs = (TokenLogprob("fü", -0.5, (TokenLogprob("fü", -0.5), TokenLogprob("x", -2.0))),)
    generator = Scripted(
        Notice("einen Moment"), ReasoningDelta("hm\n"), TextDelta("fü", logprobs), WORD,
        ToolCallDelta(0, "1", "look_up", '{"é": 1}'), END,
    )  # fmt: skip
    assert events(generator, {"logprobs": 2}) == [
        {"type": "notice", "text": "einen Moment"},
        {"type": "reasoning", "text": "hm\n"},
        {"type": "delta", "text": "fü", "logprobs": [{"token": "fü", "logprob": -0.5, "alternatives": [
            {"token": "fü", "logprob": -0.5}, {"token": "x", "logprob": -2.0}]}]},
        {"type": "delta", "text": "fünf\u2028 🎉 "},
        {"type": "tool_call", "index": 0, "id": "1", "name": "look_up", "arguments": '{"é": 1}'},
        {"type": "end", "finish_reason": "stop",
         "usage": {"prompt_tokens": 4, "completion_tokens": 2, "cached_tokens": 1},
         "timings": {"first_event": 0.5, "total": 1.0}, "build": "abc"},
    ]  # fmt: skip


def test_an_error_is_an_event_with_what_to_do() -> None:
    busy = ServerBusyError("Full.", hint="Wait.", retry_after=2.5)
    assert events(Scripted(WORD, busy))[1:] == [
        {"type": "error", "kind": "server_busy", "message": "Full.", "hint": "Wait.", "retryable": True,
         "retry_after": 2.5}
    ]  # fmt: skip
    (broken,) = events(Scripted(ModelError("It broke.")))
    assert broken == {"type": "error", "kind": "model", "message": "It broke.", "hint": "", "retryable": False}


def test_what_nobody_expected_does_not_cost_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    lent: list[int] = []
    *_, last = events(Scripted(WORD, ZeroDivisionError("a secret")), on_gpu=on_gpu(lent))
    assert last["type"] == "error" and last["kind"] == "model" and "ZeroDivisionError" in str(last["message"])
    assert "secret" not in str(last) and "a secret" in caplog.text and len(lent) == 1


@pytest.mark.parametrize("last", [END, ModelError("müde")])
def test_a_gpu_that_was_lent_is_told_of_at_the_end(last: Event | Exception) -> None:
    lent: list[int] = []
    *before, end = events(Scripted(0.1, WORD, last), on_gpu=on_gpu(lent))
    gpu = end.pop("gpu")
    assert isinstance(gpu, dict) and gpu["lent"] == lent[0]  # pyright: ignore[reportUnknownVariableType]
    assert 0 <= gpu["waited"] < 5 and 0.1 <= gpu["held"] < 5
    assert all("gpu" not in event for event in before)
    assert all("gpu" not in event for event in events(Scripted(WORD, last)))  # where none is lent


@pytest.mark.parametrize("config", [{"max_tokens": 4097}, {"seed": 1}, {"nonsense": 1}, {"max_tokens": -1}, [1]])
def test_a_refusal_takes_no_gpu(config: object) -> None:
    lent: list[int] = []
    generator = Scripted(END)
    (refused,) = events(generator, config, on_gpu=on_gpu(lent))
    assert refused["type"] == "error" and refused["kind"] == "invalid_request"
    assert lent == [] and generator.asked == []


def test_an_answer_has_a_length_also_if_none_was_asked_for() -> None:
    generator = Scripted(END)
    events(generator, {}, default_tokens=33)
    events(generator, {"max_tokens": 7})
    assert [config.max_tokens for config in generator.asked if config] == [33, 7]


def test_a_gpu_is_asked_for_as_long_as_the_prompt_and_the_answer_take() -> None:
    own = answering(Scripted(END), start=10, reads=100, writes=50, seconds=60, default_tokens=1000)
    message = [{"role": "user", "content": "x" * 3000}]
    assert own.limits.seconds_for(ASKED, {"max_tokens": 50}) == 12
    assert own.limits.seconds_for(ASKED, {"max_tokens": 500}) == 21
    assert own.limits.seconds_for(ASKED, None) == 31
    assert own.limits.seconds_for(message, {"max_tokens": 50}) == 22
    assert own.limits.seconds_for(message, {"max_tokens": 4000}) == 60


def test_an_answer_that_outlasts_its_gpu_ends_as_too_long() -> None:
    generator = Scripted(WORD, 1.2, TextDelta("b"), 1.0, END)
    lent: list[int] = []
    begun = time.perf_counter()
    own = answering(generator, seconds=1, on_gpu=on_gpu(lent))
    first, second, notice, end = own.events(ASKED, None)
    assert [first["text"], second["text"]] == [WORD.text, "b"] and notice["type"] == "notice"
    assert end["finish_reason"] == "length" and lent == [1]
    assert end["usage"] == {"prompt_tokens": 9, "completion_tokens": len(WORD.text) + 1}
    assert time.perf_counter() - begun < 20


def test_whoever_leaves_ends_the_work() -> None:
    generator = Scripted(WORD, *[0.05, WORD] * 200, END)
    stream = answering(generator).events(ASKED, None)
    assert next(stream)["type"] == "delta"
    stream.close()
    until = time.monotonic() + 5
    while not generator.closed and time.monotonic() < until:
        time.sleep(0.01)
    assert generator.closed
