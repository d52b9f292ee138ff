"""How an answer is laid out: text, markdown, one JSON object, or one JSON event a line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from unified_intelligence.cli.output import Output
from unified_intelligence.cli.terminal import Harmless
from unified_intelligence.entities.generation import (
    Collector,
    Event,
    Finished,
    Notice,
    ReasoningDelta,
    TextDelta,
    Timings,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.tools import ToolCall

if TYPE_CHECKING:
    from unified_intelligence.cli.markdown import Page


class Style(NamedTuple):
    """What the user asked for: `format` is text, markdown, json or jsonl; `think` is show, hide or only."""

    format: str
    think: str
    stream: bool
    provider: str
    model: str | None


class Answer(ABC):
    """Takes the events of one answer. Whatever happens, `end` is called once."""

    def __init__(self, output: Output, style: Style) -> None:
        self._output = output
        self._style = style
        self.collected = Collector()

    def add(self, event: Event) -> None:
        """An event as it comes."""
        self.collected.add(event)
        self.show(event)

    @abstractmethod
    def show(self, event: Event) -> None:
        """Show the event, or keep it until the end."""

    @abstractmethod
    def called(self, call: ToolCall, result: str) -> None:
        """A tool was run for the model."""

    @abstractmethod
    def end(self) -> None:
        """The answer is over, complete or not."""


def answer_for(output: Output, style: Style) -> Answer:
    """The layout of a format."""
    kinds: Mapping[str, type[Answer]] = {"json": JsonAnswer, "jsonl": JsonlAnswer}
    return kinds.get(style.format, TextAnswer)(output, style)


class TextAnswer(Answer):
    """Text as it comes, or markdown a finished block at a time; reasoning and tools on stderr."""

    def __init__(self, output: Output, style: Style) -> None:
        super().__init__(output, style)
        self._harmless = Harmless() if output.stdout_is_terminal else None
        self._page = self._new_page() if style.format == "markdown" else None
        self._held: list[str] = []
        self._last = "\n"

    def show(self, event: Event) -> None:
        """The answer to stdout, the rest to stderr, as `--think` has it."""
        think = self._style.think
        if isinstance(event, TextDelta) and think != "only":
            self._output.end_aside()
            self._text(event.text)
        elif isinstance(event, ReasoningDelta) and think == "only":
            self._text(event.text)
        elif isinstance(event, ReasoningDelta) and think == "show":
            self._output.aside(event.text)
        elif isinstance(event, Notice):
            self._output.note(event.text)
        elif isinstance(event, Finished) and event.finish_reason == "tool_calls":
            self._end_text()
            for _, call in sorted(self.collected.calls.items()):
                self._output.note(f"The model asks for {call.name}({call.arguments}).")

    def called(self, call: ToolCall, result: str) -> None:
        """A line on stderr, after what was said before the call."""
        if self._page:
            self._put(self._page.close())
        self._output.note(f"{call.name}({call.arguments}) = {result}")

    def end(self) -> None:
        """What was held back, and a newline after the last line."""
        self._end_text()
        self._output.end_aside()

    def _end_text(self) -> None:
        self._write("".join(self._held))
        self._held.clear()
        if self._harmless:
            self._lay(self._harmless.close())
        if self._page:
            self._put(self._page.close())
        if self._last != "\n":
            self._put("\n")

    def _new_page(self) -> Page:
        from unified_intelligence.cli.markdown import Page

        return Page(colours=self._output.stdout_colours, columns=self._output.environment.columns)

    def _text(self, text: str) -> None:
        if self._style.stream:
            self._write(text)
        else:
            self._held.append(text)

    def _write(self, text: str) -> None:
        self._lay(self._harmless.feed(text) if self._harmless else text)

    def _lay(self, text: str) -> None:
        self._put(self._page.feed(text) if self._page else text)

    def _put(self, text: str) -> None:
        self._output.answer(text)
        self._last = text[-1:] or self._last


class JsonAnswer(Answer):
    """One object when the answer is complete; an incomplete one is told by the error object alone."""

    def show(self, event: Event) -> None:
        """Nothing yet, but on stderr why nothing comes."""
        if isinstance(event, Notice):
            self._output.note(event.text)

    def called(self, call: ToolCall, result: str) -> None:
        """It is among `tool_calls`."""

    def end(self) -> None:
        """The object, if the answer is complete."""
        if self.collected.finished is None:
            return
        whole = self.collected.generation()
        self._output.json(
            {
                "text": whole.text,
                "reasoning": whole.reasoning,
                "tool_calls": [_call(call) for call in whole.tool_calls],
                "usage": _usage(whole.usage),
                "timings": _timings(whole.timings),
                "finish_reason": whole.finish_reason,
                "provider": self._style.provider,
                "model": whole.model or self._style.model,
            },
            indented=True,
        )


class JsonlAnswer(Answer):
    """Every event as a line, at once."""

    def show(self, event: Event) -> None:
        """The event with its `type`."""
        match event:
            case TextDelta():
                self._line("text", text=event.text)
            case ReasoningDelta():
                self._line("reasoning", text=event.text)
            case Notice():
                self._line("notice", text=event.text)
            case ToolCallDelta():
                self._line("tool_call", index=event.index, id=event.id, name=event.name, arguments=event.arguments)
            case Finished():
                self._line(
                    "finished",
                    finish_reason=event.finish_reason,
                    usage=_usage(event.usage),
                    timings=_timings(event.timings),
                    provider=self._style.provider,
                    model=event.model or self._style.model,
                )

    def called(self, call: ToolCall, result: str) -> None:
        """A line with the result."""
        import json

        self._line("tool_result", id=call.id, name=call.name, result=json.loads(result))

    def end(self) -> None:
        """Everything has been said."""

    def _line(self, kind: str, **fields: object) -> None:
        self._output.json({"type": kind, **fields})


def _call(call: ToolCall) -> dict[str, str]:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def _usage(usage: Usage | None) -> dict[str, int | None] | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }


def _timings(timings: Timings | None) -> dict[str, float] | None:
    return None if timings is None else {"first_event": timings.first_event, "total": timings.total}
