"""The body of POST /v1/responses, read into a conversation and a GenerationConfig.

Nothing is kept between requests: what would need a memory is refused in those words. Items a client sends back as it
was given them may have fields of their own, which models are not told again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from unified_intelligence.entities.generation import GenerationConfig, JsonFormat, NamedTool, ReasoningEffort
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolCall
from unified_intelligence.serving.protocol import (
    NAME,
    NEEDS_TOOLS,
    UNIQUE,
    FunctionFields,
    Labels,
    Many,
    Number,
    Off,
    Part,
    Request,
    Switch,
    Whole,
    check_tools,
)


def _keeps_nothing(value: object) -> object:
    if value is not None and value is not False:
        raise ValueError("this server keeps nothing between requests; send the whole conversation as input")
    return value


def _is_function(kind: object) -> object:
    if kind != "function":
        raise ValueError(f"tools of type {kind!r} are not run here; give tools of type 'function'")
    return kind


class _SentBack(BaseModel):
    model_config = ConfigDict(extra="ignore")


class InputText(_SentBack):
    type: Literal["input_text", "output_text"]
    text: str


class Refusal(_SentBack):
    type: Literal["refusal"]
    refusal: str


_Content = str | Many[Annotated[InputText | Refusal, Field(discriminator="type")]]


class InputMessage(_SentBack):
    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: _Content


class FunctionCall(_SentBack):
    type: Literal["function_call"]
    call_id: str
    name: str = Field(min_length=1)
    arguments: str


class FunctionCallOutput(_SentBack):
    type: Literal["function_call_output"]
    call_id: str
    output: _Content


class ReasoningText(_SentBack):
    type: Literal["reasoning_text"]
    text: str


class ReasoningItem(_SentBack):
    type: Literal["reasoning"]
    content: Many[ReasoningText] | None = None


def _kind(item: object) -> object:
    """A message may come without its type."""
    return cast("Mapping[str, object]", item).get("type", "message") if isinstance(item, Mapping) else None


Item = Annotated[
    Annotated[InputMessage, Tag("message")]
    | Annotated[FunctionCall, Tag("function_call")]
    | Annotated[FunctionCallOutput, Tag("function_call_output")]
    | Annotated[ReasoningItem, Tag("reasoning")],
    Discriminator(_kind),
]


class _FunctionKind(Part):
    type: Annotated[Literal["function"], BeforeValidator(_is_function)]


class FunctionTool(FunctionFields, _FunctionKind):
    """The last of the bases has the first field: a tool of another type is refused for that."""


class ChosenFunction(Part):
    type: Literal["function"]
    name: str


class PlainFormat(Part):
    type: Literal["text", "json_object"]


class SchemaFormat(Part):
    type: Literal["json_schema"]
    name: str = Field(pattern=NAME)
    schema_: dict[str, Any] = Field(alias="schema")
    description: str | None = None
    strict: Switch | None = None


class TextOptions(Part):
    format: Annotated[PlainFormat | SchemaFormat, Field(discriminator="type")] | None = None
    verbosity: Literal["medium"] | None = None

    def read(self) -> JsonFormat | None:
        match self.format:
            case SchemaFormat():
                return JsonFormat(self.format.schema_, self.format.name, bool(self.format.strict))
            case PlainFormat(type="json_object"):
                return JsonFormat()
            case _:
                return None


class ReasoningOptions(Part):
    """Reasoning is told as it is, in the content of its item; a summary of it is not made."""

    effort: ReasoningEffort | None = None
    summary: Literal["auto"] | None = None


class ResponseStreamOptions(Part):
    include_obfuscation: Off | None = None


class ResponsesRequest(Request):
    input: str | Many[Item] = Field(examples=["Ça va ?"])
    instructions: str | None = None
    stream: Switch | None = None
    stream_options: ResponseStreamOptions | None = None
    max_output_tokens: Whole | None = Field(None, ge=1)
    temperature: Number | None = Field(None, ge=0, le=2)
    top_p: Number | None = Field(None, ge=0, le=1)
    top_logprobs: Whole | None = Field(None, ge=0, le=20)
    tools: Many[FunctionTool] | None = Field(None, description=UNIQUE)
    tool_choice: Literal["auto", "none", "required"] | ChosenFunction | None = Field(None, description=NEEDS_TOOLS)
    parallel_tool_calls: Switch | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    include: Many[Literal["message.output_text.logprobs", "reasoning.encrypted_content"]] | None = None
    metadata: Labels | None = None
    store: Annotated[Literal[False] | None, BeforeValidator(_keeps_nothing)] = None
    previous_response_id: Annotated[None, BeforeValidator(_keeps_nothing)] = None
    conversation: Annotated[None, BeforeValidator(_keeps_nothing)] = None
    background: Annotated[Literal[False] | None, BeforeValidator(_keeps_nothing)] = None
    prompt: None = None
    max_tool_calls: None = None
    truncation: Literal["disabled"] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None

    @model_validator(mode="after")
    def _check_together(self) -> ResponsesRequest:
        check_tools([tool.name for tool in self.tools or ()], self.tool_choice)
        return self

    @property
    def wants_logprobs(self) -> bool:
        return bool(self.top_logprobs) or "message.output_text.logprobs" in (self.include or ())

    def messages(self) -> list[Message]:
        """The conversation: calls belong to the turn that made them, instructions open the system's first turn."""
        turns: list[Message] = [Message("system", self.instructions)] if self.instructions else []
        for item in [InputMessage(role="user", content=self.input)] if isinstance(self.input, str) else self.input:
            _add(turns, item)
        return [turn for turn in turns if not _is_begun(turn)]  # what the reasoning led to was not sent back

    def config(self) -> GenerationConfig:
        """Raises InvalidRequestError for what cannot be asked for together."""
        choice = self.tool_choice or "auto"
        return GenerationConfig(
            max_tokens=self.max_output_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            logprobs=(self.top_logprobs or 0) if self.wants_logprobs else None,
            response_format=self.text.read() if self.text else None,
            reasoning_effort=self.reasoning.effort if self.reasoning else None,
            tools=tuple(tool.read() for tool in self.tools or ()),
            tool_choice=NamedTool(choice.name) if isinstance(choice, ChosenFunction) else choice,
            parallel_tool_calls=False if self.tools and self.parallel_tool_calls is False else None,
        )

    def told_again(self) -> dict[str, object]:
        """What a response says of its request."""
        written = {"type": "text"}
        if self.text and self.text.format:
            written = self.text.format.model_dump(by_alias=True, exclude_none=True)
        choice = self.tool_choice or "auto"
        return {
            "background": False,
            "instructions": self.instructions,
            "max_output_tokens": self.max_output_tokens,
            "metadata": self.metadata or {},
            "model": self.model,
            "parallel_tool_calls": self.parallel_tool_calls is not False,
            "previous_response_id": None,
            "prompt_cache_key": self.prompt_cache_key,
            "reasoning": {"effort": self.reasoning.effort if self.reasoning else None, "summary": None},
            "safety_identifier": self.safety_identifier,
            "service_tier": "default",
            "store": False,
            "temperature": self.temperature,
            "text": {"format": written, "verbosity": "medium"},
            "tool_choice": choice if isinstance(choice, str) else choice.model_dump(),
            "tools": [{**tool.model_dump(), "strict": bool(tool.strict)} for tool in self.tools or ()],
            "top_logprobs": self.top_logprobs or 0,
            "top_p": self.top_p,
            "truncation": "disabled",
            "user": self.user,
        }


def _add(turns: list[Message], item: InputMessage | FunctionCall | FunctionCallOutput | ReasoningItem) -> None:
    last = turns[-1] if turns else None
    match item:
        case InputMessage(role="system" | "developer"):
            text = _text_of(item.content)
            if last and last.role == "system":  # templates that allow a second system's turn are rare
                turns[-1] = Message("system", f"{last.content}\n\n{text}")
            else:
                turns.append(Message("system", text))
        case InputMessage(role="user"):
            turns.append(Message("user", _text_of(item.content)))
        case InputMessage():
            begun = _taken(turns, _is_begun)
            turns.append(replace(begun, content=_text_of(item.content)))
        case FunctionCall():
            call = ToolCall(item.call_id, item.name, item.arguments or "{}")
            begun = _taken(turns, lambda turn: turn.role == "assistant")
            turns.append(replace(begun, tool_calls=(*begun.tool_calls, call)))
        case FunctionCallOutput():
            turns.append(Message("tool", _text_of(item.output), tool_call_id=item.call_id))
        case ReasoningItem():
            if thought := "".join(part.text for part in item.content or ()):
                turns.append(Message("assistant", "", reasoning=thought))


def _taken(turns: list[Message], goes_on: Callable[[Message], bool]) -> Message:
    """The last turn, no more among them, where it goes on; else an assistant's that begins."""
    return turns.pop() if turns and goes_on(turns[-1]) else Message("assistant", "")


def _is_begun(turn: Message) -> bool:
    """An assistant's turn of which there is only the reasoning."""
    return bool(turn.reasoning) and not turn.content and not turn.tool_calls


def _text_of(content: str | Sequence[InputText | Refusal]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text if isinstance(part, InputText) else part.refusal for part in content)
