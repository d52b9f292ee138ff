"""The provider of Gradio Spaces against a real Gradio app, in the version that is installed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from tests.gradio_app import App, gradio_app
from unified_intelligence.adapters.llm.qwen3_zerogpu_adapter import Qwen3InferenceAdapter
from unified_intelligence.entities.errors import (
    ContextLengthError,
    ModelError,
    QuotaExceededError,
    StreamInterruptedError,
    TimedOutError,
)
from unified_intelligence.entities.generation import GenerationConfig, Notice, TextDelta
from unified_intelligence.entities.message import MessageLike

HARD_TEXT = "Ça va ?\n\n Prix :  12,50 € — très bien 🙂👩‍🚀  \u2028 fin"


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with gradio_app("generate", "version") as app:
        yield app


@pytest.fixture
def generator(app: App) -> Iterator[Qwen3InferenceAdapter]:
    generator = Qwen3InferenceAdapter(space=app.url, cache="", retries=0)
    yield generator
    generator.close()


def test_an_answer_streams_and_its_notices_are_no_part_of_it(generator: Qwen3InferenceAdapter) -> None:
    events = list(generator.stream(HARD_TEXT))
    assert events[0] == Notice("A GPU is being allocated")
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(texts) > 5
    assert "".join(texts) == HARD_TEXT


def test_reasoning_calls_and_fields_come_through(generator: Qwen3InferenceAdapter) -> None:
    answer = generator.generate("thinks and calls")
    assert answer.reasoning == "Hmm… 🤔"
    assert answer.finish_reason == "tool_calls"
    assert (answer.tool_calls[0].name, answer.tool_calls[0].arguments) == ("add", '{"a": 1}')
    sent = generator.generate("config", GenerationConfig(temperature=0.0, stop=("é",), thinking=False)).text
    assert sent == "[('stop', ['é']), ('temperature', 0.0), ('thinking', False)]"


def test_what_the_space_says_of_its_failure_is_typed(generator: Qwen3InferenceAdapter) -> None:
    with pytest.raises(QuotaExceededError) as quota:
        generator.generate("quota")
    assert quota.value.retry_after == 3723.0
    with pytest.raises(ContextLengthError, match="9 tokens"):
        generator.generate("own error")
    with pytest.raises(ModelError, match="does not say why") as bug:
        generator.generate("bug")
    assert "secret of the Space" not in bug.value.message


def test_leaving_a_stream_stops_the_work(app: App, generator: Qwen3InferenceAdapter) -> None:
    before = app.seen()

    async def leave() -> None:
        question = f"slowly {'mot ' * 400}"
        async with aclosing(generator.astream(question)) as events:  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
            async for event in events:  # pyright: ignore[reportUnknownVariableType]
                if isinstance(event, TextDelta):
                    break

    asyncio.run(leave())
    deadline = time.monotonic() + 8  # the answer itself would take 20 s
    while app.seen()["cancelled"] == before["cancelled"] and time.monotonic() < deadline:
        time.sleep(0.1)
    after = app.seen()
    assert after["cancelled"] == before["cancelled"] + 1
    assert after["ended"] == before["ended"]


def test_many_streams_at_once_lose_nothing(generator: Qwen3InferenceAdapter) -> None:
    questions = [f"slowly {n}: {HARD_TEXT}" for n in range(32)]

    async def all_of_them() -> list[str]:
        return [answer.text for answer in await asyncio.gather(*map(generator.agenerate, questions))]

    assert asyncio.run(all_of_them()) == questions


def test_a_space_that_is_killed_has_interrupted_the_answer() -> None:
    with gradio_app("generate") as app:
        stream = Qwen3InferenceAdapter(space=app.url, cache="", retries=3).stream(f"slowly {'mot ' * 400}")
        said = next(event for event in stream if isinstance(event, TextDelta))
        app.process.kill()
        with pytest.raises(StreamInterruptedError) as raised:
            list(stream)
        assert raised.value.partial.startswith(said.text)


def test_a_space_with_respond_alone_answers_too() -> None:
    turns: list[MessageLike] = [
        {"role": "system", "content": "Réponds."},
        {"role": "user", "content": "Bonjour"},
        {"role": "assistant", "content": "Oui ?"},
        {"role": "user", "content": "Ça va ?\n🙂  12,50 €"},
    ]
    with gradio_app("respond") as app:
        generator = Qwen3InferenceAdapter(space=app.url, cache="", retries=0)
        answer = generator.generate(turns, GenerationConfig(temperature=0.5, max_tokens=77))
        assert answer.text == "Ça va ?\n🙂  12,50 € [2|Réponds.|0.5|77]"
        assert generator.generate("é").text == "é [0|be brief|0.7|512]"
        with pytest.raises(QuotaExceededError):
            generator.generate("quota")


@pytest.mark.parametrize("out_of_time", [False, True])
def test_leaving_a_respond_that_answers_at_once_cancels_it(*, out_of_time: bool) -> None:
    with gradio_app("held", "version") as app:
        generator = Qwen3InferenceAdapter(space=app.url, cache="", retries=0, timeout=4 if out_of_time else 60)

        async def leave() -> None:
            asked = asyncio.create_task(generator.agenerate("Ça va ?\u2028 🙂"))
            while not app.seen()["begun"]:
                await asyncio.sleep(0.1)
            if not out_of_time:
                asked.cancel()
            with pytest.raises(TimedOutError if out_of_time else asyncio.CancelledError):
                await asked

        asyncio.run(leave())
        deadline = time.monotonic() + 8  # the answer itself would take 20 s
        while not app.seen()["cancelled"] and time.monotonic() < deadline:
            time.sleep(0.1)
        assert app.seen() == {"begun": 1, "ended": 0, "cancelled": 1}
        generator.close()
