"""What the servers of the scenarios say when they say something: the pieces of OpenAI's streaming format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.faults.server import Exchange

PIECES = ("Ça va ?\n\n", " Prix :  12,50 € — ", "très bien 🙂👩‍🚀", "\u2028fin\u0085", " <b>&amp;</b>  \t.")
ANSWER = "".join(PIECES)
PARTIAL = PIECES[0] + PIECES[1]
DONE = "data: [DONE]\n\n"
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def chunk(delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}


def completion(text: str | None, finish: str = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {
        "id": "c-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE, **more,
    }  # fmt: skip


def said(value: Any) -> str:
    """JSON as servers write it: letters as they are, among them U+2028 and U+0085."""
    return json.dumps(value, ensure_ascii=False)


def event(value: Any) -> str:
    return f"data: {said(value)}\n\n"


def words(pieces: Sequence[str] = PIECES, field: str = "content") -> str:
    """The events of an answer, without its end."""
    return event(chunk({"role": "assistant", "content": ""})) + "".join(
        event(chunk({field: piece})) for piece in pieces
    )


def at_once() -> str:
    """A whole answer whose very first event carries text."""
    return "".join(event(chunk({"content": piece})) for piece in PIECES) + ending()


def ending(reason: str = "stop") -> str:
    usage = {**chunk({}), "choices": [], "usage": USAGE}
    return event(chunk({}, reason)) + event(usage) + DONE


def whole_stream(pieces: Sequence[str] = PIECES) -> str:
    return words(pieces) + ending()


def stream(exchange: Exchange, *pieces: str | bytes) -> None:
    """A stream in these pieces that ends properly as far as HTTP is concerned."""
    exchange.begin_stream()
    for piece in pieces:
        exchange.piece(piece)
    exchange.end_stream()


def begin_answer(exchange: Exchange) -> None:
    """A stream that has told PARTIAL and stands open."""
    exchange.begin_stream()
    exchange.piece(words(PIECES[:2]))


def healthy(exchange: Exchange) -> None:
    """The whole answer, as a stream or as one document, whichever was asked for."""
    if exchange.request.body and exchange.request.json.get("stream"):
        stream(exchange, whole_stream())
    else:
        exchange.whole(200, said(completion(ANSWER)), "application/json")


def error_body(message: str, code: str | None = None, kind: str = "server_error") -> str:
    return said({"error": {"message": message, "type": kind, "param": None, "code": code}})
