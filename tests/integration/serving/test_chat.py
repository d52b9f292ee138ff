"""POST /v1/chat/completions through OpenAI's own client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.integration.serving.served import Served, serving
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.adapters.llm.embedded_adapter import EmbeddedAdapter

HARD = 'Ça va\u2028bien 🎉\nd\'accord ?\r\n\u2029\u0085 — «oui»\t"x" \\ </think> fin'
MODEL = "le-modèle"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.fixture(scope="module")
def echo() -> Iterator[Served]:
    with serving(EchoAdapter()) as served:
        yield served


@pytest.fixture(scope="module")
def embedded() -> Iterator[Served]:
    with serving(EmbeddedAdapter()) as served:
        yield served


def client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="unused", max_retries=0, timeout=30)


def asked(text: str) -> Any:
    return [{"role": "user", "content": text}]


def text_of(chunks: list[ChatCompletionChunk], index: int = 0) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index)


def test_an_answer_comes_whole_and_exact(echo: Served) -> None:
    answer = client(echo).chat.completions.create(model=MODEL, messages=asked(HARD))
    assert answer.choices[0].message.content == HARD
    assert (answer.choices[0].finish_reason, answer.choices[0].index, answer.object) == ("stop", 0, "chat.completion")
    assert answer.model == MODEL
    assert answer.system_fingerprint == "fp_abc"
    assert answer.usage is not None and answer.usage.total_tokens == 2 * len(HARD.split())


def test_an_answer_comes_in_chunks_and_exact(echo: Served) -> None:
    chunks = list(client(echo).chat.completions.create(model=MODEL, messages=asked(HARD), stream=True))
    assert text_of(chunks) == HARD
    assert [chunk.choices[0].delta.role for chunk in chunks if chunk.choices[0].delta.role] == ["assistant"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks][-2:] == [None, "stop"]
    assert {(chunk.id, chunk.created, chunk.usage) for chunk in chunks} == {(chunks[0].id, chunks[0].created, None)}


def test_usage_comes_last_for_who_asks_for_it(echo: Served) -> None:
    stream = client(echo).chat.completions.create(
        model=MODEL, messages=asked("un deux trois"), stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None and (last.usage.prompt_tokens, last.usage.completion_tokens) == (3, 3)


def test_reasoning_is_never_in_the_content(embedded: Served) -> None:
    answer = client(embedded).chat.completions.create(model=MODEL, messages=asked("What is 15 % of 240?"))
    message = answer.choices[0].message
    assert message.content is not None and message.content.startswith("**36**")
    assert "percent_of" not in message.content
    told = message.model_dump()
    assert told["reasoning_content"] == told["reasoning"] != ""
    assert "percent_of" in told["reasoning"]
    assert answer.usage is not None and answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens


def test_a_tool_is_called(embedded: Served) -> None:
    answer = client(embedded).chat.completions.create(
        model=MODEL, messages=asked("What is the weather in Paris?"), tools=[WEATHER]
    )
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert choice.message.tool_calls is not None
    call: Any = choice.message.tool_calls[0]
    assert (call.function.name, call.function.arguments, call.type) == ("get_weather", '{"city": "Paris"}', "function")
