"""Whole numbers of more digits than Python reads, in calls of tools, through a server over a model of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.integration.serving.served import Served, serving
from tests.tiny_qwen3 import build_speaker
from unified_intelligence.adapters.llm.transformers_adapter import TransformersAdapter

NUMBER = "-" + "7" * 5000
ARGUMENTS = f'{{"n": {NUMBER}, "où": "çà 🙂"}}'
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
ASKED: dict[str, Any] = {"model": "m", "temperature": 0, "max_tokens": 2000, "tools": [TOOL]}
JSON = {"content-type": "application/json"}
QUESTION = {"role": "user", "content": "Ça va ?\u2028"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    written = f'Voilà\n<tool_call>\n{{"name": "f", "arguments": {ARGUMENTS}}}\n</tool_call>'
    generator = TransformersAdapter(model=str(build_speaker(tmp_path_factory.mktemp("long"), written)), threads=1)
    with serving(generator, model="m") as served:
        yield served
    generator.close()


def test_a_call_goes_out_as_the_model_wrote_it(served: Served) -> None:
    ask: Any = served.client.chat.completions.create
    (call,) = ask(messages=[QUESTION], **ASKED).choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("f", ARGUMENTS)
    pieces = ask(messages=[QUESTION], stream=True, **ASKED)
    deltas = [call for piece in pieces for call in piece.choices[0].delta.tool_calls or ()]
    assert "".join(delta.function.arguments or "" for delta in deltas) == ARGUMENTS


@pytest.mark.parametrize("arguments", [ARGUMENTS, "[" * 90_000])
def test_one_that_comes_back_and_cannot_be_read_is_refused_for_that(served: Served, arguments: str) -> None:
    ask: Any = served.client.chat.completions.create
    respond: Any = served.client.responses.create
    made = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": arguments}}
    turns = [QUESTION, {"role": "assistant", "content": None, "tool_calls": [made]}]
    told = {"role": "tool", "tool_call_id": "call_0", "content": "12"}
    with pytest.raises(openai.BadRequestError, match="a number is too long, or they are too deep"):
        ask(messages=[*turns, told], **ASKED)
    refused = httpx2.post(f"{served.url}/tokenize", json={"model": "m", "messages": [*turns, told]})
    assert (refused.status_code, refused.json()["error"]["type"]) == (400, "invalid_request_error")
    items = [
        QUESTION,
        {"type": "function_call", "call_id": "call_0", "name": "f", "arguments": arguments},
        {"type": "function_call_output", "call_id": "call_0", "output": "12"},
    ]
    with pytest.raises(openai.BadRequestError, match="a number is too long, or they are too deep"):
        respond(model="m", input=items)


@pytest.mark.parametrize("field", ["seed", "max_tokens", "unknown"])
def test_in_a_body_it_is_none_that_json_of_this_server_has(served: Served, field: str) -> None:
    body = f'{{"model": "m", "messages": [{{"role": "user", "content": "x"}}], "{field}": {NUMBER}}}'
    refused = httpx2.post(f"{served.url}/v1/chat/completions", content=body.encode(), headers=JSON)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_json")
