"""What a conversation is made of, and the reading of plain dicts into it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.tools import ToolCall

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `tool_calls` belong to an assistant's turn, `tool_call_id` to the tool's answer to one of them.

    `reasoning` came before an assistant's turn. Whether a model reads it again its chat template says: that of Qwen3
    shows it while tools answer, and no more once the user has spoken.
    """

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    reasoning: str = ""


MessageLike = Message | Mapping[str, object]


def read_messages(messages: str | Sequence[MessageLike]) -> tuple[Message, ...]:
    """A conversation from a question, from `Message`s or from dicts as OpenAI's API has them.

    Raises InvalidRequestError for an empty conversation, one without a question, and content that is not text.
    """
    turns = (Message("user", messages),) if isinstance(messages, str) else tuple(map(_read, messages))
    if not turns:
        raise InvalidRequestError("The conversation is empty.", hint="Give at least one user message.")
    if turns[-1].role not in {"user", "tool"}:
        raise InvalidRequestError(
            f"The conversation ends with the {turns[-1].role}'s turn: there is nothing to answer.",
            hint="End it with a user message.",
        )
    if turns[-1].role == "user" and not turns[-1].content.strip():
        raise InvalidRequestError("The question is empty.", hint='Ask one: uic --query "..."')
    return turns


def _read(message: MessageLike) -> Message:
    if isinstance(message, Message):
        return message
    role = message.get("role")
    if role not in get_args(Role):
        raise InvalidRequestError(f"A message has the role {role!r}; it is one of {', '.join(get_args(Role))}.")
    calls = message.get("tool_calls") or ()
    if not isinstance(calls, Sequence):
        raise InvalidRequestError("tool_calls is a list.")
    return Message(
        role=cast("Role", role),
        content=_text(message.get("content")),
        tool_calls=tuple(_read_call(call) for call in cast("Sequence[object]", calls)),
        tool_call_id=str(message.get("tool_call_id") or ""),
        reasoning=_text(message.get("reasoning_content") or message.get("reasoning")),
    )


def _text(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Sequence):
        return "".join(_part(part) for part in cast("Sequence[object]", content))
    raise InvalidRequestError(f"A message's content is {type(content).__name__}; it is a text or a list of parts.")


def _part(part: object) -> str:
    if isinstance(part, Mapping):
        fields = cast("Mapping[str, object]", part)
        text = fields.get("text")
        if fields.get("type") == "text" and isinstance(text, str):
            return text
        raise InvalidRequestError(f"A part of type {fields.get('type')!r} was given; only text parts are read.")
    raise InvalidRequestError("A part of a message's content is a dict with type and text.")


def _read_call(call: object) -> ToolCall:
    if isinstance(call, ToolCall):
        return call
    if isinstance(call, Mapping):
        fields = cast("Mapping[str, object]", call)
        function = fields.get("function")
        if isinstance(function, Mapping):
            named = cast("Mapping[str, object]", function)
            return ToolCall(str(fields.get("id") or ""), str(named.get("name")), str(named.get("arguments") or "{}"))
    raise InvalidRequestError('A tool call is {"id": ..., "function": {"name": ..., "arguments": "..."}}.')
