"""A model that calls tools, until it answers."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence

import pytest

from unified_intelligence.entities.errors import StreamInterruptedError, ToolFailedError, UnknownNameError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    Timings,
    ToolCallDelta,
    Usage,
    collect,
)
from unified_intelligence.entities.message import Message, MessageLike, read_messages
from unified_intelligence.entities.tools import ToolCall
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator
from unified_intelligence.tools.loop import run_with_tools, tools_named
from unified_intelligence.tools.registry import Outcome, tool_from


class Scripted(InProcessTextGenerator):
    """Plays a turn after the other and remembers what it was asked."""

    def __init__(self, *turns: Sequence[Event]) -> None:
        self._turns = list(turns)
        self.asked: list[tuple[Message, ...]] = []
        self.configs: list[GenerationConfig | None] = []

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        self.asked.append(read_messages(messages))
        self.configs.append(config)
        yield from self._turns.pop(0) if len(self._turns) > 1 else self._turns[0]


def add(a: int | str, b: int) -> Outcome:
    """Adds."""
    if isinstance(a, str):
        raise KeyError(a)
    return Outcome({"sum": a + b}, "a + b", ("exact",))


ADD = tool_from(add)


def call(arguments: str, name: str = "add", index: int = 0, id: str = "") -> tuple[Event, ...]:
    half = len(arguments) // 2
    return (ToolCallDelta(index, id, name, arguments[:half]), ToolCallDelta(index, arguments=arguments[half:]))


QUESTION = [Message("user", "Combien font 1 + 2 ? 🎈")]
ANSWER = (TextDelta("Ça fait 3."), Finished("stop", Usage(5, 2), Timings(0.5, 1.0)))


def run(generator: Scripted, limit: int = 8) -> list[Event]:
    return list(run_with_tools(generator, QUESTION, [ADD], GenerationConfig(seed=1), limit=limit))


def test_the_result_is_told_to_the_model_and_its_answer_to_us() -> None:
    turn = (
        ReasoningDelta("hm"),
        TextDelta("Voyons."),
        *call('{"a": 1, "b": 2}', id="c7"),
        Finished("tool_calls", Usage(3, 4, 1), Timings(0.1, 0.5)),
    )
    generator = Scripted(turn, ANSWER)
    events = run(generator)
    whole = collect(events)
    assert (whole.text, whole.reasoning) == ("Voyons.\n\nÇa fait 3.", "hm")
    assert whole.tool_calls == (ToolCall("c7", "add", '{"a": 1, "b": 2}'),)
    assert events[-1] == Finished("stop", Usage(8, 6, 1), Timings(0.1, 1.5))
    assert sum(isinstance(event, Finished) for event in events) == 1
    assert generator.asked[1] == (
        *QUESTION,
        Message("assistant", "Voyons.", (ToolCall("c7", "add", '{"a": 1, "b": 2}'),), reasoning="hm"),
        Message("tool", '{"sum": 3, "formula": "a + b", "notes": ["exact"]}', tool_call_id="c7"),
    )
    assert generator.configs == [GenerationConfig(seed=1, tools=(ADD.spec(),))] * 2


@pytest.mark.parametrize(
    ("arguments", "name", "error"),
    [
        ('{"a": 1}', "add", "add needs b."),
        ('{"a": 1,', "add", "not JSON"),
        ('{"a": %s, "b": 1}' % ("9" * 5000), "add", "a number is too long"),
        ('{"a": ' + "[" * 100_000, "add", "they are too deep"),
        ("[1, 2]", "add", "are an object"),
        ("{}", "ad", "There is no tool 'ad'. There are: add."),
    ],
)
def test_what_a_call_got_wrong_is_told_to_the_model(arguments: str, name: str, error: str) -> None:
    generator = Scripted((*call(arguments, name), Finished("tool_calls")), ANSWER)
    assert collect(run(generator)).text == "Ça fait 3."
    assert error in json.loads(generator.asked[1][-1].content)["error"]


def test_calls_of_several_turns_are_numbered_through() -> None:
    first = (*call('{"a": 1, "b": 1}'), *call('{"a": 2, "b": 2}', index=1), Finished("tool_calls"))
    second = (*call('{"a": 3, "b": 3}'), Finished("tool_calls"))
    generator = Scripted(first, second, ANSWER)
    whole = collect(run(generator))
    assert [made.arguments for made in whole.tool_calls] == ['{"a": 1, "b": 1}', '{"a": 2, "b": 2}', '{"a": 3, "b": 3}']
    told = [message.tool_call_id for message in generator.asked[2] if message.role == "tool"]
    assert told == ["call_0", "call_1", "call_2"]


def test_the_results_are_heard() -> None:
    heard: list[tuple[str, str]] = []
    generator = Scripted((*call('{"a": 1, "b": 2}'), Finished("tool_calls")), ANSWER)
    events = run_with_tools(
        generator, QUESTION[0].content, [ADD], on_result=lambda made, told: heard.append((made.name, told))
    )
    collect(events)
    assert heard == [("add", '{"sum": 3, "formula": "a + b", "notes": ["exact"]}')]


def test_a_model_that_never_answers_is_stopped() -> None:
    generator = Scripted((*call('{"a": 1, "b": 2}'), Finished("tool_calls")))
    with pytest.raises(ToolFailedError, match="called tools 3 times"):
        run(generator, limit=3)
    assert len(generator.asked) == 3


def test_a_tool_that_breaks_is_ours() -> None:
    with pytest.raises(ToolFailedError, match="add failed: KeyError: 'boom'"):
        run(Scripted((*call('{"a": "boom", "b": 1}'), Finished("tool_calls"))))


def test_a_turn_without_its_end_is_interrupted() -> None:
    with pytest.raises(StreamInterruptedError) as caught:
        run(Scripted((TextDelta("à moi"),)))
    assert caught.value.partial == "à moi"


def test_groups_by_name() -> None:
    assert [tool.name for tool in tools_named(["calculator", "calculator"])] == ["calculate"]
    with pytest.raises(UnknownNameError, match="Did you mean units"):
        tools_named(["unit"])
