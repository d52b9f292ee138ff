"""Tools are made of signatures: specs, binding, laziness, and what a person reads when a call is wrong."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Literal, Optional, cast

import pytest

from unified_intelligence.tools.registry import (
    BUILT_IN,
    Outcome,
    Tool,
    ToolError,
    built_in,
    built_in_names,
    group,
    group_names,
    tool_from,
)
from unified_intelligence.tools.types import Rate, Rates


def get_weather(city: str, unit: Literal["c", "f"] = "c") -> dict[str, object]:
    """The weather in a city,
    right now.

    city: where to look, such as "Besançon"
        or "New York"
    unit: degrees Celsius or Fahrenheit
    """
    return {"temperature": 21.5, "sky": "éclaircies", "asked": f"{city}/{unit}", "wet": False}


def everything(
    count: int,
    ratio: float,
    sure: bool,
    names: list[str],
    table: dict[str, float],
    note: str | None = None,
    level: Literal[1, 2] = 1,
    either: int | str = 0,
    free: Any = None,
) -> str:
    """Takes every type."""
    return f"{count!r} {ratio!r} {sure!r} {names!r} {table!r} {note!r} {level!r} {either!r} {free!r}"


GOOD: dict[str, object] = {"count": 3, "ratio": 1, "sure": True, "names": ["é à"], "table": {"a": 1}}


def properties(tool: Tool) -> dict[str, dict[str, object]]:
    return json.loads(json.dumps(tool.spec().parameters))["properties"]


def test_a_users_function_becomes_a_spec() -> None:
    spec = tool_from(get_weather).spec()
    assert spec.name == "get_weather"
    assert spec.description == "The weather in a city, right now."
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": 'where to look, such as "Besançon" or "New York"'},
            "unit": {
                "type": "string",
                "enum": ["c", "f"],
                "description": "degrees Celsius or Fahrenheit",
                "default": "c",
            },
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_a_users_result_becomes_an_outcome() -> None:
    outcome = tool_from(get_weather).run({"city": "Île d'Yeu", "unit": "F"})
    assert outcome == Outcome({"temperature": 21.5, "sky": "éclaircies", "asked": "Île d'Yeu/f", "wet": "false"})


def test_a_plain_result_is_the_only_figure() -> None:
    def greet(name: str) -> str:
        return f"Bonjour {name} 👋"

    assert tool_from(greet).run({"name": "Zoé"}).figures == {"result": "Bonjour Zoé 👋"}
    assert tool_from(greet).description == "greet"


def test_every_supported_type_has_a_schema() -> None:
    shown = properties(tool_from(everything))
    assert shown == {
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "sure": {"type": "boolean"},
        "names": {"type": "array", "items": {"type": "string"}},
        "table": {"type": "object", "additionalProperties": {"type": "number"}},
        "note": {"type": "string"},
        "level": {"enum": [1, 2], "default": 1},
        "either": {"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 0},
        "free": {},
    }


def test_values_are_coerced_and_defaults_filled_in_order() -> None:
    bound = tool_from(everything).bind({**GOOD, "count": "4", "sure": "false", "either": "deux", "note": None})
    assert list(bound.items()) == [
        ("count", 4),
        ("ratio", 1.0),
        ("sure", False),
        ("names", ["é à"]),
        ("table", {"a": 1.0}),
        ("note", None),
        ("level", 1),
        ("either", "deux"),
        ("free", None),
    ]
    assert isinstance(bound["ratio"], float)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"count": 2.5}, "everything, count: expected a whole number, got 2.5."),
        ({"count": True}, "everything, count: expected a whole number, got True."),
        ({"ratio": "beaucoup"}, "everything, ratio: expected a number, got 'beaucoup'."),
        ({"ratio": float("nan")}, "everything, ratio: expected a finite number, got nan."),
        ({"ratio": 10**400}, "everything, ratio: the number is too large."),
        ({"sure": "oui"}, "everything, sure: expected true or false, got 'oui'."),
        ({"names": "é"}, "everything, names: expected a list, got 'é'."),
        ({"names": [1]}, "everything, names: expected text, got 1."),
        ({"table": []}, "everything, table: expected an object, got []."),
        ({"level": 3}, "everything, level: expected one of 1, 2; got 3."),
        ({"level": True}, "everything, level: expected one of 1, 2; got True."),
        ({"either": [1]}, "everything, either: expected a whole number, got [1]."),
        ({"cuont": 3}, "everything has no argument 'cuont'; did you mean count?"),
    ],
)
def test_a_wrong_argument_is_one_sentence(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(ToolError) as raised:
        tool_from(everything).bind({**GOOD, **wrong})
    assert str(raised.value) == sentence


def test_missing_arguments_are_all_named_and_null_is_missing() -> None:
    with pytest.raises(ToolError, match=r"^everything needs count and sure\.$"):
        tool_from(everything).bind({**{k: v for k, v in GOOD.items() if k != "count"}, "sure": None})


def test_null_means_default_where_null_is_no_value() -> None:
    assert tool_from(get_weather).bind({"city": "Orléans", "unit": None}) == {"city": "Orléans", "unit": "c"}


def test_a_required_optional_accepts_null_and_says_so() -> None:
    def find(name: Optional[str]) -> str:  # noqa: UP045 - the older spelling must work too
        return repr(name)

    tool = tool_from(find)
    assert properties(tool)["name"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert tool.run({"name": None}).figures == {"result": "None"}
    with pytest.raises(ToolError, match="find needs name"):
        tool.bind({})


def test_semantic_types_work_in_a_users_function() -> None:
    def fees(rate: Rate, rates: Rates, cap: Rate | None = None) -> float:
        return rate + sum(rates) + (cap or 0)

    tool = tool_from(fees)
    assert properties(tool)["rate"]["type"] == ["number", "string"]
    assert "0.05" in str(properties(tool)["rate"]["description"])
    assert "'5%'" in str(properties(tool)["rate"]["description"])
    assert properties(tool)["rates"]["items"] == {"type": ["number", "string"]}
    assert [parameter.meaning and parameter.meaning.kind for parameter in tool.parameters] == ["rate", "rates", "rate"]
    assert tool.run({"rate": "5%", "rates": [0.1, "-2.5%"], "cap": "1%"}).figures["result"] == pytest.approx(0.135)


def no_type(city) -> str:  # pyright: ignore[reportUnknownParameterType, reportMissingParameterType]
    return "?"


def many(*cities: str) -> str:
    return str(cities)


def positional(city: str, /) -> str:
    return city


def odd(when: complex) -> str:
    return str(when)


def keyed(table: dict[int, str]) -> str:
    return str(table)


async def later(city: str) -> str:
    await asyncio.sleep(0)
    return city


REFUSED: list[tuple[Callable[..., object], str]] = [
    (cast("Callable[..., object]", no_type), "no_type: the parameter city has no type."),
    (many, "cannot be named in a call"),
    (positional, "cannot be named in a call"),
    (odd, "odd, when: The type complex cannot be read from JSON"),
    (keyed, "keyed, table: The keys of a dict must be str"),
    (later, "later is asynchronous"),
]


@pytest.mark.parametrize(("function", "said"), REFUSED)
def test_a_function_that_cannot_be_a_tool_is_refused(function: Callable[..., object], said: str) -> None:
    with pytest.raises(ToolError, match=said.replace("(", r"\(")):
        tool_from(function)


def test_methods_callables_and_docstring_styles() -> None:
    class Shop:
        def price(self, item: str) -> str:
            """Price of an item.

            Args:
                item (str): what is sold
            """
            return f"{item}: 3 €"

        def __call__(self, item: str) -> str:
            return item

    assert properties(tool_from(Shop().price))["item"]["description"] == "what is sold"
    assert tool_from(Shop().price).run({"item": "pâté"}).figures == {"result": "pâté: 3 €"}
    assert tool_from(Shop()).name == "Shop"


def test_failed_arithmetic_is_a_tool_error_and_other_failures_pass() -> None:
    def divide(by: float) -> float:
        return 1 / by

    def lookup(name: str) -> str:
        raise LookupError(name)

    with pytest.raises(ToolError, match="divide cannot be computed"):
        tool_from(divide).run({"by": 0})
    with pytest.raises(LookupError, match="forêt"):
        tool_from(lookup).run({"name": "forêt"})


def test_the_table_lists_33_tools_in_6_groups() -> None:
    assert group_names() == ("finance", "calculator", "units", "dates", "glossary", "about")
    assert len(BUILT_IN) == len(set(built_in_names())) == 33
    assert list(BUILT_IN) == list(built_in_names())
    assert "loan_payment" in BUILT_IN
    assert "loan_paiment" not in BUILT_IN


def test_the_finance_group_is_whole_and_described() -> None:
    tools = group("finance")
    assert len(tools) == 26
    for tool in tools:
        assert BUILT_IN[tool.name] is tool
        assert tool.description.endswith(".")
        for parameter in tool.parameters:
            assert parameter.description, f"{tool.name}, {parameter.name} is not described"
            assert parameter.meaning or parameter.choices, f"{tool.name}, {parameter.name} has no meaning"
        json.dumps(tool.spec().parameters)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(ToolError, match="'compond_interest'; did you mean compound_interest"):
        built_in("compond_interest")
    with pytest.raises(ToolError, match="'finances'; did you mean finance"):
        group("finances")
    with pytest.raises(ToolError, match="'zzz'; there are finance, calculator"):
        group("zzz")
    with pytest.raises(KeyError):
        BUILT_IN["zzz"]


def test_listing_the_tools_imports_none_of_them() -> None:
    code = (
        "import sys; from unified_intelligence.tools.registry import BUILT_IN, built_in_names\n"
        "len(BUILT_IN), 'npv' in BUILT_IN, built_in_names()\n"
        "before = [m for m in sys.modules if 'tools.finance' in m]\n"
        "BUILT_IN['npv']\n"
        "print(before, sorted(m for m in sys.modules if 'tools.finance.' in m))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    ).stdout
    home = "unified_intelligence.tools.finance."
    assert printed.strip() == f"[] ['{home}checks', '{home}investment']"
