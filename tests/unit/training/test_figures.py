"""How calls are judged: intervals, equality, thresholds, the baseline, the leaderboard's value rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from training.embedded import bfcl
from training.embedded.baseline import heuristic_call
from training.embedded.calibrate import calibrate
from training.embedded.evaluate import CASES, Figure, Scored, figures, matches, read_cases, same_call
from unified_intelligence.embedded.reading import Reading
from unified_intelligence.embedded.router import Route
from unified_intelligence.entities.tools import ToolSpec


def test_nothing_asked_says_nothing() -> None:
    assert Figure(0, 0).as_dict() == {"right": 0, "of": 0, "share": 0.0, "low": 0.0, "high": 1.0}


@pytest.mark.parametrize(
    ("name", "made", "expected", "same"),
    [
        ("percent_of", {"percent": "15%", "value": 240}, {"percent": 0.15, "value": 240.0}, True),
        ("percent_of", {"percent": "15%", "value": 24}, {"percent": 0.15, "value": 240}, False),
        (
            "loan_payment",
            {"principal": 1, "rate": "5%", "years": "18 months"},
            {"principal": 1, "rate": 0.05, "years": 1.5},
            True,
        ),
        (
            "compound_interest",
            {"principal": 9, "rate": "5%", "years": 2},
            {"principal": 9, "rate": 0.05, "years": 2, "compounding": "annually"},
            True,
        ),
        (
            "compound_interest",
            {"principal": 9, "rate": "5%", "years": 2, "compounding": "daily"},
            {"principal": 9, "rate": 0.05, "years": 2},
            False,
        ),
        ("calculate", {"expression": "15 times 3"}, {"expression": "3 * 15"}, True),
        ("calculate", {"expression": "15 +"}, {"expression": "15"}, False),
        ("historical_var", {"returns": ["1%", "-2%"]}, {"returns": [0.01, -0.02]}, True),
        ("historical_var", {"returns": ["1%"]}, {"returns": [0.01, -0.02]}, False),
        ("percent_of", {"percent": "15%"}, {"percent": 0.15, "value": 240}, False),
    ],
)
def test_calls_that_mean_the_same_are_the_same(
    name: str, made: Mapping[str, object], expected: Mapping[str, object], same: bool
) -> None:
    assert same_call(name, made, expected) is same


@pytest.mark.parametrize(
    ("made", "accepted", "right"),
    [
        ({"city": "Paris"}, {"city": ["paris", "Paris, France"]}, True),
        ({"city": " PARIS, france "}, {"city": ["paris", "Paris, France"]}, True),
        ({"city": "Lyon"}, {"city": ["Paris"]}, False),
        ({}, {"city": ["Paris"]}, False),
        ({}, {"city": ["Paris", None]}, True),
        ({"city": "Paris", "days": 2}, {"city": ["Paris"]}, False),
        ({"days": 2}, {"days": [2.0]}, True),
        ({"on": True}, {"on": [1]}, False),
        ({"tags": ["A", "b"]}, {"tags": [["a", "B"]]}, True),
        ({"tags": ["a"]}, {"tags": [["a", "b"]]}, False),
    ],
)
def test_arguments_match_when_all_are_accepted_and_none_is_missing_or_more(
    made: Mapping[str, object], accepted: Mapping[str, Sequence[object]], right: bool
) -> None:
    assert matches(made, accepted) is right


def test_figures_count_what_was_asked() -> None:
    def scored(kind: str, **marks: bool) -> Scored:
        return Scored({"kind": kind, "lang": "fr"}, Route(Reading.of("x"), None, 0.0, 1), marks)

    found = figures([
        scored("built_in", accepted=True, tool=True, exact=False),
        scored("built_in", accepted=False, tool=False, exact=False),
        scored("out_of_scope", refused=True),
    ])  # fmt: skip
    assert found["built-in tool chosen"] == Figure(1, 2)
    assert found["whole call exact (fr)"] == Figure(0, 2)
    assert found["whole call exact (en)"] == Figure(0, 0)
    assert found["out of scope recognised"] == Figure(1, 1)
    assert found["false refusals"] == Figure(1, 2)
    assert found["valid JSON"] == Figure(3, 3)


def test_every_case_is_of_a_known_kind_and_names_what_exists() -> None:
    cases = read_cases(CASES)
    assert len({case["id"] for case in cases}) == len(cases)
    assert {case["kind"] for case in cases} == {"built_in", "glossary", "about", "out_of_scope", "unseen"}
    for case in cases:
        call = case["call"]
        if case["kind"] in {"built_in", "about"}:
            assert isinstance(call, dict)
            assert same_call(call["name"], call["arguments"], call["arguments"]), case["id"]


@pytest.mark.parametrize(
    ("wanted", "unwanted", "threshold", "refusals", "calls"),
    [
        ([1.0, 2.0, 3.0], [-3.0, -1.0], 1.0, 0.0, 0.0),
        ([-1.0, 2.0, 3.0, 4.0], [-2.0, 0.0], -1.0, 0.0, 0.5),  # a refusal costs twice as much as a call
        ([-9.0, *[5.0] * 19], [0.0, 1.0], 5.0, 0.05, 0.0),
    ],
)
def test_the_threshold_of_least_cost(
    wanted: list[float], unwanted: list[float], threshold: float, refusals: float, calls: float
) -> None:
    found = calibrate(wanted, unwanted, 2.0)
    assert (found.threshold, found.false_refusals, found.false_calls) == (threshold, refusals, calls)


def spec(name: str, description: str, required: Sequence[str] = (), **types: object) -> ToolSpec:
    properties = {key: value if isinstance(value, dict) else {"type": value} for key, value in types.items()}
    return ToolSpec(name, description, {"type": "object", "properties": properties, "required": list(required)})


def test_the_baseline_takes_the_likest_function_and_fills_it_in_order() -> None:
    weather = spec("get_weather", "Weather forecast of a city", ["city"], city="string", days="integer")
    power = spec("raise", "Raises a number to a power", ["base", "exponent"], base="number", exponent="integer")
    assert heuristic_call("What is the weather forecast in Boston for 3 days?", [power, weather]) == (
        "get_weather",
        {"city": "Boston", "days": 3},
    )
    assert heuristic_call("Raise the number 2.5 to the power 3", [weather, power])[1] == {"base": 2.5, "exponent": 3}
    units = spec("temp", "temperature", ["unit"], unit={"type": "string", "enum": ["Celsius", "Fahrenheit"]})
    assert heuristic_call("temperature in fahrenheit", [units])[1] == {"unit": "Fahrenheit"}


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        ({"city": "new york", "days": 3}, True),
        ({"city": "New-York", "days": 3.0}, True),  # signs and case do not count
        ({"city": "Boston", "days": 3}, False),
        ({"city": "New York"}, False),
        ({"city": "New York", "days": True}, False),
        ({"city": "New York", "days": 3, "unit": "c"}, True),  # an optional one may be said or not
        ({"city": "New York", "days": 3, "other": 1}, False),
    ],
)
def test_the_leaderboards_value_rules(arguments: Mapping[str, object], right: bool) -> None:
    accepted = {"city": ["New York", "NYC"], "days": [3], "unit": ["C", ""]}
    row = bfcl.Row("", (), "weather", accepted)
    assert bfcl.right(row, "weather", arguments) is right
    assert not bfcl.right(row, "other", arguments)


def test_rows_of_the_leaderboard_are_read_with_json_types(tmp_path: Path) -> None:
    schema = {
        "type": "dict",
        "properties": {"point": {"type": "tuple", "items": {"type": "float"}}},
        "required": ["point"],
    }
    asked = {
        "question": [[{"content": "Où est-ce ?"}]],
        "function": [{"name": "f", "description": "d", "parameters": schema}],
    }
    truth = {"ground_truth": [{"f": {"point": [[1.0, 2.0]]}}]}
    (tmp_path / "possible_answer").mkdir()
    (tmp_path / "BFCL_v4_multiple.json").write_text(json.dumps(asked) + "\n", encoding="utf-8")
    (tmp_path / "possible_answer/BFCL_v4_multiple.json").write_text(json.dumps(truth) + "\n", encoding="utf-8")
    (row,) = bfcl.rows(tmp_path, "multiple")
    assert (row.question, row.name, row.accepted) == ("Où est-ce ?", "f", {"point": [[1.0, 2.0]]})
    properties = row.specs[0].parameters["properties"]
    assert row.specs[0].parameters["type"] == "object"
    assert properties == {"point": {"type": "array", "items": {"type": "number"}}}
