"""POST /v1/chat/completions through OpenAI's own client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionChunk

from tests.integration.serving.generators import Says, Waits, words
from tests.integration.serving.served import Served, serving
from tests.tiny_qwen3 import build_speaker
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.adapters.llm.embedded_adapter import EmbeddedAdapter
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter
from unified_intelligence.entities.generation import (
    ChoiceFormat,
    Event,
    Finished,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    Notice,
    RegexFormat,
    ResponseFormat,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.serving import connection, event_stream

HARD = 'Ça va\u2028bien 🎉\nd\'accord ?\r\n\u2029\u0085 — «oui»\t"x" \\ </think> fin'
MODEL = "le-modèle"
SCHEMA: dict[str, object] = {"type": "object"}
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


def asked(text: str) -> Any:
    return [{"role": "user", "content": text}]


def text_of(chunks: list[ChatCompletionChunk], index: int = 0) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == index)


def test_an_answer_comes_whole_and_exact(echo: Served) -> None:
    answer = echo.client.chat.completions.create(model=MODEL, messages=asked(HARD))
    assert answer.choices[0].message.content == HARD
    assert (answer.choices[0].finish_reason, answer.choices[0].index, answer.object) == ("stop", 0, "chat.completion")
    assert answer.model == MODEL
    assert answer.system_fingerprint == "fp_abc"
    assert answer.usage is not None and answer.usage.total_tokens == 2 * len(HARD.split())


def test_an_answer_comes_in_chunks_and_exact(echo: Served) -> None:
    chunks = list(echo.client.chat.completions.create(model=MODEL, messages=asked(HARD), stream=True))
    assert text_of(chunks) == HARD
    assert [chunk.choices[0].delta.role for chunk in chunks if chunk.choices[0].delta.role] == ["assistant"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks][-2:] == [None, "stop"]
    assert {(chunk.id, chunk.created, chunk.usage) for chunk in chunks} == {(chunks[0].id, chunks[0].created, None)}


def test_usage_comes_last_for_who_asks_for_it(echo: Served) -> None:
    stream = echo.client.chat.completions.create(
        model=MODEL, messages=asked("un deux trois"), stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    assert last.choices == []
    assert last.usage is not None and (last.usage.prompt_tokens, last.usage.completion_tokens) == (3, 3)


def test_reasoning_is_never_in_the_content(embedded: Served) -> None:
    answer = embedded.client.chat.completions.create(model=MODEL, messages=asked("What is 15 % of 240?"))
    message = answer.choices[0].message
    assert message.content is not None and message.content.startswith("**36**")
    assert "percent_of" not in message.content
    told = message.model_dump()
    assert told["reasoning_content"] == told["reasoning"] != ""
    assert "percent_of" in told["reasoning"]
    assert answer.usage is not None and answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.reasoning_tokens


def test_a_tool_is_called(embedded: Served) -> None:
    answer = embedded.client.chat.completions.create(
        model=MODEL, messages=asked("What is the weather in Paris?"), tools=[WEATHER]
    )
    choice = answer.choices[0]
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert choice.message.tool_calls is not None
    call: Any = choice.message.tool_calls[0]
    assert (call.function.name, call.function.arguments, call.type) == ("get_weather", '{"city": "Paris"}', "function")


def test_a_tool_call_comes_in_chunks(embedded: Served) -> None:
    stream = embedded.client.chat.completions.create(
        model=MODEL, messages=asked("What is the weather in Paris?"), tools=[WEATHER], stream=True
    )
    chunks = [chunk.choices[0] for chunk in stream]
    calls = [call for choice in chunks for call in choice.delta.tool_calls or ()]
    assert (calls[0].index, calls[0].type, bool(calls[0].id)) == (0, "function", True)
    assert calls[0].function is not None and calls[0].function.name == "get_weather"
    arguments = "".join(call.function.arguments or "" for call in calls if call.function)
    assert json.loads(arguments) == {"city": "Paris"}
    assert chunks[-1].finish_reason == "tool_calls"


def test_pieces_of_calls_are_told_apart() -> None:
    pieces = [
        ToolCallDelta(0, "a", "first", '{"x": "é'), ToolCallDelta(0, arguments='\u2028"}'),
        ToolCallDelta(1, "", "second", "{}"), Finished("tool_calls"),
    ]  # fmt: skip
    tools: Any = [{"type": "function", "function": {"name": name}} for name in ("first", "second")]
    with serving(Says(*pieces)) as served:
        deltas = [
            call
            for chunk in served.client.chat.completions.create(
                model=MODEL, messages=asked("x"), tools=tools, stream=True
            )
            for call in chunk.choices[0].delta.tool_calls or ()
        ]
        whole = served.client.chat.completions.create(model=MODEL, messages=asked("x"), tools=tools)
    assert {call.index for call in deltas} == {0, 1}
    named = [call for call in deltas if call.function and call.function.name]
    assert [call.function.name for call in named if call.function] == ["first", "second"]
    assert all(call.id for call in named)
    calls: Any = whole.choices[0].message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("first", {"x": "é\u2028"}), ("second", {}),
    ]  # fmt: skip
    assert whole.usage is None


def test_a_conversation_with_tools_goes_on(embedded: Served) -> None:
    question = asked("What is the weather in Paris?")
    first = embedded.client.chat.completions.create(model=MODEL, messages=question, tools=[WEATHER])
    call: Any = (first.choices[0].message.tool_calls or [None])[0]
    told: Any = [
        *question,
        first.choices[0].message.model_dump(),
        {"role": "tool", "tool_call_id": call.id, "content": [{"type": "text", "text": "Il pleut 🌧️ à Paris."}]},
    ]
    second = embedded.client.chat.completions.create(model=MODEL, messages=told, tools=[WEATHER])
    assert second.choices[0].message.content == "Il pleut 🌧️ à Paris."


def test_several_answers_are_made_at_once() -> None:
    class Together(Says):
        here = 0

        async def astream(self, messages: Any, config: Any = None) -> AsyncIterator[Event]:
            assert config is not None
            self.here += 1
            while self.here < 3:
                await asyncio.sleep(0.01)
            yield TextDelta(f"graine {config.seed}")
            yield Finished("stop", Usage(5, 2, cached_tokens=4))

    with serving(Together()) as served:
        answer = served.client.chat.completions.create(model=MODEL, messages=asked("x"), n=3, seed=7)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert [choice.message.content for choice in answer.choices] == ["graine 7", "graine 8", "graine 9"]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (5, 6)
    assert answer.usage.prompt_tokens_details is not None and answer.usage.prompt_tokens_details.cached_tokens == 4
    assert answer.usage.completion_tokens_details is None
    with serving(Together()) as served:
        chunks = list(served.client.chat.completions.create(model=MODEL, messages=asked("x"), n=3, seed=7, stream=True))
    assert [text_of(chunks, index) for index in range(3)] == ["graine 7", "graine 8", "graine 9"]


@pytest.mark.parametrize("stop", ["🎉", ["nowhere", "🎉"]])
def test_an_answer_ends_before_a_stop_sequence(echo: Served, stop: Any) -> None:
    answer = echo.client.chat.completions.create(model=MODEL, messages=asked("Ça va 🎉 bien"), stop=stop)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Ça va ", "stop")


def test_every_field_reaches_the_generator() -> None:
    generator = Says(*words("oui"))
    thought: Any = {"role": "assistant", "content": None, "reasoning_content": "Hm…\u2028"}
    with serving(generator) as served:
        served.client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "developer", "content": "Sois bref."}, *asked("y"), thought, *asked("x")],
            max_completion_tokens=50, temperature=0.5, top_p=0.9, seed=4, stop=["a", "b"], presence_penalty=0.1,
            frequency_penalty=0.2, logprobs=True, top_logprobs=3, reasoning_effort="low", tools=[WEATHER],
            tool_choice={"type": "function", "function": {"name": "get_weather"}}, parallel_tool_calls=False,
            response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA, "strict": True}},
            extra_body={
                "min_tokens": 2, "top_k": 5, "min_p": 0.1, "repetition_penalty": 1.1, "thinking_token_budget": 9,
                "chat_template_kwargs": {"enable_thinking": True},
            },
        )  # fmt: skip
    ((messages, config),) = generator.asked
    assert messages == [
        Message("system", "Sois bref."),
        Message("user", "y"),
        Message("assistant", "", reasoning="Hm…\u2028"),
        Message("user", "x"),
    ]
    assert config == GenerationConfig(
        max_tokens=50, min_tokens=2, temperature=0.5, top_p=0.9, top_k=5, min_p=0.1, presence_penalty=0.1,
        frequency_penalty=0.2, repetition_penalty=1.1, seed=4, stop=("a", "b"), logprobs=3, thinking=True,
        thinking_budget=9, reasoning_effort="low",
        response_format=JsonFormat(SCHEMA, "a", strict=True),
        tools=(ToolSpec("get_weather", "Weather in a city", WEATHER["function"]["parameters"]),),
        tool_choice=NamedTool("get_weather"), parallel_tool_calls=False,
    )  # fmt: skip


@pytest.mark.parametrize(("sent", "read"), [
    ({"regex": r"\d+ €"}, RegexFormat(r"\d+ €")), ({"choice": ["oui 🙂", "non"]}, ChoiceFormat(("oui 🙂", "non"))),
    ({"json": SCHEMA}, JsonFormat(SCHEMA, strict=True)),
])  # fmt: skip
def test_the_form_of_an_answer_in_the_words_of_vllm(sent: dict[str, Any], read: ResponseFormat) -> None:
    generator = Says(*words("oui"))
    with serving(generator) as served:
        served.client.chat.completions.create(model=MODEL, messages=asked("x"), extra_body={"structured_outputs": sent})
    assert generator.asked[0][1] == GenerationConfig(response_format=read)


def test_logprobs_are_told_where_they_are_asked_for() -> None:
    told = TokenLogprob("é", -0.5, (TokenLogprob("é", -0.5), TokenLogprob("e", -1.5)))
    generator = Says(TextDelta("é", (told,)), Finished("stop", Usage(1, 1)))
    with serving(generator) as served:
        ask = served.client.chat.completions.create
        whole = ask(model=MODEL, messages=asked("x"), logprobs=True, top_logprobs=2)
        chunks = list(ask(model=MODEL, messages=asked("x"), logprobs=True, top_logprobs=2, stream=True))
        without = ask(model=MODEL, messages=asked("x"))
    for logprobs in (whole.choices[0].logprobs, next(c.choices[0].logprobs for c in chunks if c.choices[0].logprobs)):
        assert logprobs is not None and logprobs.content is not None
        first = logprobs.content[0]
        assert (first.token, first.logprob, first.bytes) == ("é", -0.5, [0xC3, 0xA9])
        assert [other.token for other in first.top_logprobs] == ["é", "e"]
    assert without.choices[0].logprobs is None
    assert text_of(chunks) == "é"


def test_reasoning_can_be_left_out() -> None:
    with serving(Says(*words("oui", reasoning="Hmm…\n\u2028"))) as served:
        ask = served.client.chat.completions.create
        shown = list(ask(model=MODEL, messages=asked("x"), stream=True))
        hidden = list(ask(model=MODEL, messages=asked("x"), stream=True, extra_body={"include_reasoning": False}))
        whole = ask(model=MODEL, messages=asked("x"), extra_body={"include_reasoning": False})
    assert [c.choices[0].delta.model_dump().get("reasoning_content") for c in shown][1] == "Hmm…\n\u2028"
    assert not any("reasoning" in c.choices[0].delta.model_dump() for c in hidden)
    assert "reasoning" not in whole.choices[0].message.model_dump()
    assert text_of(shown) == text_of(hidden) == whole.choices[0].message.content == "oui"


def test_a_notice_is_a_comment_of_the_servers_own_that_clients_skip() -> None:
    with serving(Says(Notice("http://10.0.0.7 se réveille."), *words("oui", "x"))) as served:
        body: Any = {"model": MODEL, "messages": asked("x"), "stream": True}
        text = httpx2.post(f"{served.url}/v1/chat/completions", json=body).text
        create: Any = served.client.chat.completions.create
        chunks = create(**body)
        assert text_of(list(chunks)) == "ouix"
    assert text.startswith(": still working\n\ndata: {") and "10.0.0.7" not in text
    assert text.endswith("data: [DONE]\n\n")


def test_half_a_character_does_not_end_the_stream() -> None:
    with serving(Says(TextDelta("a\ud83d"), TextDelta("b"), Finished("stop"))) as served:
        assert (
            text_of(list(served.client.chat.completions.create(model=MODEL, messages=asked("x"), stream=True))) == "a?b"
        )
        answer = served.client.chat.completions.create(model=MODEL, messages=asked("x"))
    assert answer.choices[0].message.content == "a?b"


def test_every_line_of_a_stream_is_one_for_every_reader(echo: Served) -> None:
    body: Any = {"model": MODEL, "messages": asked(HARD), "stream": True}
    text = httpx2.post(f"{echo.url}/v1/chat/completions", json=body).text
    assert all(line == "" or line.startswith("data: ") for line in text.splitlines())


def test_the_asynchronous_client_reads_the_same(echo: Served) -> None:
    async def read() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=f"{echo.url}/v1", api_key="unused", max_retries=0) as asynchronous:
            whole = await asynchronous.chat.completions.create(model=MODEL, messages=asked(HARD))
            stream = await asynchronous.chat.completions.create(model=MODEL, messages=asked(HARD), stream=True)
            return whole.choices[0].message.content, text_of([chunk async for chunk in stream])

    assert asyncio.run(read()) == (HARD, HARD)


def test_a_silent_stream_is_kept_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "TICK", 0.05)
    monkeypatch.setattr(event_stream, "PING_AFTER", 0.1)
    with serving(Waits(TextDelta("Bonjour"))) as served:
        body: Any = {"model": MODEL, "messages": asked("x"), "stream": True}
        with httpx2.stream("POST", f"{served.url}/v1/chat/completions", json=body, timeout=10) as response:
            lines = response.iter_lines()
            assert sum(line.startswith(": ") for line, _ in zip(lines, range(12), strict=False)) >= 3


def test_a_model_that_runs_here_thinks_apart(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    said = "<think>\nDeux et deux…\n</think>\n\nÇa fait « 4 » 🎉\nvoilà"
    with serving(TransformersAdapter(model=str(build_speaker(tmp_path, said)))) as served:
        whole = served.client.chat.completions.create(model=MODEL, messages=asked("2 + 2 ?"), temperature=0)
        chunks = list(served.client.chat.completions.create(model=MODEL, messages=asked("2 + 2 ?"), stream=True))
    assert whole.choices[0].message.content == text_of(chunks) == "Ça fait « 4 » 🎉\nvoilà"
    assert "Deux et deux" in whole.choices[0].message.model_dump()["reasoning_content"]
