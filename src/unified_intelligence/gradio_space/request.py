"""What the endpoint `generate` is asked: a conversation and how to answer it, read from the JSON of a call.

The fields of `config` are those of GenerationConfig, by their names. Tools, their choice and the form of an answer are
written as OpenAI's API has them, `structured_outputs` as vLLM has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError, model_validator

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import GenerationConfig, NamedTool, ReasoningEffort
from unified_intelligence.entities.message import Message, read_messages
from unified_intelligence.serving.chat_messages import Turn
from unified_intelligence.serving.chat_request import AskedFormat, ChosenTool, StructuredOutputs, Tool
from unified_intelligence.serving.protocol import MOST_STOPS, Many, Number, Part, Stop, Switch, Whole, check_tools
from unified_intelligence.serving.validation import refusal_of

P = TypeVar("P", bound=Part)


class AskedConfig(Part):
    """How to answer; what is null or left out is the model's own default."""

    max_tokens: Whole | None = None
    min_tokens: Whole | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    top_k: Whole | None = None
    min_p: Number | None = None
    presence_penalty: Number | None = None
    frequency_penalty: Number | None = None
    repetition_penalty: Number | None = None
    seed: Whole | None = None
    stop: Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = None
    logprobs: Whole | None = None
    thinking: Switch | None = None
    thinking_budget: Whole | None = None
    reasoning_effort: ReasoningEffort | None = None
    response_format: AskedFormat | None = None
    structured_outputs: StructuredOutputs | None = None
    tools: Many[Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | ChosenTool | None = None
    parallel_tool_calls: Switch | None = None

    @model_validator(mode="after")
    def _check_tools(self) -> AskedConfig:
        check_tools([tool.function.name for tool in self.tools or ()], self.tool_choice)
        return self

    def read(self) -> GenerationConfig:
        """Raises InvalidRequestError for what cannot be asked for, or not together."""
        read: dict[str, Any] = {name: getattr(self, name) for name in _AS_THEY_ARE & self.model_fields_set}
        if self.stop:
            read["stop"] = tuple(self.stop)
        if self.tools:
            read["tools"] = tuple(tool.read() for tool in self.tools)
        if asked := self.structured_outputs or self.response_format:
            read["response_format"] = asked.read()
        if isinstance(self.tool_choice, ChosenTool):
            read["tool_choice"] = NamedTool(self.tool_choice.function.name)
        elif self.tool_choice is not None:
            read["tool_choice"] = self.tool_choice
        return GenerationConfig(**read)


class Asked(Part):
    messages: Annotated[Many[Turn], Field(min_length=1)]
    config: AskedConfig


_AS_THEY_ARE = AskedConfig.model_fields.keys() - {
    "stop", "tools", "tool_choice", "response_format", "structured_outputs",
}  # fmt: skip


def read_request(messages: object, config: object) -> tuple[tuple[Message, ...], GenerationConfig]:
    """Raises InvalidRequestError, which names the field, for what is not of the agreed form."""
    asked = read_as(Asked, {"messages": messages, "config": {} if config is None else config})
    return read_messages([turn.read() for turn in asked.messages]), asked.config.read()


def read_as(kind: type[P], body: Mapping[str, object]) -> P:
    """Raises InvalidRequestError, which names the field, for what is not of that form."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        said = refusal_of(RequestValidationError(found, body=body)).failure.message
        raise InvalidRequestError(said, hint="The Space's README lists the fields.") from error
