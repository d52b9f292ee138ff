"""Chat completions over providers that cannot enforce what is asked for: done by the server, or refused."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.integration.serving.served import serving
from tests.integration.serving_responses.clients import MODEL, client
from tests.unit.serving.scripted import Scripted
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.adapters.llm.embedded_adapter import EmbeddedAdapter
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
