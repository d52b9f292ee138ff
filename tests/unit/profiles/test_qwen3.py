from math import inf
from typing import get_args

import pytest

from unified_intelligence.entities.errors import MalformedToolCallError
from unified_intelligence.entities.generation import ReasoningEffort
from unified_intelligence.entities.tools import ToolCall
from unified_intelligence.profiles.qwen3 import (
    THINKING_BUDGETS,
    parse_tool_call,
    recommended_sampling,
    template_arguments,
)


def test_a_call_keeps_its_accents_and_its_arguments() -> None:
    call = parse_tool_call('\n{"name": "météo", "arguments": {"ville": "Nîmes 🌞", "jours": [1, 2.5]}}\n', "call_0")
    assert call == ToolCall("call_0", "météo", '{"ville": "Nîmes 🌞", "jours": [1, 2.5]}')


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "1" * 4301, "1e999"])
def test_a_number_that_python_does_not_hold_stands_as_it_was_written(number: str) -> None:
    written = f'{{"name": "météo", "arguments": {{"é": [{number}, 2],  "jours": 12}}, "other": {number}}}'
    assert parse_tool_call(written, "call_0").arguments == f'{{"é": [{number}, 2],  "jours": 12}}'


def test_arguments_may_be_left_out() -> None:
    assert parse_tool_call('{"name": "now"}', "call_1") == ToolCall("call_1", "now", "{}")


@pytest.mark.parametrize("written", [
    "", "{", "now()", "[]", '"now"', "null", '{"arguments": {}}', '{"name": ""}', '{"name": 3}',
    '{"name": "now", "arguments": [1]}', '{"name": "now", "arguments": "x"}', "[" * 100_000,
])  # fmt: skip
def test_damaged_calls_are_refused_with_what_was_written(written: str) -> None:
    with pytest.raises(MalformedToolCallError) as refused:
        parse_tool_call(written, "call_0")
    assert refused.value.written == written
    assert refused.value.retryable
    assert refused.value.code == "malformed_tool_call"


def test_thinking_has_its_own_sampling_and_is_never_greedy() -> None:
    thinking, plain = recommended_sampling(thinking=True), recommended_sampling(thinking=False)
    assert (thinking.temperature, thinking.top_p, thinking.top_k) == (0.6, 0.95, 20)
    assert (plain.temperature, plain.top_p, plain.top_k) == (0.7, 0.8, 20)


def test_the_switch_is_passed_only_when_it_was_set() -> None:
    assert template_arguments(None) == {}
    assert template_arguments(False) == {"enable_thinking": False}


def test_more_effort_never_means_a_smaller_budget() -> None:
    assert set(THINKING_BUDGETS) == set(get_args(ReasoningEffort))
    budgets = [inf if budget is None else budget for budget in map(THINKING_BUDGETS.get, get_args(ReasoningEffort))]
    assert budgets == sorted(budgets) and budgets[0] == 0
