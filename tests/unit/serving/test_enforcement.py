"""What a provider does not honour: mapped, done around it, no request at all, or refused before it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.serving.scripted import PLAIN, Scripted, answer_for, events_for
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.adapters.llm.embedded_adapter import EmbeddedAdapter
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import (
    ChoiceFormat,
    Finished,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    ReasoningDelta,
    RegexFormat,
    ResponseFormat,
    TextDelta,
    TokenLogprob,
)
from unified_intelligence.entities.tools import ToolSpec

WEATHER = ToolSpec("météo", "Le temps qu'il fait", {"type": "object"})
SAID = [ReasoningDelta("Hm… "), TextDelta("Ça va,\n"), TextDelta(" merci 🙂"), Finished("stop")]


@pytest.mark.parametrize(("asked", "named"), [
    ({"seed": 1}, "seed"), ({"temperature": 0.5}, "temperature"), ({"top_p": 0.9}, "top_p"), ({"top_k": 5}, "top_k"),
    ({"min_p": 0.1}, "min_p"), ({"presence_penalty": 1}, "presence_penalty"), ({"min_tokens": 3}, "min_tokens"),
    ({"frequency_penalty": -1}, "frequency_penalty"), ({"repetition_penalty": 1.1}, "repetition_penalty"),
    ({"logprobs": 0}, "logprobs"), ({"thinking": True}, "thinking"), ({"thinking_budget": 9}, "thinking_budget"),
    ({"reasoning_effort": "low"}, "reasoning_effort"), ({"seed": 0, "logprobs": 2}, "logprobs, seed"),
    ({"max_tokens": 3}, "max_tokens"), ({"tools": (WEATHER,)}, "tools"),
    ({"tools": (WEATHER,), "tool_choice": "required"}, "tool_choice, tools"),
    ({"tools": (WEATHER,), "tool_choice": NamedTool("météo")}, "tool_choice, tools"),
])  # fmt: skip
def test_what_nobody_does_is_refused_by_name_before_anything_is_generated(asked: dict[str, Any], named: str) -> None:
    generator = Scripted(SAID, honoured=frozenset())
    with pytest.raises(InvalidRequestError) as refused:
        events_for(generator, GenerationConfig(**asked))
    assert str(refused.value) == f"This model does not support {named}."
    assert generator.asked == []


@pytest.mark.parametrize("asked", [
    {"presence_penalty": 0.0}, {"frequency_penalty": 0}, {"repetition_penalty": 1.0}, {"top_p": 1.0}, {"top_k": 0},
    {"min_p": 0.0}, {"min_tokens": 0}, {"parallel_tool_calls": True}, {"parallel_tool_calls": False},
    {"thinking": False}, {"reasoning_effort": "none"}, {"tool_choice": "none"},
    {"tools": (WEATHER,), "tool_choice": "none", "parallel_tool_calls": False},
])  # fmt: skip
def test_a_value_that_changes_nothing_is_no_request(asked: dict[str, Any]) -> None:
    generator = Scripted(SAID, honoured=frozenset())
    assert answer_for(generator, GenerationConfig(**asked)).text == "Ça va,\n merci 🙂"
    assert generator.asked[0][1] == GenerationConfig()


def test_what_is_honoured_is_passed_on_untouched() -> None:
    config = GenerationConfig(
        max_tokens=9, min_tokens=0, top_p=1.0, presence_penalty=0.0, stop=("x",), thinking=False, thinking_budget=7,
        reasoning_effort="low", response_format=JsonFormat({"type": "strin"}), tools=(WEATHER,),
        tool_choice=NamedTool("météo"), parallel_tool_calls=False, logprobs=2, seed=3,
    )  # fmt: skip
    generator = Scripted(SAID, honoured=config.asked_for())
    assert events_for(generator, config) == SAID
    assert generator.asked[0][1] is not config and generator.asked[0][1] == config


@pytest.mark.parametrize("form", [RegexFormat("a+"), ChoiceFormat(("a", "b"))])
def test_a_form_that_is_no_json_is_enforced_by_the_generator_or_refused(form: ResponseFormat) -> None:
    generator = Scripted(SAID, honoured=frozenset())
    with pytest.raises(InvalidRequestError, match="does not support response_format"):
        events_for(generator, GenerationConfig(response_format=form))
    assert generator.asked == []


class EnforcesNothing(Scripted):
    def enforces(self, wanted: ResponseFormat) -> bool:
        return False


def test_a_schema_that_is_too_much_for_the_generator_is_checked_here_unless_it_is_strict() -> None:
    schema = {"type": "array", "uniqueItems": True}
    config = GenerationConfig(response_format=JsonFormat(schema))
    wrong, right = [TextDelta("[1, 1]"), Finished("stop")], [TextDelta("[1, 2]"), Finished("stop")]
    generator = EnforcesNothing(wrong, right, honoured=frozenset({"response_format"}))
    assert answer_for(generator, config).text == "[1, 2]"
    assert [asked.response_format for _, asked in generator.asked] == [config.response_format] * 2
    trusted = Scripted(wrong, honoured=frozenset({"response_format"}))
    assert answer_for(trusted, config).text == "[1, 1]"
    strict = GenerationConfig(response_format=JsonFormat(schema, strict=True))
    refusing = EnforcesNothing(wrong, honoured=frozenset({"response_format"}))
    assert answer_for(refusing, strict).text == "[1, 1]"  # it is the generator that has to refuse


def test_reasoning_that_was_switched_off_does_not_come_out() -> None:
    answer = answer_for(Scripted(SAID, honoured=frozenset()), GenerationConfig(thinking=False))
    assert (answer.reasoning, answer.text) == ("", "Ça va,\n merci 🙂")
    assert answer_for(EmbeddedAdapter(), GenerationConfig(thinking=False), "How much is 3 * 4?").reasoning == ""
    assert answer_for(EmbeddedAdapter(), GenerationConfig(), "How much is 3 * 4?").reasoning != ""


@pytest.mark.parametrize(("effort", "both", "switch", "budget"), [
    ("none", (False, None), (False, None), (None, 0)),
    ("minimal", (True, 256), (True, None), (None, 256)),
    ("low", (True, 1024), (True, None), (None, 1024)),
    ("medium", (True, 4096), (True, None), (None, 4096)),
    ("high", (True, None), (True, None), (None, None)),
    ("xhigh", (True, None), (True, None), (None, None)),
])  # fmt: skip
def test_effort_is_told_in_the_generators_terms(effort: Any, both: object, switch: object, budget: object) -> None:
    told: list[object] = []
    for honoured in ({"thinking", "thinking_budget"}, {"thinking"}, {"thinking_budget"}):
        generator = Scripted(SAID, honoured=frozenset(honoured))
        assert answer_for(generator, GenerationConfig(reasoning_effort=effort)).reasoning == "Hm… "
        sent = generator.asked[0][1]
        assert sent.reasoning_effort is None
        told.append((sent.thinking, sent.thinking_budget))
    assert told == [both, switch, budget]


def test_a_budget_of_the_callers_own_wins_over_that_of_the_effort() -> None:
    generator = Scripted(SAID, honoured=frozenset({"thinking", "thinking_budget"}))
    events_for(generator, GenerationConfig(reasoning_effort="low", thinking_budget=5))
    assert (generator.asked[0][1].thinking, generator.asked[0][1].thinking_budget) == (True, 5)


@pytest.mark.parametrize(("effort", "thinking"), [("none", True), ("low", False)])
def test_contradictions_are_refused(effort: Any, thinking: bool) -> None:
    generator = Scripted(SAID, honoured=frozenset({"thinking"}))
    with pytest.raises(InvalidRequestError, match="contradict"):
        events_for(generator, GenerationConfig(reasoning_effort=effort, thinking=thinking))


def test_a_provider_without_tools_refuses_them_and_keeps_to_the_rest() -> None:
    with pytest.raises(InvalidRequestError, match="This model does not support tools"):
        events_for(EchoAdapter(), GenerationConfig(tools=(WEATHER,)))
    spoken = answer_for(
        EchoAdapter(), GenerationConfig(stop=("🙂",), tools=(WEATHER,), tool_choice="none"), "Ça va 🙂 ?"
    )
    assert (spoken.text, spoken.finish_reason) == ("Ça va ", "stop")


def test_without_choice_tools_are_offered_and_calls_stream() -> None:
    generator = Scripted(SAID, honoured=PLAIN)
    config = GenerationConfig(tools=(WEATHER,))
    assert events_for(generator, config) == SAID
    assert generator.asked[0][1] == config


def test_probabilities_pass() -> None:
    said = [TextDelta("é", (TokenLogprob("é", -0.1),)), Finished("stop")]
    assert events_for(Scripted(said, honoured=frozenset({"logprobs"})), GenerationConfig(logprobs=0)) == said
