"""Bodies full of mistakes: they are read up to the first, because every further one would take its time and memory."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from unified_intelligence.serving.chat_request import ChatRequest
from unified_intelligence.serving.completions import CompletionRequest
from unified_intelligence.serving.embeddings import EmbeddingRequest
from unified_intelligence.serving.protocol import MOST_ITEMS, MOST_STOPS, MOST_TOKENS
from unified_intelligence.serving.responses_protocol import ResponsesRequest
from unified_intelligence.serving.tokens import DetokenizeRequest, TokenizeRequest

MANY = 20_000
ALTERNATIVES = 4  # what a prompt may be: each of them fails once
TURN = {"role": "user", "content": "Ça va ?"}
CHAT: dict[str, Any] = {"model": "m", "messages": [TURN]}
UNKNOWN = {f"clé{number}": 0 for number in range(MANY)}


@pytest.mark.parametrize(
    ("request_of", "body"),
    [
        (ChatRequest, {"model": "m", "messages": [0] * MANY}),
        (ChatRequest, {"model": "m", "messages": [{"role": "x"}] * MANY}),
        (ChatRequest, {"model": "m", "messages": [{**TURN, **UNKNOWN}]}),
        (ChatRequest, {"model": "m", "messages": [{"role": "user", "content": [0] * MANY}]}),
        (ChatRequest, {"model": "m", "messages": [{"role": "assistant", "tool_calls": [0] * MANY}]}),
        (ChatRequest, {**CHAT, **UNKNOWN}),
        (ChatRequest, {**CHAT, "stop": [0] * MANY}),
        (ChatRequest, {**CHAT, "tools": [0] * MANY}),
        (ChatRequest, {**CHAT, "modalities": [0] * MANY}),
        (ChatRequest, {**CHAT, "metadata": UNKNOWN}),
        (CompletionRequest, {"model": "m", "prompt": [-1] * MANY}),
        (CompletionRequest, {"model": "m", "prompt": [[-1] * MANY]}),
        (EmbeddingRequest, {"model": "m", "input": [-1] * MANY}),
        (EmbeddingRequest, {"model": "m", "input": [""] * MANY}),
        (ResponsesRequest, {"model": "m", "input": [0] * MANY}),
        (ResponsesRequest, {"model": "m", "input": "é", "include": [0] * MANY}),
        (ResponsesRequest, {"model": "m", "input": "é", "tools": [0] * MANY}),
        (TokenizeRequest, {"messages": [0] * MANY}),
        (DetokenizeRequest, {"tokens": [-1] * MANY}),
    ],
)
def test_a_body_is_read_up_to_its_first_mistake(request_of: type[BaseModel], body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        request_of.model_validate(body)
    assert refused.value.error_count() <= ALTERNATIVES


@pytest.mark.parametrize(
    ("request_of", "body", "most"),
    [
        (ChatRequest, {**CHAT, "stop": ["fin"] * (MOST_STOPS + 1)}, MOST_STOPS),
        (ChatRequest, {"model": "m", "messages": [TURN] * (MOST_ITEMS + 1)}, MOST_ITEMS),
        (DetokenizeRequest, {"tokens": [1] * (MOST_TOKENS + 1)}, MOST_TOKENS),
    ],
)
def test_lists_have_an_end(request_of: type[BaseModel], body: dict[str, Any], most: int) -> None:
    with pytest.raises(ValidationError, match=f"at most {most} items"):
        request_of.model_validate(body)


def test_the_first_unknown_field_is_the_one_that_is_told() -> None:
    with pytest.raises(ValidationError) as refused:
        ChatRequest.model_validate({**CHAT, **UNKNOWN})
    assert [error["loc"] for error in refused.value.errors()] == [("clé0",)]


def test_what_is_allowed_goes_through() -> None:
    told = {f"clé{number}": "été" for number in range(16)}
    asked = ChatRequest.model_validate(
        {"model": "m", "messages": [TURN] * 3000, "stop": ["fin"] * 16, "metadata": told}
    )
    assert (len(asked.messages), asked.config().stop, asked.metadata) == (3000, ("fin",) * 16, told)
