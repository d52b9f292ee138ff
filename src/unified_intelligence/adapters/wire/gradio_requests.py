"""What a Space is asked: the arguments of /generate, by name or by position, and of /respond. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from unified_intelligence.adapters.wire.chat_request import format_fields, message_fields, tool_fields
from unified_intelligence.adapters.wire.gradio_conversation import history
from unified_intelligence.adapters.wire.gradio_failures import no_such_answer
from unified_intelligence.adapters.wire.gradio_offer import Offer
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.generation import (
    GenerationConfig,
    NamedTool,
)
from unified_intelligence.entities.message import Message

RESPOND_HONOURS = frozenset({"max_tokens", "temperature", "top_p"})
_SPELLINGS: Mapping[str, str] = {
    "message": "message", "msg": "message", "prompt": "message", "query": "message", "question": "message",
    "chat_history": "history", "history": "history", "chatbot": "history", "conversation": "history",
    "sys_prompt": "system", "system_prompt": "system", "system_message": "system", "system": "system",
    "temp": "temperature", "temperature": "temperature",
    "max_tok": "max_tokens", "max_tokens": "max_tokens", "max_new_tokens": "max_tokens",
    "top_p": "top_p",
}  # fmt: skip
_OTHERWISE: Mapping[str, object] = {"history": [], "system": "", "temperature": 0.7, "max_tokens": 1024, "top_p": 0.95}
"""What a Space of that kind is sent where neither the caller nor the Space has a value."""


def config_fields(config: GenerationConfig | None) -> dict[str, object]:
    """What was asked for, by the names of GenerationConfig, what is nested as in a chat request."""
    fields: dict[str, object] = {}
    for name in config.asked_for() if config is not None else ():
        value: Any = getattr(config, name)
        match name:
            case "stop":
                fields[name] = list(value)
            case "tools":
                fields[name] = list(map(tool_fields, value))
            case "tool_choice" if isinstance(value, NamedTool):
                fields[name] = {"type": "function", "function": {"name": value.name}}
            case "response_format":
                fields |= format_fields(value)
            case _:
                fields[name] = value
    return fields


def generate_body(turns: Sequence[Message], config: GenerationConfig | None, offer: Offer, url: str) -> bytes:
    """The body of a call of /generate. Raises InvalidRequestError for what is no JSON, ProtocolError."""
    arguments: dict[str, object] = {
        "messages": list(map(message_fields, turns)),
        "config": config_fields(config),
    }
    if offer.named_calls:
        return encoded(arguments)
    return encoded({"data": _in_order(arguments, "generate", offer, url)})


def respond_body(turns: Sequence[Message], config: GenerationConfig | None, offer: Offer, url: str) -> bytes:
    """The body of a positional call of /respond. Raises InvalidRequestError for what that cannot be asked."""
    asked = config.asked_for() if config is not None else frozenset[str]()
    if unknown := sorted(asked - RESPOND_HONOURS):
        raise InvalidRequestError(
            f"The Space {url} has only /respond, which does not know {', '.join(unknown)}.",
            hint="Leave it out, or ask a Space that has /generate.",
        )
    spoken = [turn for turn in turns if turn.role != "system"]
    history(spoken, offer.shape)  # the question cannot be a tool's result either
    arguments: dict[str, object] = {"message": spoken[-1].content}
    if earlier := spoken[:-1]:
        arguments["history"] = history(earlier, offer.shape)
    if system := "\n\n".join(turn.content for turn in turns if turn.role == "system"):
        arguments["system"] = system
    for name in asked:
        arguments[name] = getattr(config, name)
    names = {_SPELLINGS.get(parameter.name, parameter.name) for parameter in offer.endpoints["respond"]}
    if missing := sorted(set(arguments) - names - {"history"}) or (
        ["history"] if len(spoken) > 1 and "history" not in names else []
    ):
        raise InvalidRequestError(
            f"The Space {url} has only a /respond that does not take {', '.join(missing)}.",
            hint="Leave it out, or ask a Space that has /generate.",
        )
    return encoded({"data": _in_order(arguments, "respond", offer, url)})


def positional(arguments: Mapping[str, object], endpoint: str, offer: Offer, url: str) -> bytes:
    """The body of a positional call of any endpoint."""
    return encoded({"data": _in_order(arguments, endpoint, offer, url)})


def _in_order(arguments: Mapping[str, object], endpoint: str, offer: Offer, url: str) -> list[object]:
    """The arguments in the order of the endpoint's parameters. Raises ProtocolError for one nobody knows a value of."""
    data: list[object] = []
    for parameter in offer.endpoints[endpoint]:
        name = parameter.name if parameter.name in arguments else _SPELLINGS.get(parameter.name, parameter.name)
        if name in arguments:
            data.append(arguments[name])
        elif parameter.has_default:
            data.append(parameter.default)
        elif name in _OTHERWISE:
            data.append(_OTHERWISE[name])
        else:
            raise no_such_answer(url, f"wants {parameter.name!r} for its /{endpoint}, which nobody knows.")
    return data


def encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(f"The conversation or a tool cannot be written as JSON: {error}") from error
