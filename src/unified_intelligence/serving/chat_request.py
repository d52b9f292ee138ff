"""The body of POST /v1/chat/completions, read into a conversation and a GenerationConfig."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from unified_intelligence.entities.generation import (
    ChoiceFormat,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    ReasoningEffort,
    RegexFormat,
    ResponseFormat,
)
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.serving.chat_messages import Turn
from unified_intelligence.serving.protocol import (
    NAME,
    NEEDS_TOOLS,
    UNIQUE,
    Answering,
    FunctionFields,
    Labels,
    Many,
    Part,
    Switch,
    Whole,
    check_tools,
)

_LONGEST_REGEX = 500  # characters
_MOST_CHOICES = 1000
_ASKED = [{"role": "user", "content": "Ça va ?"}]
_OTHER_FORMAT: Mapping[str, Any] = {
    "properties": {"type": {"enum": ["text", "json_object"]}, "json_schema": {"type": "null"}}
}
_SCHEMA_FORMAT: Mapping[str, Any] = {
    "properties": {"type": {"const": "json_schema"}, "json_schema": {"type": "object"}},
    "required": ["json_schema"],
}


class Tool(Part):
    type: Literal["function"]
    function: FunctionFields

    def read(self) -> ToolSpec:
        return self.function.read()


class ChosenFunction(Part):
    name: str


class ChosenTool(Part):
    type: Literal["function"]
    function: ChosenFunction


class JsonSchema(Part):
    """`json_schema` of a response format; `schema` is a name pydantic has taken."""

    name: str = Field(pattern=NAME)
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: Switch | None = None


class AskedFormat(Part):
    model_config = ConfigDict(json_schema_extra={"oneOf": [_OTHER_FORMAT, _SCHEMA_FORMAT]})

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _check_schema(self) -> AskedFormat:
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise ValueError("json_schema is given with, and only with, type json_schema")
        return self

    def read(self) -> JsonFormat | None:
        if self.json_schema is not None:
            asked = self.json_schema
            return JsonFormat({} if asked.schema_ is None else asked.schema_, asked.name, bool(asked.strict))
        return JsonFormat() if self.type == "json_object" else None


class StructuredOutputs(Part):
    """vLLM's field for the form of an answer. A JSON Schema in it is strict: there is no other way to ask there."""

    json_: dict[str, Any] | None = Field(None, alias="json")
    regex: str | None = Field(None, min_length=1, max_length=_LONGEST_REGEX)
    choice: list[Annotated[str, Field(min_length=1)]] | None = Field(None, min_length=1, max_length=_MOST_CHOICES)

    @model_validator(mode="after")
    def _check_one(self) -> StructuredOutputs:
        if sum(own is not None for own in (self.json_, self.regex, self.choice)) != 1:
            raise ValueError("give one of json, regex and choice")
        return self

    def read(self) -> ResponseFormat:
        if self.regex is not None:
            return RegexFormat(self.regex)
        return JsonFormat(self.json_, strict=True) if self.choice is None else ChoiceFormat(tuple(self.choice))


class TemplateOptions(Part):
    """`chat_template_kwargs`, of which one is known."""

    enable_thinking: Switch | None = None


class ChatRequest(Answering):
    messages: Annotated[Many[Turn], Field(min_length=1, description="Ends with the turn to answer.", examples=[_ASKED])]
    max_completion_tokens: Whole | None = Field(None, ge=1, description="Another name of max_tokens; not both.")
    logprobs: Switch | None = None
    top_logprobs: Whole | None = Field(None, ge=0, le=20, description="More than 0 only with logprobs: true.")
    tools: Many[Tool] | None = Field(None, description=UNIQUE)
    tool_choice: Literal["auto", "none", "required"] | ChosenTool | None = Field(None, description=NEEDS_TOOLS)
    parallel_tool_calls: Switch | None = None
    response_format: AskedFormat | None = None
    structured_outputs: StructuredOutputs | None = None
    reasoning_effort: ReasoningEffort | None = None
    enable_thinking: Switch | None = None
    chat_template_kwargs: TemplateOptions | None = None
    thinking_token_budget: Whole | None = Field(None, ge=0, description="Another name of thinking_budget; not both.")
    thinking_budget: Whole | None = Field(None, ge=0)
    include_reasoning: Switch | None = None
    modalities: Many[Literal["text"]] | None = None
    metadata: Labels | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None

    @model_validator(mode="after")
    def _check_together(self) -> ChatRequest:
        if self.max_tokens is not None and self.max_completion_tokens is not None:
            raise ValueError("max_tokens and max_completion_tokens are two names of one field; give one")
        if self.thinking_budget is not None and self.thinking_token_budget is not None:
            raise ValueError("thinking_budget and thinking_token_budget are two names of one field; give one")
        if self.response_format is not None and self.structured_outputs is not None:
            raise ValueError("response_format and structured_outputs are two names of one wish; give one")
        if self.top_logprobs and not self.logprobs:
            raise ValueError("top_logprobs needs logprobs: true")
        check_tools([tool.function.name for tool in self.tools or ()], self.tool_choice)
        return self

    def config(self) -> GenerationConfig:
        """Raises InvalidRequestError for what cannot be asked for together."""
        fields = self.sampling()
        if self.max_completion_tokens is not None:
            fields["max_tokens"] = self.max_completion_tokens
        return GenerationConfig(**fields, **self._told(), **self._with_tools())

    def _told(self) -> dict[str, Any]:
        template = self.chat_template_kwargs or TemplateOptions()
        thinking = template.enable_thinking if self.enable_thinking is None else self.enable_thinking
        budget = self.thinking_budget if self.thinking_token_budget is None else self.thinking_token_budget
        return {
            "logprobs": (self.top_logprobs or 0) if self.logprobs else None,
            "thinking": thinking,
            "thinking_budget": budget,
            "reasoning_effort": self.reasoning_effort,
            "response_format": asked.read() if (asked := self.response_format or self.structured_outputs) else None,
        }

    def _with_tools(self) -> dict[str, Any]:
        """Parallel calls are allowed unless they are forbidden, so only that is passed on."""
        if not self.tools:
            return {}
        choice = self.tool_choice or "auto"
        return {
            "tools": tuple(tool.read() for tool in self.tools),
            "tool_choice": NamedTool(choice.function.name) if isinstance(choice, ChosenTool) else choice,
            "parallel_tool_calls": False if self.parallel_tool_calls is False else None,
        }
