"""A conversation as Gradio's chatbots have it, in three shapes: pairs (4, 5), messages (4, 5), content parts (6).

pairs     [["Hello", "Hi!"], ["And you?", None]]
messages  [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi!", "metadata": {...}}]
parts     [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}, ...]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, cast

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.message import Message

Shape = Literal["pairs", "messages", "parts"]


class Said(NamedTuple):
    """The last answer of a conversation: a thought that stands apart, and the text."""

    reasoning: str
    text: str


def last_answer(outputs: Sequence[object]) -> Said | None:
    """What the assistant said last in what an endpoint gave back: a conversation, or a text alone."""
    for output in outputs:
        if isinstance(output, list | tuple) and output:
            found = _of_conversation(cast("Sequence[object]", output))
            if found is not None:
                return found
    texts = [output for output in outputs if isinstance(output, str) and output]
    return Said("", texts[-1]) if texts else None


def history(turns: Sequence[Message], shape: Shape) -> list[object]:
    """The turns before the question in one of the shapes. Raises InvalidRequestError for what none of them can hold."""
    if any(turn.role == "tool" or turn.tool_calls for turn in turns):
        raise InvalidRequestError(
            "This Space has only /respond, which knows no tools.", hint="Ask a Space that has /generate."
        )
    if shape == "pairs":
        return _pairs(turns)
    if shape == "messages":
        return [{"role": turn.role, "content": turn.content} for turn in turns]
    return [{"role": turn.role, "content": [{"type": "text", "text": turn.content}]} for turn in turns]


def _pairs(turns: Sequence[Message]) -> list[object]:
    pairs: list[list[str | None]] = []
    for turn in turns:
        if turn.role == "user":
            pairs.append([turn.content, None])
        elif pairs and pairs[-1][1] is None:
            pairs[-1][1] = turn.content
        else:
            pairs.append([None, turn.content])
    return list(pairs)


def _of_conversation(turns: Sequence[object]) -> Said | None:
    last = turns[-1]
    if isinstance(last, list | tuple):
        pair = cast("Sequence[object]", last)
        return Said("", _text(pair[1])) if len(pair) == 2 else None
    thought: list[str] = []
    text: list[str] = []
    seen = False
    for turn in reversed(turns):
        if not isinstance(turn, Mapping):
            return None
        fields = cast("Mapping[str, object]", turn)
        seen = seen or "role" in fields
        if fields.get("role") != "assistant":
            break
        metadata = fields.get("metadata")
        apart = isinstance(metadata, Mapping) and bool(cast("Mapping[str, object]", metadata).get("title"))
        (thought if apart else text).insert(0, _text(fields.get("content")))
    return Said("".join(thought), "".join(text)) if seen else None


def _text(content: object) -> str:
    """The text of a content, a file's or a component's left out."""
    if isinstance(content, str):
        return content
    if isinstance(content, list | tuple):
        return "".join(map(_text, cast("Sequence[object]", content)))
    if isinstance(content, Mapping):
        return _text(cast("Mapping[str, object]", content).get("text"))
    return ""
