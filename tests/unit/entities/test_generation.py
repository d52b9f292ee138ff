import math
from typing import Any

import pytest

from unified_intelligence.entities.errors import InvalidRequestError, StreamInterruptedError
from unified_intelligence.entities.generation import (
    Finished,
    Generation,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    Timings,
    ToolCallDelta,
    Usage,
    collect,
)
from unified_intelligence.entities.tools import ToolCall


@pytest.mark.parametrize("fields", [
    {"max_tokens": 0}, {"max_tokens": -1}, {"temperature": -0.1}, {"temperature": math.nan}, {"temperature": math.inf},
    {"top_p": -0.1}, {"top_p": 1.1}, {"top_p": math.nan}, {"stop": "fin"}, {"stop": ("a", "")},
])  # fmt: skip
def test_a_value_no_model_can_honour_is_refused_by_name(fields: dict[str, Any]) -> None:
    (name,) = fields
    with pytest.raises(InvalidRequestError, match=f"^{name} is "):
        GenerationConfig(**fields)


def test_the_bounds_themselves_are_allowed() -> None:
    config = GenerationConfig(max_tokens=1, temperature=0, top_p=0, stop=("\n",))
    assert (config.max_tokens, config.temperature, config.top_p, config.stop) == (1, 0, 0, ("\n",))


def test_events_add_up_to_the_answer() -> None:
    usage, timings = Usage(3, 9, 2), Timings(0.1, 0.4)
    events = [
        ReasoningDelta("Hm"), ReasoningDelta("…\n"), TextDelta("Ça va ? "), TextDelta("🙂\n"),
        ToolCallDelta(1, "b", "now"), ToolCallDelta(0, "a", "météo", '{"ville": '),
        ToolCallDelta(0, arguments='"Nîmes"}'),
        Finished("tool_calls", usage, timings),
    ]  # fmt: skip
    answer = collect(events)
    assert answer == Generation(
        text="Ça va ? 🙂\n",
        reasoning="Hm…\n",
        tool_calls=(ToolCall("a", "météo", '{"ville": "Nîmes"}'), ToolCall("b", "now", "")),
        finish_reason="tool_calls",
        usage=usage,
        timings=timings,
    )
    assert f"{answer}" == "Ça va ? 🙂\n"
    with pytest.raises(StreamInterruptedError) as interrupted:
        collect(events[:-1])
    assert interrupted.value.partial == "Ça va ? 🙂\n"
