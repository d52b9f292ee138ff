"""What is asked for is in the request, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from unified_intelligence.adapters.wire.chat_request import EXTENSIONS, NOWHERE, request_body
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import (
    ChoiceFormat,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    RegexFormat,
    ToolChoice,
)
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolCall, ToolSpec

QUESTION = (Message("user", "Ça va ?\n\u2028🙂"),)
ALWAYS = {"model", "messages", "stream", "stream_options"}
PAY = ToolSpec("pay", "Pays — vraiment.", {"type": "object", "properties": {"amount": {"type": "number"}}})


def asked(config: GenerationConfig | None = None, **more: Any) -> dict[str, Any]:
    return json.loads(request_body("m", QUESTION, config, **more))


def test_nothing_is_sent_that_was_not_set() -> None:
    for config in (None, GenerationConfig()):
        assert set(asked(config)) == ALWAYS
    assert asked()["messages"] == [{"role": "user", "content": QUESTION[0].content}]
    assert (asked()["stream"], asked()["stream_options"]) == (True, {"include_usage": True})


def test_every_field_has_its_place() -> None:
    plain: dict[str, Any] = {
        "min_tokens": 2, "temperature": 0.0, "top_p": 0.5, "top_k": 0, "min_p": 0.1, "presence_penalty": 0.2,
        "frequency_penalty": -0.3, "repetition_penalty": 1.1, "seed": 0, "reasoning_effort": "low",
        "parallel_tool_calls": False, "priority": 3,
    }  # fmt: skip
    config = GenerationConfig(
        **plain, max_tokens=9, stop=("\n\n", "fin"), logprobs=3, thinking=False, thinking_budget=0,
        response_format=JsonFormat({"type": "object"}, "réponse", strict=True), tools=(PAY,), tool_choice="required",
        adapter="fr",
    )  # fmt: skip
    assert asked(config) == asked() | plain | {
        "model": "fr",
        "max_tokens": 9,
        "stop": ["\n\n", "fin"],
        "logprobs": True,
        "top_logprobs": 3,
        "chat_template_kwargs": {"enable_thinking": False},
        "thinking_token_budget": 0,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "réponse", "schema": {"type": "object"}, "strict": True},
        },
        "tools": [
            {
                "type": "function",
                "function": {"name": "pay", "description": "Pays — vraiment.", "parameters": PAY.parameters},
            }
        ],
        "tool_choice": "required",
    }
    assert config.asked_for() | NOWHERE == GenerationConfig.__dataclass_fields__.keys()
    assert asked(GenerationConfig(adapter=""))["model"] == "m"


def test_what_no_server_can_be_asked_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="max_wait"):
        asked(GenerationConfig(max_wait=3.0))


def test_a_strict_tool_is_asked_for_as_one() -> None:
    (tool,) = asked(GenerationConfig(tools=(replace(PAY, strict=True),)))["tools"]
    assert tool["function"]["strict"] is True


@pytest.mark.parametrize("name", sorted(EXTENSIONS))
def test_what_openai_has_no_name_for_is_refused_where_nobody_knows_it(name: str) -> None:
    values: dict[str, Any] = {name: 1}
    with pytest.raises(InvalidRequestError, match=name):
        asked(replace(GenerationConfig(), **values), extensions=False)
    assert asked(GenerationConfig(temperature=0.5), extensions=False)["temperature"] == 0.5


def test_the_limit_has_the_name_its_server_knows() -> None:
    body = asked(GenerationConfig(max_tokens=5), limit="max_completion_tokens")
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


@pytest.mark.parametrize(
    ("choice", "sent"),
    [("auto", None), ("none", "none"), (NamedTool("pay"), {"type": "function", "function": {"name": "pay"}})],
)
def test_the_choice_among_tools(choice: ToolChoice, sent: object) -> None:
    assert asked(GenerationConfig(tools=(PAY,), tool_choice=choice)).get("tool_choice") == sent


def test_a_probability_without_alternatives_and_json_without_a_schema() -> None:
    body = asked(GenerationConfig(logprobs=0, response_format=JsonFormat()))
    assert body["logprobs"] is True
    assert "top_logprobs" not in body
    assert body["response_format"] == {"type": "json_object"}


def test_a_pattern_and_choices_go_where_vllm_reads_them() -> None:
    body = asked(GenerationConfig(response_format=RegexFormat(r"\d+ €")))
    assert body["structured_outputs"] == {"regex": r"\d+ €"}
    body = asked(GenerationConfig(response_format=ChoiceFormat(("oui 🙂", "non"))))
    assert body["structured_outputs"] == {"choice": ["oui 🙂", "non"]}
    assert "response_format" not in body


def test_calls_and_their_results_go_back() -> None:
    turns = (
        *QUESTION,
        Message("assistant", "", (ToolCall("c1", "pay", '{"amount": 12}'),)),
        Message("tool", "payé ✓", tool_call_id="c1"),
    )
    sent = json.loads(request_body("m", turns, None))["messages"]
    call = {"id": "c1", "type": "function", "function": {"name": "pay", "arguments": '{"amount": 12}'}}
    assert sent[1:] == [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "payé ✓", "tool_call_id": "c1"},
    ]


def test_what_json_cannot_say_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        request_body("m", QUESTION, GenerationConfig(tools=(ToolSpec("x", "", {"default": object()}),)))
    with pytest.raises(InvalidRequestError):
        request_body("m", (Message("user", "\ud83d"),), None)
