"""What the requests of several endpoints have in common: their types, and the fields that say how to answer.

Texts are not read as numbers nor numbers as switches. A field nobody knows is refused, as OpenAI does, and so is a
known one that would have no effect here but has one there: nothing that was asked for is silently left out. Accepted
without effect are the fields that have none on the answer there either.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict, model_validator

from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.serving.validation import without_neutral


def _whole(value: object) -> object:
    """JSON has one kind of number: 16.0 is the whole number 16, and some clients write it so."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _switch(value: object) -> object:
    """To Python 0 is False."""
    if not isinstance(value, bool):
        raise ValueError("input should be false")
    return value


Off = Annotated[Literal[False], BeforeValidator(_switch)]
Whole = Annotated[int, Strict(), BeforeValidator(_whole)]
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Switch = Annotated[bool, Strict()]
Stop = Annotated[str, Field(min_length=1)]
MOST_CHOICES = 16
_SEED = 2**63


class Part(BaseModel):
    """Any object within a request."""

    model_config = ConfigDict(extra="forbid")


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
    stop: Stop | list[Stop] | None = None
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
    user: str | None = None

    @model_validator(mode="after")
    def _check_stream(self) -> Answering:
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options is for stream: true only")
        return self

    @property
    def includes_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    def sampling(self) -> dict[str, Any]:
        """The fields of a GenerationConfig these fields are."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        fields: dict[str, Any] = {name: getattr(self, name) for name in _SAME}
        return fields | {"stop": stop, "top_k": 0 if self.top_k == -1 else self.top_k}


_SAME = (
    "max_tokens", "min_tokens", "temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty",
    "repetition_penalty", "seed",
)  # fmt: skip


def for_choice(config: GenerationConfig, index: int) -> GenerationConfig:
    """The configuration of one of several answers: with a seed, each is drawn from another one."""
    return replace(config, seed=config.seed + index) if index and config.seed is not None else config
