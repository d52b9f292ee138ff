"""What the provider embedded makes of a route, whatever weights chose it; routes are written by hand here."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import unified_intelligence
from unified_intelligence.adapters.llm.embedded_adapter import LONGEST_QUESTION, EmbeddedAdapter
from unified_intelligence.embedded.calls import Call
from unified_intelligence.embedded.functions import Function, built_in_function, function_of_spec
from unified_intelligence.embedded.reading import Reading
from unified_intelligence.embedded.router import Route
from unified_intelligence.entities.errors import ContextLengthError
from unified_intelligence.entities.generation import GenerationConfig, ToolCallDelta
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolCall, ToolSpec
from unified_intelligence.tools.registry import BUILT_IN

WEATHER = ToolSpec(
    "getWeather",
    "Weather of a city",
    {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]},
)
MESSY = "Il fait 3 °C à  Orléans 🙂\n\n fin"


def route(question: str, function: Function | None, arguments: dict[str, object], *missing: str) -> Route:
    call = Call(function, arguments, {}, missing) if function else None
    return Route(Reading.of(question), call, 1.0, 20)


def told(question: str, tool: str, arguments: object, result: str) -> list[Message]:
    calls = (ToolCall("c1", tool, json.dumps(arguments)),)
    return [Message("user", question), Message("assistant", "", calls), Message("tool", result, tool_call_id="c1")]


# ---- built-in tools ------------------------------------------------------------------------------------------------


def test_a_built_in_call_is_computed_worded_and_shown() -> None:
    function = built_in_function("percent_of")
    answer = EmbeddedAdapter()._answer_built_in(
        route("Combien font 15 % de 240 € ?", function, {"percent": "15%", "value": 240})
    )
    assert "**36" in answer.text
    assert "€" in answer.text
    assert "Compris" in answer.text
    assert answer.reasoning == "percent_of(percent='15%', value=240)"


@pytest.mark.parametrize(
    ("question", "language", "words"),
    [
        ("What is the monthly payment of my loan?", "auto", ("need", "principal, rate, years")),
        ("Quelle est la mensualité de mon prêt ?", "auto", ("il me faut", "principal, rate, years")),
        ("What is the monthly payment of my loan?", "fr", ("il me faut", "principal, rate, years")),
    ],
)
def test_what_a_question_lacks_is_asked_back(question: str, language: Any, words: tuple[str, ...]) -> None:
    function = built_in_function("loan_payment")
    asked = route(question, function, {}, "principal", "rate", "years")
    text = EmbeddedAdapter(language=language)._answer_built_in(asked).text
    assert all(word in text for word in ("loan_payment", *words))


@pytest.mark.parametrize(("question", "word"), [("Divide 5 by 0", "zero"), ("Divise 5 par 0", "zero")])
def test_a_tool_that_cannot_compute_says_why_and_what_was_understood(question: str, word: str) -> None:
    text = (
        EmbeddedAdapter()._answer_built_in(route(question, built_in_function("calculate"), {"expression": "5/0"})).text
    )
    assert word in text
    assert "expression='5/0'" in text


@pytest.mark.parametrize(
    ("question", "word"), [("Write me a poem", "outside"), ("Écris un poème pour elle", "hors de")]
)
def test_nothing_that_fits_is_said_in_the_language_of_the_question(question: str, word: str) -> None:
    assert word in EmbeddedAdapter()._answer_built_in(route(question, None, {})).text


# ---- tools of the caller -------------------------------------------------------------------------------------------


def test_a_call_of_a_users_tool_is_handed_over() -> None:
    asked = route("Weather in Orléans?", function_of_spec(WEATHER), {"city": "Orléans", "days": 3})
    (delta,) = EmbeddedAdapter()._call(asked, {"getWeather"}, "call_1_1").calls
    assert isinstance(delta, ToolCallDelta)
    assert (delta.id, delta.name) == ("call_1_1", "getWeather")
    assert json.loads(delta.arguments) == {"city": "Orléans", "days": 3}
    assert "Orléans" in delta.arguments


@pytest.mark.parametrize(("question", "word"), [("The weather?", "need"), ("Le temps qu'il fait ?", "il me faut")])
def test_a_users_tool_is_not_called_without_what_it_needs(question: str, word: str) -> None:
    answer = EmbeddedAdapter()._call(route(question, function_of_spec(WEATHER), {}, "city"), {"getWeather"}, "call_1_1")
    assert not answer.calls
    assert word in answer.text
    assert "city" in answer.text


def test_a_tool_that_was_not_given_is_not_called() -> None:
    asked = route("What is 15% of 240?", built_in_function("percent_of"), {"percent": "15%", "value": 240})
    answer = EmbeddedAdapter()._call(asked, {"define"}, "call_1_1")
    assert not answer.calls
    assert "None of the given tools" in answer.text


@pytest.mark.parametrize("tools", [(WEATHER,), (WEATHER, BUILT_IN["define"].spec()), (BUILT_IN["percent_of"].spec(),)])
def test_an_answer_with_tools_is_a_call_or_says_why_not(tools: tuple[ToolSpec, ...]) -> None:
    answer = EmbeddedAdapter().generate("Weather in Orléans for 3 days, 15% of 240", GenerationConfig(tools=tools))
    assert bool(answer.tool_calls) != bool(answer.text)
    assert answer.finish_reason == ("tool_calls" if answer.tool_calls else "stop")
    assert {call.name for call in answer.tool_calls} <= {tool.name for tool in tools}
    assert all(call.id and isinstance(json.loads(call.arguments), dict) for call in answer.tool_calls)


def test_a_users_own_tool_named_like_a_built_in_one_gets_arguments_of_its_own() -> None:
    own = ToolSpec(
        "calculate",
        "Adds two numbers",
        {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]},
    )
    answer = EmbeddedAdapter().generate("calculate 3 plus 4", GenerationConfig(tools=(own,)))
    assert not answer.tool_calls or set(json.loads(answer.tool_calls[0].arguments)) <= {"a", "b"}


# ---- results of tools ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "word"), [("What is 15% of 240?", "Understood"), ("Combien font 15 % de 240 ?", "Compris")]
)
def test_the_result_of_a_built_in_tool_is_worded_by_its_template(question: str, word: str) -> None:
    outcome = BUILT_IN["percent_of"].run({"percent": "15%", "value": 240})
    result = json.dumps({**outcome.figures, "formula": outcome.formula})
    answer = EmbeddedAdapter().generate(told(question, "percent_of", {"percent": "15%", "value": 240}, result))
    assert "**36**" in answer.text
    assert word in answer.text
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize(
    ("tool", "arguments", "result"),
    [
        ("get_weather", {"city": "Orléans"}, MESSY),
        ("percent_of", {"percent": "15%", "value": 240}, MESSY),
        ("percent_of", {"percent": "15%", "value": 240}, '{"other": 1}'),
        ("percent_of", {"percent": "15%", "value": 240}, "[36]"),
        ("percent_of", {"percent": "15%", "value": 240}, "36"),
        ("percent_of", {"share": 1}, '{"result": 36}'),
        ("percent_of", ["15%"], '{"result": 36}'),
        ("percent_of", {"percent": "15%", "value": 240}, '{"result": 36, "notes": 3}'),
        ("percent_of", {"percent": "15%", "value": 240}, "[" * 20000),
    ],
)
def test_the_result_of_any_other_tool_is_given_as_it_came(tool: str, arguments: object, result: str) -> None:
    """Also that of a user's own tool which only has the name of a built-in one."""
    assert EmbeddedAdapter().generate(told("15% of 240?", tool, arguments, result)).text == result


def test_what_a_tool_could_not_do_is_said() -> None:
    answer = EmbeddedAdapter().generate(told("?", "calculate", {"expression": "5/0"}, '{"error": "Division by zero."}'))
    assert answer.text == "Division by zero."


def test_results_of_several_tools_stand_in_order_and_a_result_may_stand_alone() -> None:
    turns = [*told("both?", "a", {}, "first  result"), Message("tool", "second 🙂", tool_call_id="c2")]
    assert EmbeddedAdapter().generate(turns).text == "first  result\n\nsecond 🙂"
    assert EmbeddedAdapter().generate([Message("tool", "alone")]).text == "alone"
    assert EmbeddedAdapter().generate([Message("tool", " " * 50000)]).text == ""


# ---- limits --------------------------------------------------------------------------------------------------------


def test_a_question_that_is_too_long_is_refused_with_both_lengths() -> None:
    with pytest.raises(ContextLengthError, match="characters") as refused:
        EmbeddedAdapter().generate("x" * (LONGEST_QUESTION + 1))
    assert (refused.value.length, refused.value.longest) == (LONGEST_QUESTION + 1, LONGEST_QUESTION)
    with pytest.raises(ContextLengthError, match="tokens"):
        EmbeddedAdapter().generate("🙂" * LONGEST_QUESTION)
    tools = tuple(ToolSpec(f"tool_{i}", "does " * 30, {"type": "object", "properties": {}}) for i in range(200))
    with pytest.raises(ContextLengthError, match="tokens"):
        EmbeddedAdapter().generate("anything", GenerationConfig(tools=tools))


@pytest.mark.parametrize("limit", [1, 4, 9])
def test_max_tokens_cuts_reasoning_and_answer_together(limit: int) -> None:
    turns = told("?", "get_weather", {}, MESSY)
    whole = EmbeddedAdapter().generate(turns)
    cut = EmbeddedAdapter().generate(turns, GenerationConfig(max_tokens=limit))
    assert whole.text == MESSY
    assert whole.text.startswith(cut.text)
    assert len(cut.text) < len(whole.text)
    assert cut.finish_reason == "length"
    assert cut.usage
    assert cut.usage.completion_tokens <= limit
    enough = whole.usage.completion_tokens if whole.usage else 0
    assert EmbeddedAdapter().generate(turns, GenerationConfig(max_tokens=enough)).finish_reason == "stop"


def test_usage_counts_reasoning_apart() -> None:
    answer = EmbeddedAdapter().generate("What is 15% of 240?")
    usage = answer.usage
    assert usage
    assert usage.prompt_tokens > 5
    assert usage.reasoning_tokens is not None
    assert usage.reasoning_tokens < usage.completion_tokens
    assert bool(usage.reasoning_tokens) == bool(answer.reasoning)


@pytest.mark.parametrize(
    "question",
    ["caf\udce9 of \ud800?", "\x00\x1b[31m 15% of 240 \x7f", "<|im_end|><tool_call>\n", '"' * 40, "٣ + ٤ ½ ²"],
)
def test_hostile_characters_are_answered(question: str) -> None:
    assert EmbeddedAdapter().generate(question).finish_reason == "stop"


# ---- a broken installation -----------------------------------------------------------------------------------------

ASK = """
from unified_intelligence.adapters.llm.embedded_adapter import EmbeddedAdapter
from unified_intelligence.entities.errors import ModelError
try:
    EmbeddedAdapter().generate("What is 15% of 240?")
except ModelError as error:
    print(error.message, error.hint)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package without the model's files."""
    folder = tmp_path_factory.mktemp("installed")
    ours = Path(unified_intelligence.__file__).parent
    without = shutil.ignore_patterns("*.safetensors", "tokenizer.json", "__pycache__")
    shutil.copytree(ours, folder / "unified_intelligence", ignore=without)
    return folder


def said_by(installed: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_missing_weights_are_named_with_what_to_do(installed: Path) -> None:
    said = said_by(installed)
    assert "model.safetensors is missing" in said
    assert "pip install" in said


def test_damaged_weights_are_named(installed: Path) -> None:
    (installed / "unified_intelligence/embedded/model/model.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0{}      ")
    assert "does not hold a readable model" in said_by(installed)
