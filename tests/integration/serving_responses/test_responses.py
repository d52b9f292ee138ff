"""POST /v1/responses through OpenAI's own client: whole answers, what is refused, and the tools' round trip."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.integration.serving.served import Served, serving
from tests.integration.serving_responses.clients import MODEL, client
from tests.unit.serving.scripted import Scripted
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.adapters.llm.embedded_adapter import EmbeddedAdapter
from unified_intelligence.entities.generation import (
    Finished,
    NamedTool,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolCall

HARD = 'Ça va\u2028bien 🎉\nd\'accord ?\r\n\u2029\u0085 — «oui»\t"x" \\ fin'
ABILITIES = frozenset({"max_tokens", "temperature", "top_p", "tools", "thinking", "thinking_budget", "logprobs"})
VAT: Any = {
    "type": "function",
    "name": "add_vat",
    "description": "Add value-added tax to a price",
    "parameters": {
        "type": "object",
        "properties": {"price": {"type": "number"}},
        "required": ["price"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Ville(BaseModel):
    nom: str
    habitants: int


@pytest.fixture(scope="module")
def echo() -> Iterator[Served]:
    with serving(EchoAdapter()) as served:
        yield served


@pytest.fixture(scope="module")
def embedded() -> Iterator[Served]:
    with serving(EmbeddedAdapter()) as served:
        yield served


def test_an_answer_comes_whole_and_exact(echo: Served) -> None:
    answer = client(echo).responses.create(
        model=MODEL, input=HARD, metadata={"clé": "é"}, temperature=0.5, store=False, user="moi", top_p=1
    )
    assert answer.output_text == HARD
    assert (answer.object, answer.status, answer.model, answer.error) == ("response", "completed", MODEL, None)
    assert (answer.metadata, answer.temperature, answer.user) == ({"clé": "é"}, 0.5, "moi")
    assert json.loads(answer.model_dump_json())["store"] is False
    (message,) = answer.output
    assert message.type == "message" and message.status == "completed" and message.role == "assistant"
    assert answer.usage is not None and answer.usage.total_tokens == 2 * len(HARD.split())
    assert answer.tool_choice == "auto" and answer.tools == [] and answer.parallel_tool_calls is True


def test_the_asynchronous_client_reads_the_same(echo: Served) -> None:
    async def ask() -> str:
        async with openai.AsyncOpenAI(base_url=f"{echo.url}/v1", api_key="unused", max_retries=0) as asking:
            whole = await asking.responses.create(model=MODEL, input=HARD)
            pieces = [
                event.delta
                async for event in await asking.responses.create(model=MODEL, input=HARD, stream=True)
                if event.type == "response.output_text.delta"
            ]
        assert len(pieces) > 1
        assert "".join(pieces) == whole.output_text
        return whole.output_text

    assert asyncio.run(ask()) == HARD


def test_items_become_the_conversation_they_tell_of() -> None:
    able = ABILITIES | {"tool_choice"}
    generator = Scripted([TextDelta("D'accord."), Finished("stop", Usage(7, 2, 1, 3))], honoured=able)
    items: Any = [
        {"role": "developer", "content": "Réponds en français."},
        {"role": "user", "content": [{"type": "input_text", "text": "Ça "}, {"type": "input_text", "text": "va ?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]},
        {
            "type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "Oui\n", "annotations": [], "logprobs": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "add_vat", "arguments": '{"price": 1}'},
        {"type": "function_call", "call_id": "c2", "name": "add_vat", "arguments": "", "status": "completed"},
        {"type": "function_call_output", "call_id": "c1", "output": "1.2 €"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "erreur 🙁"}]},
    ]  # fmt: skip
    with serving(generator) as served:
        answer = client(served).responses.create(
            model=MODEL, instructions="Sois bref.", input=items, tools=[VAT], max_output_tokens=50,
            tool_choice="auto", reasoning={"effort": "low"}, parallel_tool_calls=True,
        )  # fmt: skip
    messages, config = generator.asked[0]
    calls = (ToolCall("c1", "add_vat", '{"price": 1}'), ToolCall("c2", "add_vat", "{}"))
    assert messages == (
        Message("system", "Sois bref.\n\nRéponds en français."),
        Message("user", "Ça va ?"),
        Message("assistant", "Oui\n", calls, reasoning="Hm"),
        Message("tool", "1.2 €", tool_call_id="c1"),
        Message("tool", "erreur 🙁", tool_call_id="c2"),
    )
    assert (config.max_tokens, config.thinking, config.thinking_budget) == (50, True, 1024)
    assert [(tool.name, tool.strict) for tool in config.tools] == [("add_vat", True)]
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.input_tokens_details.cached_tokens) == (7, 3)
    assert (answer.usage.output_tokens, answer.usage.output_tokens_details.reasoning_tokens) == (2, 1)
    assert (answer.instructions, answer.max_output_tokens) == ("Sois bref.", 50)
    assert answer.reasoning is not None and answer.reasoning.effort == "low"


def test_the_tools_round_trip_with_the_items_as_they_came(embedded: Served) -> None:
    asking = client(embedded)
    items: Any = [{"role": "user", "content": "Add value-added tax to a price of 250"}]
    first = asking.responses.create(
        model=MODEL, input=items, tools=[VAT], tool_choice={"type": "function", "name": "add_vat"}
    )
    (call,) = first.output
    assert call.type == "function_call" and call.status == "completed"
    assert (call.name, json.loads(call.arguments)) == ("add_vat", {"price": 250})
    assert first.output_text == ""
    items += [*first.output, {"type": "function_call_output", "call_id": call.call_id, "output": "300 € 🎉"}]
    assert asking.responses.create(model=MODEL, input=items, tools=[VAT]).output_text == "300 € 🎉"


def test_a_call_that_was_required_and_not_made_is_an_error(embedded: Served) -> None:
    with pytest.raises(openai.InternalServerError, match="no function was called"):
        client(embedded).responses.create(
            model=MODEL, input="Who painted the chapel?", tools=[VAT], tool_choice="required"
        )


def test_a_form_is_asked_for_and_parsed() -> None:
    said = '```json\n{"nom": "Saint-Étienne 🌞", "habitants": 173000}\n```'
    generator = Scripted(
        [TextDelta("Voilà !"), Finished("stop", Usage(5, 2))], [TextDelta(said), Finished("stop", Usage(9, 8))]
    )
    with serving(generator) as served:
        answer = client(served).responses.parse(model=MODEL, input="Une ville ?", text_format=Ville)
    assert answer.output_parsed == Ville(nom="Saint-Étienne 🌞", habitants=173000)
    assert answer.output_text == said[8:-4]
    assert answer.usage is not None and (answer.usage.input_tokens, answer.usage.output_tokens) == (14, 10)
    assert answer.text is not None and answer.text.format is not None and answer.text.format.type == "json_schema"
    assert "habitants" in generator.asked[0][0][0].content
    assert "not JSON" in generator.asked[1][0][0].content


def test_json_object_and_text_are_forms_too(echo: Served) -> None:
    formed = client(echo).responses.create(model=MODEL, input=' {"à": 1} ', text={"format": {"type": "json_object"}})
    assert formed.output_text == '{"à": 1}'
    assert client(echo).responses.create(model=MODEL, input=" a ", text={"format": {"type": "text"}}).output_text
    with pytest.raises(openai.InternalServerError, match="not as it was asked for: the answer is not JSON"):
        client(echo).responses.create(model=MODEL, input="non", text={"format": {"type": "json_object"}})


def test_reasoning_is_an_item_of_its_own(embedded: Served) -> None:
    answer = client(embedded).responses.create(model=MODEL, input="How much is 12 * 12?")
    reasoning, message = answer.output
    assert reasoning.type == "reasoning" and reasoning.content and "12" in reasoning.content[0].text
    assert message.type == "message" and "144" in answer.output_text
    assert reasoning.content[0].text not in answer.output_text


def test_an_answer_that_was_cut_says_so(echo: Served) -> None:
    answer = client(echo).responses.create(model=MODEL, input="un deux trois", max_output_tokens=2)
    assert (answer.status, answer.output_text, answer.completed_at) == ("incomplete", "un deux", None)
    assert answer.incomplete_details is not None and answer.incomplete_details.reason == "max_output_tokens"
    (message,) = answer.output
    assert message.type == "message" and message.status == "incomplete"


def test_an_answer_without_a_word_is_an_empty_message() -> None:
    with serving(Scripted([Finished("stop")])) as served:
        answer = client(served).responses.create(model=MODEL, input="?")
    assert [item.type for item in answer.output] == ["message"]
    assert (answer.output_text, answer.usage) == ("", None)


def test_probabilities_come_for_who_asks_for_them() -> None:
    alternatives = (TokenLogprob("é", -0.5), TokenLogprob("à", -1.5))
    said = [TextDelta("é", (TokenLogprob("é", -0.5, alternatives),)), Finished("stop")]
    generator = Scripted(said, honoured=ABILITIES)
    with serving(generator) as served:
        plain = client(served).responses.create(model=MODEL, input="?")
        told = client(served).responses.create(
            model=MODEL, input="?", top_logprobs=2, include=["message.output_text.logprobs"]
        )
    assert [config.logprobs for _, config in generator.asked] == [None, 2]
    assert [_logprobs(answer) for answer in (plain, told)] == [[], [("é", -0.5, ["é", "à"])]]


def _logprobs(answer: Any) -> list[tuple[str, float, list[str]]]:
    told = answer.output[0].content[0].logprobs
    return [(each.token, each.logprob, [other.token for other in each.top_logprobs]) for each in told]


def test_choices_reach_the_provider_that_honours_them() -> None:
    generator = Scripted([ToolCallDelta(0, "", "add_vat", '{"price": 2}'), Finished("tool_calls")],
                         honoured=ABILITIES | {"tool_choice", "parallel_tool_calls"})  # fmt: skip
    with serving(generator) as served:
        answer = client(served).responses.create(
            model=MODEL, input="?", tools=[VAT], tool_choice={"type": "function", "name": "add_vat"},
            parallel_tool_calls=False,
        )  # fmt: skip
    config = generator.asked[0][1]
    assert (config.tool_choice, config.parallel_tool_calls) == (NamedTool("add_vat"), False)
    (call,) = answer.output
    assert call.type == "function_call" and call.call_id.startswith("call_")
    assert answer.parallel_tool_calls is False


KEEPS_NOTHING = "this server keeps nothing between requests"


@pytest.mark.parametrize(("asked", "param", "said"), [
    ({"previous_response_id": "resp_1"}, "previous_response_id", KEEPS_NOTHING),
    ({"conversation": "conv_1"}, "conversation", KEEPS_NOTHING),
    ({"conversation": {"id": "conv_1"}}, "conversation", KEEPS_NOTHING),
    ({"store": True}, "store", KEEPS_NOTHING), ({"background": True}, "background", KEEPS_NOTHING),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type", "tools of type 'web_search' are not run here"),
    ({"tools": [VAT, VAT]}, None, "two tools have the same name"),
    ({"tool_choice": "required"}, None, "tool_choice needs tools"),
    ({"tools": [VAT], "tool_choice": {"type": "function", "name": "x"}}, None, "The tool 'x' is required"),
    ({"tools": [VAT], "tool_choice": {"type": "web_search_preview"}}, "tool_choice.type", "function"),
    ({"include": ["web_search_call.results"]}, "include[0]", "input should be"),
    ({"truncation": "auto"}, "truncation", "disabled"), ({"max_tool_calls": 3}, "max_tool_calls", "None"),
    ({"prompt": {"id": "p"}}, "prompt", "None"), ({"text": {"verbosity": "low"}}, "text.verbosity", "medium"),
    ({"reasoning": {"summary": "detailed"}}, "reasoning.summary", "auto"), ({"seed": 3}, "seed", "not a field"),
    ({"service_tier": "flex"}, "service_tier", "not supported"), ({"temperature": 3}, "temperature", "less than"),
    ({"max_output_tokens": 0}, "max_output_tokens", "greater than"), ({"input": []}, None, "conversation is empty"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0]", "'item_reference' is not among"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]},
     "input[0].content[0]", "'input_image' is not among"),
    ({"input": [{"role": "narrator", "content": "?"}]}, "input[0].role", "'user'"),
    ({"input": [{"role": "assistant", "content": "Bonjour"}]}, None, "there is nothing to answer"),
    ({"reasoning": {"effort": "low"}}, None, "does not support reasoning_effort"),
    ({"top_logprobs": 1}, None, "does not support logprobs"), ({"tools": [VAT]}, None, "does not support tools"),
    ({"text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "strin"}}}}, None, "not a valid JSON"),
])  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_done_is_refused_by_name(
    echo: Served, asked: dict[str, Any], param: str | None, said: str, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client(echo).responses.create(model=MODEL, input="?", extra_body={**asked, "stream": stream})
    assert said in refused.value.message
    assert refused.value.param == param


def test_what_asks_for_nothing_is_no_request(echo: Served) -> None:
    neutral: Any = {
        "background": False, "previous_response_id": None, "conversation": None, "truncation": "disabled",
        "service_tier": "auto", "max_tool_calls": None, "store": False, "top_logprobs": 0, "tools": [], "include": [],
        "reasoning": {"effort": None, "summary": None}, "text": {"verbosity": "medium"}, "tool_choice": "auto",
        "instructions": None, "prompt_cache_key": "clé", "safety_identifier": "x", "parallel_tool_calls": False,
        "stream_options": {"include_obfuscation": False},
    }  # fmt: skip
    assert client(echo).responses.create(model=MODEL, input="Ça va ?", extra_body=neutral).output_text == "Ça va ?"


def test_another_model_is_not_here(echo: Served) -> None:
    with pytest.raises(openai.NotFoundError, match="is not served here"):
        client(echo).responses.create(model="gpt-5", input="?")


def test_reasoning_before_the_message_keeps_its_own_text() -> None:
    said = [ReasoningDelta("Hm 🤔"), TextDelta("a"), ReasoningDelta("encore"), TextDelta("b"), Finished("stop")]
    with serving(Scripted(said)) as served:
        answer = client(served).responses.create(model=MODEL, input="?")
    assert [item.type for item in answer.output] == ["reasoning", "message", "reasoning", "message"]
    assert answer.output_text == "ab"
