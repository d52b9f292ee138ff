"""What `generate` is asked, read from JSON."""

from __future__ import annotations

from typing import Any

import pytest

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import (
    ChoiceFormat,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    RegexFormat,
)
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolCall, ToolSpec

pytest.importorskip("fastapi", reason="The extra 'space' is not installed")

ASKED = [{"role": "user", "content": "Ça va ? 🎉\u2028"}]
SCHEMA = {"type": "object", "properties": {"città": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "look_up", "description": "Was?", "parameters": SCHEMA}}
SPEC = ToolSpec("look_up", "Was?", SCHEMA)
WRONG: list[tuple[Any, str]] = [
    ({"temprature": 1}, "config.temprature is not a field"),
    ({"max_tokens": "many"}, "config.max_tokens: input should be a valid integer"),
    ({"max_tokens": 0}, "max_tokens is at least 1"),
    ({"stop": "fin"}, "config.stop"),
    ({"tool_choice": "required"}, "tool_choice needs tools"),
    ({"tools": [TOOL, TOOL]}, "two tools have the same name"),
    ("hot", "config"),
    ({"tools": [{"type": "function", "function": {}}]}, r"config.tools\[0\].function.name is missing"),
]


def config(fields: object) -> GenerationConfig:
    from unified_intelligence.gradio_space.request import read_request

    return read_request(ASKED, fields)[1]


@pytest.mark.parametrize("fields", [None, {}, {"max_tokens": None, "stop": None, "tools": []}])
def test_nothing_asked_for_is_the_models_own_default(fields: object) -> None:
    assert config(fields) == GenerationConfig()


def test_every_field_has_its_own_name() -> None:
    numbers: dict[str, Any] = {
        "max_tokens": 16, "min_tokens": 1, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "min_p": 0.1,
        "presence_penalty": 1, "frequency_penalty": -1, "repetition_penalty": 1.1, "seed": 7, "logprobs": 2,
        "thinking": False, "thinking_budget": 5, "reasoning_effort": "low", "parallel_tool_calls": False,
        "adapter": "fr", "priority": 3, "max_wait": 2.5,
    }  # fmt: skip
    others = {"stop": ["fin", "\n\n"], "tools": [TOOL], "tool_choice": "required"}
    read = config({**numbers, **others, "response_format": {"type": "json_object"}})
    wanted = GenerationConfig(
        **numbers, stop=("fin", "\n\n"), tools=(SPEC,), tool_choice="required", response_format=JsonFormat()
    )
    assert read == wanted
    assert wanted.asked_for() == set(GenerationConfig.__dataclass_fields__)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "schema": SCHEMA, "strict": True},
                }
            },
            JsonFormat(SCHEMA, "x", strict=True),
        ),
        ({"response_format": {"type": "text"}}, None),
        ({"structured_outputs": {"regex": "[0-9]+ €"}}, RegexFormat("[0-9]+ €")),
        ({"structured_outputs": {"choice": ["oui", "non"]}}, ChoiceFormat(("oui", "non"))),
    ],
)
def test_forms_of_an_answer(fields: dict[str, Any], wanted: object) -> None:
    assert config(fields).response_format == wanted


def test_one_tool_can_be_demanded() -> None:
    read = config({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "look_up"}}})
    assert read.tool_choice == NamedTool("look_up")


@pytest.mark.parametrize(("fields", "said"), WRONG)
def test_what_is_not_of_the_form_is_refused_by_its_name(fields: object, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        config(fields)


def test_the_conversation_is_read_as_everywhere() -> None:
    from unified_intelligence.gradio_space.request import read_request

    call = {"id": "1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    told = [*ASKED, {"role": "assistant", "content": None, "tool_calls": [call]}]
    told.append({"role": "tool", "tool_call_id": "1", "content": "Résultat"})
    assert read_request(told, None)[0] == (
        Message("user", "Ça va ? 🎉\u2028"),
        Message("assistant", "", (ToolCall("1", "look_up", "{}"),)),
        Message("tool", "Résultat", tool_call_id="1"),
    )


@pytest.mark.parametrize(
    "messages", ["Ça va ?", [], [{"role": "user", "content": "  "}], [{"role": "bard", "content": "x"}], None, [[]]]
)
def test_what_is_no_conversation_is_refused(messages: object) -> None:
    from unified_intelligence.gradio_space.request import read_request

    with pytest.raises(InvalidRequestError):
        read_request(messages, {})
