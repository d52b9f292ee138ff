"""Schemas from strangers: what is checked, what is refused, and that nothing takes for ever."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.serving.json_schema import DEEPEST_SCHEMA, LONGEST_PATTERN, LONGEST_SCHEMA, Schema

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "ville": {"type": "string", "minLength": 1},
        "jours": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
        "ciel": {"enum": ["☀️ soleil", "pluie"]},
        "suite": {"$ref": "#"},
    },
    "required": ["ville"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("value", [
    {"ville": "Nîmes 🌞"}, {"ville": "Nîmes", "jours": [1, 2], "ciel": "☀️ soleil"},
    {"ville": "a", "suite": {"ville": "b", "suite": {"ville": "c"}}},
])  # fmt: skip
def test_what_satisfies_has_no_fault(value: object) -> None:
    assert Schema(WEATHER, "The schema").fault(value) == ""


@pytest.mark.parametrize(("value", "said"), [
    ({}, "at $: 'ville' is a required property"),
    ({"ville": "a", "pays": "é"}, "at $: the property 'pays' is not among those of the schema"),
    ({"ville": "a", "jours": [1, "2"]}, "at $.jours[1]: '2' is not of type 'integer'"),
    ({"ville": "a", "jours": [1, 1]}, "at $.jours: [1, 1] has non-unique elements"),
    ({"ville": "a", "suite": {"ville": ""}}, "at $.suite.ville: '' should be non-empty"),
    ([], "at $: [] is not of type 'object'"),
    (None, "at $: None is not of type 'object'"),
])  # fmt: skip
def test_a_fault_says_where_and_what(value: object, said: str) -> None:
    assert Schema(WEATHER, "The schema").fault(value) == said


def test_patterns_hold_in_all_their_places() -> None:
    schema = Schema({
        "properties": {"code": {"pattern": "^[A-Zé]{2}$"}},
        "patternProperties": {"^x_": {"type": "integer"}},
        "additionalProperties": {"type": "string"},
    }, "The schema")  # fmt: skip
    assert schema.fault({"code": "Aé", "x_1": 1, "rest": "ß"}) == ""
    assert schema.fault({"code": "ABC"}) == "at $.code: 'ABC' does not match '^[A-Zé]{2}$'"
    assert schema.fault({"x_1": "1"}) == "at $.x_1: '1' is not of type 'integer'"
    assert schema.fault({"rest": 1}) == "at $.rest: 1 is not of type 'string'"


@pytest.mark.parametrize(("schema", "said"), [
    ({"type": "strin"}, "is not a valid JSON Schema: at $.type"),
    ({"items": [{"type": "string"}]}, "is not a valid JSON Schema: at $.items"),
    ({"$ref": "https://example.org/schema.json"}, "refers to 'https://example.org/schema.json'; only"),
    ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "refers to 'file:///etc/passwd'"),
    ({"$ref": "#/$defs/nowhere"}, "which it does not contain"),
    ({"$ref": "#"}, "refers to itself without end"),
    ({"$defs": {"a": {"$id": "https://example.org/b"}}}, "holds a second document"),
    ({"unevaluatedProperties": False}, "uses unevaluatedProperties"),
    ({"properties": {"a": {"unevaluatedItems": {"type": "string"}}}}, "uses unevaluatedItems"),
    ({"properties": {"unevaluatedItems": {"a": 1}}, "$ref": "#/properties"}, "takes too long"),
    ({"pattern": "(?=a)b"}, "has the pattern '(?=a)b', which cannot be read"),
    ({"patternProperties": {r"(a)\\1": {}, r"(a)\1": {}}}, "which cannot be read"),
    ({"pattern": "(a{1000}){1000}"}, "which cannot be read"),
    ({"pattern": "a" * (LONGEST_PATTERN + 1)}, f"a pattern of {LONGEST_PATTERN + 1} characters"),
    ({"description": "é" * LONGEST_SCHEMA}, f"at most {LONGEST_SCHEMA} are read"),
    ({"const": object()}, "is not a JSON Schema"),
])  # fmt: skip
def test_what_cannot_be_checked_is_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(said)) as refused:
        Schema(schema, "The schema of the tool 'météo'")
    assert str(refused.value).startswith("The schema of the tool 'météo' ")


def test_depth_is_bounded_before_anything_recurses() -> None:
    schema: dict[str, Any] = {}
    for _ in range(DEEPEST_SCHEMA * 1000):
        schema = {"not": schema}
    with pytest.raises(InvalidRequestError, match=f"nested deeper than {DEEPEST_SCHEMA}"):
        Schema(schema, "The schema")


def test_a_property_may_bear_the_name_of_a_keyword() -> None:
    named = ("$ref", "pattern", "unevaluatedProperties", "$id", "$dynamicRef", "properties")
    schema = Schema({"type": "object", "properties": {name: {"type": "string"} for name in named}}, "The schema")
    assert schema.fault(dict.fromkeys(named, "é")) == ""
    assert schema.fault({"$ref": 1}) == "at $['$ref']: 1 is not of type 'string'"


def test_a_pattern_that_explodes_elsewhere_takes_no_time_here() -> None:
    schema = Schema({"type": "string", "pattern": "^(a+)+$"}, "The schema")
    started = time.perf_counter()
    assert "does not match" in schema.fault("a" * 100_000 + "!")
    assert time.perf_counter() - started < 5


def test_branches_without_end_are_given_up() -> None:
    """Each level asks for the next one twice: 2^30 checks, if nobody counted."""
    levels: dict[str, Any] = {
        f"a{level}": {"properties": {"x": {"allOf": [{"$ref": f"#/$defs/a{level + 1}"}] * 2}}} for level in range(30)
    }
    schema = Schema({"$ref": "#/$defs/a0", "$defs": {**levels, "a30": {}}}, "The schema")
    value: dict[str, Any] = {}
    for _ in range(30):
        value = {"x": value}
    started = time.perf_counter()
    assert schema.fault(value) == "it is too large or too deep to be checked against its JSON Schema"
    assert schema.fault([{"é": number} for number in range(2000)]) == ""
    assert time.perf_counter() - started < 30


def test_many_objects_are_not_compared_each_with_each() -> None:
    schema = Schema({"uniqueItems": True}, "The schema")
    assert "too large" in schema.fault([{"é": number} for number in range(10_000)])
    assert schema.fault(list(range(10_000))) == ""


def test_a_whole_number_that_no_float_holds_is_said_to_be_too_large() -> None:
    schema = Schema({"properties": {"é": {"multipleOf": 0.5}}}, "The schema")
    assert "too large" in schema.fault({"é": 10**4000})
    assert schema.fault({"é": 10**30}) == ""
