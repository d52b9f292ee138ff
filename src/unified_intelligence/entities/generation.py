"""What is asked of a model, the events it answers with, and the answer they add up to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from unified_intelligence.entities.errors import InvalidRequestError, StreamInterruptedError
from unified_intelligence.entities.tools import ToolCall, ToolSpec

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationConfig:
    """How to answer. `None` means the provider's own default.

    max_tokens counts reasoning and answer together; temperature 0 is greedy; `thinking` asks a model that can reason
    aloud to do so or not to.
    """

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    thinking: bool | None = None
    tools: tuple[ToolSpec, ...] = ()

    def __post_init__(self) -> None:
        """Raises InvalidRequestError for a value no model can honour."""
        if self.max_tokens is not None and self.max_tokens < 1:
            raise InvalidRequestError(f"max_tokens is at least 1, not {self.max_tokens}.")
        if self.temperature is not None and not 0 <= self.temperature < inf:
            raise InvalidRequestError(f"temperature is 0 or more, not {self.temperature}.")
        if self.top_p is not None and not 0 <= self.top_p <= 1:
            raise InvalidRequestError(f"top_p is from 0 to 1, not {self.top_p}.")
        if isinstance(self.stop, str) or not all(self.stop):
            raise InvalidRequestError("stop is a tuple of texts, none of them empty.")


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts in the model's own tokens. `reasoning_tokens` is part of `completion_tokens`; None where unknown."""

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds from the request: to the first event, and to the end."""

    first_event: float
    total: float


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of the call at `index`: `id` and `name` come with its first piece, `arguments` are appended."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a complete answer. A stream without it was interrupted."""

    finish_reason: FinishReason
    usage: Usage | None = None
    timings: Timings | None = None


Event = ReasoningDelta | TextDelta | ToolCallDelta | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A complete answer; `str()` of it is the visible text."""

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: FinishReason
    usage: Usage | None = None
    timings: Timings | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Collector:
    """Adds events up to a `Generation`."""

    text: list[str] = field(default_factory=list[str])
    reasoning: list[str] = field(default_factory=list[str])
    calls: dict[int, ToolCall] = field(default_factory=dict[int, ToolCall])
    finished: Finished | None = None

    def add(self, event: Event) -> None:
        match event:
            case TextDelta():
                self.text.append(event.text)
            case ReasoningDelta():
                self.reasoning.append(event.text)
            case ToolCallDelta():
                call = self.calls.get(event.index, ToolCall("", "", ""))
                self.calls[event.index] = ToolCall(
                    call.id or event.id, call.name or event.name, call.arguments + event.arguments
                )
            case Finished():
                self.finished = event

    def generation(self) -> Generation:
        """Raises StreamInterruptedError, with the partial text, if no `Finished` was seen."""
        text = "".join(self.text)
        if self.finished is None:
            raise StreamInterruptedError("The answer stopped before its end.", partial=text)
        return Generation(
            text=text,
            reasoning="".join(self.reasoning),
            tool_calls=tuple(call for _, call in sorted(self.calls.items())),
            finish_reason=self.finished.finish_reason,
            usage=self.finished.usage,
            timings=self.finished.timings,
        )


def collect(events: Iterable[Event]) -> Generation:
    """The answer a stream of events adds up to. Raises StreamInterruptedError."""
    collector = Collector()
    for event in events:
        collector.add(event)
    return collector.generation()
