"""What the requests of several endpoints have in common: their types, and the fields that say how to answer.

Texts are not read as numbers nor numbers as switches. A field nobody knows is refused, as OpenAI does, and so is a
known one that would have no effect here but has one there: nothing that was asked for is silently left out. Accepted
without effect are the fields that have none on the answer there either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.serving.service import Caller, caller_of
from unified_intelligence.serving.validation import without_neutral


def _whole(value: object) -> object:
    """JSON has one kind of number: 16.0 is the whole number 16, and some clients write it so."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _switch(value: object) -> object:
    """Refuses what is no truth value: to Python 0 is False."""
    if not isinstance(value, bool):
        raise ValueError("input should be false")
    return value


Off = Annotated[Literal[False], BeforeValidator(_switch)]
Whole = Annotated[int, Strict(), BeforeValidator(_whole)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Switch = Annotated[bool, Strict()]
Stop = Annotated[str, Field(min_length=1)]
T = TypeVar("T")
MOST_ITEMS = 10_000
MOST_TOKENS = 1_000_000
Many = Annotated[list[T], Field(max_length=MOST_ITEMS, fail_fast=True)]
"""A list within a request. It is read up to its first mistake: a body of zeros would be a mistake a byte."""
Tokens = Annotated[list[Annotated[Whole, Field(ge=0)]], Field(max_length=MOST_TOKENS, fail_fast=True)]
MOST_CHOICES = 16
MOST_STOPS = 16
MOST_LABELS = 16
NEEDS_TOOLS = "What asks for a call needs tools."
UNIQUE = "No two with the same name."
NAME = r"^[a-zA-Z0-9_.-]{1,64}$"
_NO_PARAMETERS: Mapping[str, object] = {"type": "object", "properties": {}}
_SEED = 2**63
_LAST = 1000


def _few(labels: object) -> object:
    if isinstance(labels, Mapping) and len(cast("Mapping[object, object]", labels)) > MOST_LABELS:
        raise ValueError(f"there are at most {MOST_LABELS} of them")
    return cast("object", labels)


Labels = Annotated[dict[str, str], BeforeValidator(_few)]


class Part(BaseModel):
    """Any object within a request."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _leave_one_unknown(cls, body: Any) -> Any:
        """The first of many unknown fields is told; the others would take their time."""
        fields = cast("dict[str, Any]", body)
        if not isinstance(body, dict) or len(fields) <= len(cls.model_fields):
            return cast("Any", body)
        names = {own.alias or name for name, own in cls.model_fields.items()}
        unknown = next((name for name in fields if name not in names), None)
        return {name: value for name, value in fields.items() if name in names or name == unknown}


class FunctionFields(Part):
    """A function a model may call, as every endpoint describes one."""

    name: str = Field(pattern=NAME)
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: Switch | None = None

    def read(self) -> ToolSpec:
        parameters = _NO_PARAMETERS if self.parameters is None else self.parameters
        return ToolSpec(self.name, self.description or "", parameters, bool(self.strict))


def check_tools(names: Sequence[str], choice: object) -> None:
    """Raises ValueError for a choice among no tools, and for two of one name."""
    if choice not in (None, "none", "auto") and not names:
        raise ValueError("tool_choice needs tools")
    if len(set(names)) < len(names):
        raise ValueError("two tools have the same name")


class StreamOptions(Part):
    include_usage: Switch | None = None
    include_obfuscation: Off | None = None


class Request(Part):
    """The body of a request. `model` is the served name or an alias of it."""

    model: str = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _leave_out(cls, body: Any) -> Any:
        return without_neutral(body)


class Answering(Request):
    """How an answer is made, as chat and plain completions ask for it."""

    stream: Switch | None = None
    stream_options: StreamOptions | None = Field(None, description="Only with stream: true.")
    n: Whole | None = Field(None, ge=1, le=MOST_CHOICES)
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS, fail_fast=True)] | None = None
    max_tokens: Whole | None = Field(None, ge=1)
    min_tokens: Whole | None = Field(None, ge=0)
    temperature: Number | None = Field(None, ge=0, le=2)
    top_p: Number | None = Field(None, ge=0, le=1)
    top_k: Whole | None = Field(None, ge=-1)
    min_p: Number | None = Field(None, ge=0, le=1)
    presence_penalty: Number | None = Field(None, ge=-2, le=2)
    frequency_penalty: Number | None = Field(None, ge=-2, le=2)
    repetition_penalty: Number | None = Field(None, ge=0.01, le=100)
    seed: Whole | None = Field(None, ge=-_SEED, lt=_SEED)
    priority: Whole | None = Field(None, ge=0, le=_LAST, description="Who has a lower one goes first; 0 by default.")
    max_wait: Number | None = Field(None, ge=0, description="Seconds within which the answer has to begin.")
    user: str | None = None

    @model_validator(mode="after")
    def _check_stream(self) -> Answering:
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options is for stream: true only")
        return self

    @property
    def includes_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    def caller(self, scope: Mapping[str, Any], answers: int) -> Caller:
        """Who asks for so many answers, and when they want to be let in."""
        return caller_of(scope, answers, priority=self.priority or 0, longest_wait=self.max_wait)

    def sampling(self) -> dict[str, Any]:
        """The fields of a GenerationConfig these fields are."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        fields: dict[str, Any] = {name: getattr(self, name) for name in _SAME}
        return fields | {"stop": stop, "top_k": 0 if self.top_k == -1 else self.top_k}


_SAME = (
    "max_tokens", "min_tokens", "temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty",
    "repetition_penalty", "seed", "priority",
)  # fmt: skip


def for_choice(config: GenerationConfig, index: int) -> GenerationConfig:
    """The configuration of one of several answers: with a seed, each is drawn from another one."""
    return replace(config, seed=config.seed + index) if index and config.seed is not None else config
