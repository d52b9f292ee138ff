"""Chat completions over providers that cannot enforce what is asked for: done by the server, or refused."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.integration.serving.served import Served, serving
from tests.integration.serving_responses.clients import MODEL, client
from tests.openai_server import Asked, Reply, delta, says, sse
from tests.openai_server import serving as upstream
from tests.unit.serving.scripted import Scripted
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.adapters.llm.embedded_adapter import EmbeddedAdapter
from unified_intelligence.adapters.llm.openai_compatible_adapter import OpenAICompatibleAdapter
from unified_intelligence.entities.generation import Finished, TextDelta, ToolCallDelta, Usage

VAT: Any = {
    "type": "function",
    "function": {
        "name": "add_vat",
        "description": "Add value-added tax to a price",
        "parameters": {"type": "object", "properties": {"price": {"type": "number"}}, "required": ["price"]},
        "strict": True,
    },
}


class Ville(BaseModel):
    nom: str


def asked(text: str) -> Any:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "add_vat"}}])
@pytest.mark.parametrize("stream", [False, True])
def test_a_call_that_must_be_made_is_made(choice: Any, stream: bool) -> None:
    with serving(EmbeddedAdapter()) as served:
        asking: Any = client(served).chat.completions
        answer: Any = asking.create(
            model=MODEL, messages=asked("Add value-added tax to a price of 250"), tools=[VAT], tool_choice=choice,
            stream=stream,
        )  # fmt: skip
        if stream:
            deltas = [call for chunk in answer for call in chunk.choices[0].delta.tool_calls or ()]
            assert "".join(call.function.arguments for call in deltas) == '{"price": 250}'
        else:
            (call,) = answer.choices[0].message.tool_calls
            assert (call.function.name, json.loads(call.function.arguments)) == ("add_vat", {"price": 250})


def test_strict_arguments_are_repaired() -> None:
    wrong, right = (
        [ToolCallDelta(0, "c", "add_vat", arguments), Finished("tool_calls", Usage(3, 2))]
        for arguments in ('{"price": "250 €"}', '{"price": 250}')
    )
    with serving(Scripted(wrong, right)) as served:
        answer = client(served).chat.completions.create(model=MODEL, messages=asked("?"), tools=[VAT])
    (call,) = answer.choices[0].message.tool_calls or [None]
    assert call is not None and call.type == "function" and call.function.arguments == '{"price": 250}'
    assert answer.usage is not None and answer.usage.total_tokens == 10


def test_a_parsed_answer_is_valid() -> None:
    generator = Scripted([TextDelta("Nîmes"), Finished("stop")], [TextDelta('{"nom": "Nîmes 🌞"}'), Finished("stop")])
    with serving(generator) as served:
        answer = client(served).chat.completions.parse(model=MODEL, messages=asked("?"), response_format=Ville)
    assert answer.choices[0].message.parsed == Ville(nom="Nîmes 🌞")


def test_an_answer_that_stays_wrong_is_an_error_whole_and_streamed() -> None:
    form: Any = {"type": "json_object"}
    with serving(EchoAdapter()) as served:
        for stream in (False, True):
            with pytest.raises(openai.InternalServerError, match="the answer is not JSON"):
                client(served).chat.completions.create(
                    model=MODEL, messages=asked("non"), response_format=form, stream=stream
                )


def _calls(arguments: str) -> list[bytes]:
    call = {"index": 0, "id": "c", "function": {"name": "add_vat", "arguments": arguments}}
    return [sse(delta(tool_calls=[call])), sse(delta("tool_calls")), sse("[DONE]")]


def test_behind_a_gateway_strict_arguments_are_asked_for_and_checked() -> None:
    replies = iter((_calls('{"price": "250 €"}'), _calls('{"price": 250}')))
    with upstream(lambda _: Reply(chunks=next(replies))) as server, _gateway(server.url) as served:
        answer = client(served).chat.completions.create(model=MODEL, messages=asked("?"), tools=[VAT])
    (call,) = answer.choices[0].message.tool_calls or [None]
    assert call is not None and call.type == "function" and call.function.arguments == '{"price": 250}'
    assert [one.json["tools"] for one in server.asked] == [[VAT], [VAT]]


def test_behind_a_gateway_a_form_is_asked_for_and_checked() -> None:
    replies = iter((says("Nîmes"), says('{"nom": ', '"Nîmes 🌞"}')))
    with upstream(lambda _: Reply(chunks=next(replies))) as server, _gateway(server.url) as served:
        answer = client(served).chat.completions.parse(model=MODEL, messages=asked("?"), response_format=Ville)
    assert answer.choices[0].message.parsed == Ville(nom="Nîmes 🌞")
    assert server.asked[0].json["messages"] == asked("?")
    assert [one.json["response_format"]["json_schema"]["name"] for one in server.asked] == ["Ville", "Ville"]


def test_what_a_server_of_openais_fields_alone_does_not_know_is_refused() -> None:
    def answer(_: Asked) -> Reply:
        return Reply(chunks=says("Ça va 🙂"))

    with upstream(answer) as server:
        generator = OpenAICompatibleAdapter(base_url=server.url, model="m", extensions=False)
        with serving(generator) as served:
            ask: Any = client(served).chat.completions.create
            with pytest.raises(openai.BadRequestError, match="top_k"):
                ask(model=MODEL, messages=asked("?"), extra_body={"top_k": 4})
            told = ask(model=MODEL, messages=asked("?"), extra_body={"enable_thinking": False})
        generator.close()
    assert told.choices[0].message.content == "Ça va 🙂"
    assert ["chat_template_kwargs" in one.json for one in server.asked] == [False]


@contextmanager
def _gateway(url: str) -> Generator[Served]:
    generator = OpenAICompatibleAdapter(base_url=url, model="m")
    with serving(generator) as served:
        yield served
    generator.close()
