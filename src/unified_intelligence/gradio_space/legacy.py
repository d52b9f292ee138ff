"""The endpoint `respond`, for callers from before `generate`: a question and a history in, a conversation out.

Gradio's chat window has had three formats: pairs, messages, and messages made of parts. Each is understood, and the
conversation comes back in the one its history had; where there is no history yet, in pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.gradio_space.conversation import title_of

if TYPE_CHECKING:
    from unified_intelligence.gradio_space.event_json import EventJson

Format = Literal["pairs", "messages", "parts"]


def format_of(history: object) -> Format:
    """Raises InvalidRequestError for a history in none of the formats."""
    if not isinstance(history, list):
        raise InvalidRequestError("chat_history is a list.")
    turns = cast("list[object]", history)
    if all(isinstance(turn, list | tuple) and len(cast("Sequence[object]", turn)) == 2 for turn in turns):
        return "pairs"
    if not all(isinstance(turn, Mapping) for turn in turns):
        raise InvalidRequestError(
            "chat_history is a list of pairs or of messages.", hint="Send back what the last call returned."
        )
    contents = [cast("Mapping[str, object]", turn).get("content") for turn in turns]
    return "messages" if all(isinstance(content, str) for content in contents) else "parts"


def asked_in(message: str, history: list[Any], system: str) -> list[EventJson]:
    """The conversation as `generate` takes it. What a chat window shows beside the conversation is left out."""
    turns: list[EventJson] = [{"role": "system", "content": system}] if system.strip() else []
    for turn in history:
        if isinstance(turn, Mapping):
            turns.extend(_read(cast("Mapping[str, Any]", turn)))
        else:
            question, answer = turn
            turns.append({"role": "user", "content": str(question or "")})
            turns.extend([{"role": "assistant", "content": str(answer)}] if answer else [])
    return [*turns, {"role": "user", "content": message}]


def continued(message: str, history: list[Any], answer: str, form: Format) -> list[Any]:
    """The history with the question and its answer, in the history's own format."""
    if form == "pairs":
        return [*history, [message, answer]]
    said = (("user", message), ("assistant", answer))
    if form == "messages":
        return [*history, *({"role": role, "content": text} for role, text in said)]
    return [*history, *({"role": role, "content": [{"type": "text", "text": text}]} for role, text in said)]


def _read(turn: Mapping[str, Any]) -> list[EventJson]:
    if title_of(turn):
        return []
    content = turn.get("content")
    parts = cast("list[object]", content) if isinstance(content, list) else [content]
    texts = [cast("Mapping[str, object]", part).get("text") if isinstance(part, Mapping) else part for part in parts]
    return [{"role": turn.get("role"), "content": "".join(text for text in texts if isinstance(text, str))}]
