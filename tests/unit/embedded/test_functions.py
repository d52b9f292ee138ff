"""Schemas as people send them: each parameter has its kind, and none breaks the prompt."""

from __future__ import annotations

from typing import Any

import pytest

from unified_intelligence.embedded.functions import Field, function_of_spec, is_built_in, prompt_form
from unified_intelligence.embedded.prompt import render
from unified_intelligence.embedded.reading import Reading
from unified_intelligence.embedded.router import FOLDER, Router
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.tools.registry import BUILT_IN

DEFINITIONS = {
    "Unit": {"enum": ["celsius", "fahrenheit"], "type": "string"},
    "Loop": {"anyOf": [{"$ref": "#/$defs/Loop"}, {"$ref": "#/$defs/Loop"}]},
}


def field_of(schema: object) -> Field:
    parameters = {"type": "object", "properties": {"x": schema}, "required": ["x"], "$defs": DEFINITIONS}
    (field,) = function_of_spec(ToolSpec("f", "d", parameters)).fields
    return field


@pytest.mark.parametrize(
    ("schema", "kind", "choices"),
    [
        ({"type": "string"}, "text", []),
        ({"type": "number"}, "figure", []),
        ({"type": "integer", "description": None}, "integer", []),
        ({"type": "array", "items": {"type": "number"}}, "figures", []),
        ({"type": "array", "items": {"type": ["string", "null"]}}, "texts", []),
        ({"anyOf": [{"type": "array", "items": {"anyOf": [{"type": "integer"}]}}, {"type": "null"}]}, "integers", []),
        ({"type": ["string", "null"]}, "text", []),
        ({"type": ["null", "integer"]}, "integer", []),
        ({"type": ["integer", "number"]}, "figure", []),
        ({"anyOf": [{"type": "null"}, {"type": "number"}]}, "figure", []),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, "text", ["a", "b"]),
        ({"allOf": [{"$ref": "#/$defs/Unit"}], "default": "celsius"}, "text", ["celsius", "fahrenheit"]),
        ({"$ref": "#/$defs/Unit"}, "text", ["celsius", "fahrenheit"]),
        ({"$ref": "#/$defs/Nowhere"}, "text", []),
        ({"$ref": "#/$defs/Loop"}, "text", []),
        ({"enum": [1, 2.5, None, True, "Été"]}, "text", [1, 2.5, True, "Été"]),
        ({"enum": []}, "text", []),
        ({"enum": "abc"}, "text", []),
        ({"const": 3, "type": "integer"}, "integer", [3]),
        ({"type": "boolean"}, None, [True, False]),
        ({"type": "object", "properties": {"y": {"type": "string"}}}, None, []),
        ({"type": "array"}, None, []),
        ({"type": 3}, None, []),
        ({}, "text", []),
        (True, "text", []),
        (None, "text", []),
    ],
)
def test_what_may_fill_a_parameter(schema: object, kind: str | None, choices: list[object]) -> None:
    field = field_of(schema)
    assert (field.kind, [choice.value for choice in field.choices]) == (kind, choices)
    form = prompt_form(ToolSpec("f", "d", {"properties": {"x": schema}, "required": ["x"], "$defs": DEFINITIONS}))
    shown = render(FOLDER, "?", [form])
    assert shown.startswith("<|im_start|>system\nf\n# d\nx: ")
    assert shown.count("\n") == render(FOLDER, "?", [prompt_form(ToolSpec("f", "d", {}))]).count("\n") + 1


def test_an_ordinary_schema_is_shown_in_the_models_spelling() -> None:
    spec = ToolSpec(
        "bookTable",
        "Réserve une  table",
        {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "Où ?"},
                "dietKind": {"type": "string", "enum": ["Végétarien", "none"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["place"],
        },
    )
    assert render(FOLDER, "ok", [prompt_form(spec)]) == (
        "<|im_start|>system\nbook_table\n# reserve une table\nplace: string # ou ?\ndiet_kind: vegetarien|none ? # \n"
        "tags: string[] ? # \n<|im_end|>\n<|im_start|>user\nok<|im_end|>\n<|im_start|>assistant\n"
    )


ODD: list[Any] = [
    None, {}, {"properties": None}, {"properties": []}, {"type": "object", "required": ["x"]},
    {"properties": {"x": {"type": "string"}}, "required": True}, {"properties": {"x": {}}, "required": [3, "x"]},
    {"properties": {"items": {}, "type": {}, "required": {}, "": {}, 'a": {x': {}}}, {"anyOf": []},
]  # fmt: skip


@pytest.mark.parametrize("parameters", ODD, ids=str)
@pytest.mark.parametrize("description", ["", None])
def test_no_schema_breaks_a_question(router: Router, parameters: Any, description: Any) -> None:
    tools = [ToolSpec('quote": "}}', description, parameters), ToolSpec("f", description, parameters)]
    route = router.route_among("What is 15% of 240, « Léa » or 3 May 2025?", tools)
    assert route.prompt_tokens > 0


@pytest.fixture(scope="module")
def router() -> Router:
    return Router()


def test_a_built_in_tool_is_known_by_its_schema_not_by_its_name() -> None:
    spec = BUILT_IN["percent_of"].spec()
    assert is_built_in(spec)
    assert [field.kind for field in function_of_spec(spec).fields] == ["rate", "number"]
    own = ToolSpec("percent_of", "mine", {"type": "object", "properties": {"a": {"type": "string"}}})
    assert not is_built_in(own)
    assert [field.kind for field in function_of_spec(own).fields] == ["text"]


def test_an_optional_parameter_takes_only_the_likeliest_sort() -> None:
    reading = Reading.of("at 5% over 10 years")
    sorts = [Field("x", "x", required, "number").candidates(reading) for required in (True, False)]
    assert [len(sort) for sort in sorts] == [2, 1]
