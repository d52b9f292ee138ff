"""The body of a request to /chat/completions. Only what was asked for is in it.

The names are those of OpenAI's API, and for what that has no name, vLLM's: top_k, min_p, repetition_penalty,
min_tokens, chat_template_kwargs, thinking_token_budget, structured_outputs, priority. An adapter is there a model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import (
    ChoiceFormat,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    RegexFormat,
    ResponseFormat,
)
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.profiles.qwen3 import template_arguments

_AS_THEY_ARE = (
    "min_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty",
    "repetition_penalty", "seed", "reasoning_effort", "parallel_tool_calls", "priority",
)  # fmt: skip
EXTENSIONS = frozenset({
    "min_tokens", "top_k", "min_p", "repetition_penalty", "thinking", "thinking_budget", "priority",
})  # fmt: skip
"""What OpenAI's API has no name for."""
NOWHERE = frozenset({"max_wait"})
"""What no server can be asked."""


def request_body(
    model: str,
    turns: Sequence[Message],
    config: GenerationConfig | None,
    *,
    limit: str = "max_tokens",
    extensions: bool = True,
) -> bytes:
    """The JSON text. `limit` is what the server calls max_tokens.

    Raises InvalidRequestError for what is no JSON, and for what OpenAI's API has no name for without `extensions`.
    """
    fields: dict[str, object] = {
        "model": model,
        "messages": list(map(message_fields, turns)),
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if config is not None:
        if unknown := sorted(config.asked_for() & (NOWHERE if extensions else NOWHERE | EXTENSIONS)):
            raise InvalidRequestError(f"The server does not know {', '.join(unknown)}.", hint="Leave it out.")
        fields |= _asked_for(config, limit)
    try:
        return msgspec.json.encode(fields)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"The conversation or a tool cannot be written as JSON: {error}") from error


def message_fields(turn: Message) -> dict[str, object]:
    fields: dict[str, object] = {"role": turn.role, "content": turn.content}
    if turn.tool_calls:
        fields["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in turn.tool_calls
        ]
    if turn.tool_call_id:
        fields["tool_call_id"] = turn.tool_call_id
    return fields


def _asked_for(config: GenerationConfig, limit: str) -> dict[str, object]:
    fields: dict[str, object] = {name: value for name in _AS_THEY_ARE if (value := getattr(config, name)) is not None}
    if config.adapter:
        fields["model"] = config.adapter
    if config.max_tokens is not None:
        fields[limit] = config.max_tokens
    if config.stop:
        fields["stop"] = list(config.stop)
    if config.logprobs is not None:
        fields["logprobs"] = True
        if config.logprobs:
            fields["top_logprobs"] = config.logprobs
    if switches := template_arguments(config.thinking):
        fields["chat_template_kwargs"] = switches
    if config.thinking_budget is not None:
        fields["thinking_token_budget"] = config.thinking_budget
    if config.response_format is not None:
        fields |= format_fields(config.response_format)
    return fields | _tools(config)


def format_fields(wanted: ResponseFormat) -> dict[str, object]:
    match wanted:
        case RegexFormat():
            return {"structured_outputs": {"regex": wanted.pattern}}
        case ChoiceFormat():
            return {"structured_outputs": {"choice": list(wanted.choices)}}
        case JsonFormat(schema=None):
            return {"response_format": {"type": "json_object"}}
        case JsonFormat():
            schema: dict[str, Any] = {"name": wanted.name, "schema": dict(wanted.schema or {})}
            if wanted.strict:
                schema["strict"] = True
            return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _tools(config: GenerationConfig) -> dict[str, object]:
    if not config.tools:
        return {}
    fields: dict[str, object] = {"tools": list(map(tool_fields, config.tools))}
    if isinstance(config.tool_choice, NamedTool):
        fields["tool_choice"] = {"type": "function", "function": {"name": config.tool_choice.name}}
    elif config.tool_choice != "auto":
        fields["tool_choice"] = config.tool_choice
    return fields


def tool_fields(tool: ToolSpec) -> Mapping[str, object]:
    function: dict[str, object] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    if tool.strict:
        function["strict"] = True
    return {"type": "function", "function": function}
