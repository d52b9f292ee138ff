"""Lets a model use tools: runs the calls it asks for, tells it the results, goes on until it answers without a call.

What a call got wrong is told to the model, which can mend it; a tool that breaks is an error of ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from unified_intelligence.entities.errors import ToolFailedError, UnknownNameError
from unified_intelligence.entities.generation import (
    Collector,
    Event,
    Finished,
    FinishReason,
    GenerationConfig,
    TextDelta,
    Timings,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import Message, MessageLike, read_messages
from unified_intelligence.entities.tools import ToolCall
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.tools.registry import Outcome, Tool, ToolError, group, group_names

OnResult = Callable[[ToolCall, str], None]


def tools_named(groups: Sequence[str]) -> tuple[Tool, ...]:
    """The tools of the groups, each once. Raises UnknownNameError."""
    for name in groups:
        if name not in group_names():
            hint = "Name one, as in: --tools finance; or more: --tools finance --tools dates"
            raise UnknownNameError("group of tools", name, group_names(), hint=hint)
    return tuple({tool.name: tool for name in groups for tool in group(name)}.values())


def run_with_tools(
    generator: ITextGenerator,
    messages: str | Sequence[MessageLike],
    tools: Sequence[Tool],
    config: GenerationConfig | None = None,
    *,
    limit: int = 8,
    on_result: OnResult | None = None,
) -> Iterator[Event]:
    """One stream of all turns with one `Finished`; the calls are numbered through. `on_result` hears of each call.

    Raises ToolFailedError when a tool breaks, or when the model still calls tools after `limit` turns.
    """
    by_name = {tool.name: tool for tool in tools}
    asked = replace(config or GenerationConfig(), tools=tuple(tool.spec() for tool in tools))
    conversation = list(read_messages(messages))
    total = _Total()
    for _ in range(limit):
        turn = Collector()
        yield from _turn(generator.stream(tuple(conversation), asked), turn, total)
        answer = turn.generation()
        if not answer.tool_calls:
            yield total.finished(answer.finish_reason)
            return
        calls = tuple(_with_id(call, total.calls + i) for i, call in enumerate(answer.tool_calls))
        total.calls += len(calls)
        conversation.append(Message("assistant", answer.text, tool_calls=calls, reasoning=answer.reasoning))
        for call in calls:
            result = _run(call, by_name)
            if on_result:
                on_result(call, result)
            conversation.append(Message("tool", result, tool_call_id=call.id))
    raise ToolFailedError(
        f"The model called tools {limit} times in a row and did not answer.", hint="Ask again with fewer --tools."
    )


class _Total:
    """What the turns add up to."""

    def __init__(self) -> None:
        self.calls = 0
        self.has_text = False
        self._usage: Usage | None = None
        self._first: float | None = None
        self._model: str | None = None
        self._seconds = 0.0

    def add(self, end: Finished) -> None:
        self._model = end.model or self._model
        if end.usage is not None:
            before = self._usage or Usage(0, 0)
            reasoning = [n for n in (before.reasoning_tokens, end.usage.reasoning_tokens) if n is not None]
            self._usage = Usage(
                before.prompt_tokens + end.usage.prompt_tokens,
                before.completion_tokens + end.usage.completion_tokens,
                sum(reasoning) if reasoning else None,
            )
        if end.timings is not None:
            self._first = end.timings.first_event if self._first is None else self._first
            self._seconds += end.timings.total

    def finished(self, reason: FinishReason) -> Finished:
        timings = None if self._first is None else Timings(self._first, self._seconds)
        return Finished(reason, self._usage, timings, self._model)


def _turn(events: Iterator[Event], turn: Collector, total: _Total) -> Iterator[Event]:
    """The events of one turn but its end; a blank line between the texts of two turns."""
    begun = False
    for event in events:
        turn.add(event)
        if isinstance(event, Finished):
            total.add(event)
            continue
        if isinstance(event, ToolCallDelta):
            event = ToolCallDelta(event.index + total.calls, event.id, event.name, event.arguments)
        if isinstance(event, TextDelta) and event.text and not begun:
            if total.has_text:
                yield TextDelta("\n\n")
            begun = total.has_text = True
        yield event


def _with_id(call: ToolCall, number: int) -> ToolCall:
    return ToolCall(call.id or f"call_{number}", call.name, call.arguments)


def _run(call: ToolCall, tools: Mapping[str, Tool]) -> str:
    tool = tools.get(call.name)
    if tool is None:
        return _error(f"There is no tool {call.name!r}. There are: {', '.join(tools)}.")
    try:
        arguments: object = json.loads(call.arguments or "{}")
    except json.JSONDecodeError as error:
        return _error(f"The arguments of {call.name} are not JSON: {error}.")
    except (ValueError, RecursionError):  # whole numbers of very many digits
        return _error(f"The arguments of {call.name} cannot be read: a number is too long, or they are too deep.")
    if not isinstance(arguments, dict):
        return _error(f"The arguments of {call.name} are an object: {{...}}.")
    try:
        return _told(tool.run(cast("Mapping[str, object]", arguments)))
    except ToolError as error:
        return _error(str(error))
    except Exception as error:
        raise ToolFailedError(f"The tool {call.name} failed: {type(error).__name__}: {error}") from error


def _told(outcome: Outcome) -> str:
    told: dict[str, object] = dict(outcome.figures)
    if outcome.formula:
        told["formula"] = outcome.formula
    if outcome.notes:
        told["notes"] = list(outcome.notes)
    return json.dumps(told, ensure_ascii=False)


def _error(sentence: str) -> str:
    return json.dumps({"error": sentence}, ensure_ascii=False)
