"""What is asked of a model, the events it answers with, and the answer they add up to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from math import inf
from typing import Literal

from unified_intelligence.entities.errors import InvalidRequestError, StreamInterruptedError
from unified_intelligence.entities.tools import ToolCall, ToolSpec

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


ReasoningEffort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]


@dataclass(frozen=True, slots=True)
class NamedTool:
    """A tool that must be called."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """The answer is JSON: any object without `schema`, else a document that satisfies this JSON Schema.

    `strict` asks that nothing else can be generated; without it the schema is an instruction to the model.
    """

    schema: Mapping[str, object] | None = None
    name: str = "answer"
    strict: bool = False


@dataclass(frozen=True, slots=True)
class RegexFormat:
    """The answer is one whole match of `pattern`, an expression without lookaround and back-references."""

    pattern: str


@dataclass(frozen=True, slots=True)
class ChoiceFormat:
    """The answer is one of `choices`, to the letter."""

    choices: tuple[str, ...]

    def __post_init__(self) -> None:
        """Raises InvalidRequestError where there is nothing to choose."""
        if isinstance(self.choices, str) or not self.choices or not all(self.choices):
            raise InvalidRequestError("The choices of an answer are a tuple of texts, none of them empty.")


ResponseFormat = JsonFormat | RegexFormat | ChoiceFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationConfig:
    """How to answer. `None` means the provider's own default.

    max_tokens counts reasoning and answer together, min_tokens are written before the answer may end; temperature 0 is
    greedy; min_p keeps tokens at least that share as likely as the likeliest; the three penalties are those of OpenAI's
    API (presence, frequency: subtracted) and of Transformers (repetition: divided). `thinking` asks a model that can
    reason aloud to do so or not to, thinking_budget is the most tokens it may spend on it. `logprobs` is how many
    alternatives are told beside each token, 0 none but its own probability. `adapter` names one of the generator's
    `adapters`, "" the model without any. Of requests that wait those of a lower `priority` go first, 0 where none is
    given; one that did not begin within `max_wait` seconds fails.
    """

    max_tokens: int | None = None
    min_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    thinking: bool | None = None
    thinking_budget: int | None = None
    reasoning_effort: ReasoningEffort | None = None
    response_format: ResponseFormat | None = None
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    adapter: str | None = None
    priority: int | None = None
    max_wait: float | None = None

    def __post_init__(self) -> None:
        """Raises InvalidRequestError for a value no model can honour."""
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not (least <= value <= most and abs(value) < inf):
                upper = f" and at most {most:g}" if most < inf else ""
                raise InvalidRequestError(f"{name} is at least {least:g}{upper}, not {value}.")
        if isinstance(self.stop, str) or not all(self.stop):
            raise InvalidRequestError("stop is a tuple of texts, none of them empty.")
        if self.tool_choice == "required" and not self.tools:
            raise InvalidRequestError("A tool is required, but none is given.")
        if isinstance(self.tool_choice, NamedTool) and self.tool_choice.name not in {tool.name for tool in self.tools}:
            raise InvalidRequestError(f"The tool {self.tool_choice.name!r} is required, but it is not among the tools.")

    def asked_for(self) -> frozenset[str]:
        """The fields that were set to something else than their default."""
        return frozenset(own.name for own in fields(self) if getattr(self, own.name) != own.default)


_RANGES: Mapping[str, tuple[float, float]] = {
    "max_tokens": (1, inf),
    "min_tokens": (0, inf),
    "temperature": (0, inf),
    "top_p": (0, 1),
    "top_k": (0, inf),
    "min_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "repetition_penalty": (0.01, 100),
    "logprobs": (0, 20),
    "thinking_budget": (0, inf),
    "priority": (0, inf),
    "max_wait": (0, inf),
}


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts in the model's own tokens; None where unknown.

    `reasoning_tokens` is part of `completion_tokens`; `cached_tokens`, which were not read again, of `prompt_tokens`.
    """

    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds from the request: to the first event, and to the end."""

    first_event: float
    total: float


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token and its natural-logarithm probability; `alternatives` are the likeliest in its place, best first."""

    token: str
    logprob: float
    alternatives: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """What the user may want to know while no answer comes: another try, a Space that wakes up. Not part of it."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class TextDelta:
    """`logprobs` are those of the tokens `text` is made of, where they were asked for."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of the call at `index`: `id` and `name` come with its first piece, `arguments` are appended."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a complete answer. A stream without it was interrupted.

    `model` is who answered in the provider's own word, where that is known only with the answer.
    """

    finish_reason: FinishReason
    usage: Usage | None = None
    timings: Timings | None = None
    model: str | None = None


Event = Notice | ReasoningDelta | TextDelta | ToolCallDelta | Finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A complete answer; `str()` of it is the visible text."""

    text: str
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: FinishReason
    usage: Usage | None = None
    timings: Timings | None = None
    model: str | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(slots=True)
class Collector:
    """Adds events up to a `Generation`."""

    text: list[str] = field(default_factory=list[str])
    reasoning: list[str] = field(default_factory=list[str])
    calls: dict[int, ToolCall] = field(default_factory=dict[int, ToolCall])
    logprobs: list[TokenLogprob] = field(default_factory=list[TokenLogprob])
    finished: Finished | None = None

    def add(self, event: Event) -> None:
        match event:
            case TextDelta():
                self.text.append(event.text)
                self.logprobs.extend(event.logprobs)
            case ReasoningDelta():
                self.reasoning.append(event.text)
            case ToolCallDelta():
                call = self.calls.get(event.index, ToolCall("", "", ""))
                self.calls[event.index] = ToolCall(
                    call.id or event.id, call.name or event.name, call.arguments + event.arguments
                )
            case Finished():
                self.finished = event
            case Notice():
                pass

    def generation(self) -> Generation:
        """Raises StreamInterruptedError, with the partial text, if no `Finished` was seen."""
        text = "".join(self.text)
        if self.finished is None:
            raise StreamInterruptedError("The answer stopped before its end.", partial=text)
        return Generation(
            text=text,
            reasoning="".join(self.reasoning),
            tool_calls=tuple(call for _, call in sorted(self.calls.items())),
            logprobs=tuple(self.logprobs),
            finish_reason=self.finished.finish_reason,
            usage=self.finished.usage,
            timings=self.finished.timings,
            model=self.finished.model,
        )


def collect(events: Iterable[Event]) -> Generation:
    """The answer a stream of events adds up to. Raises StreamInterruptedError."""
    collector = Collector()
    for event in events:
        collector.add(event)
    return collector.generation()
