"""Replies with stamps, and rows made by hand."""

from __future__ import annotations

import json
from typing import Any

from unified_intelligence.benchmark.framing import Framing
from unified_intelligence.benchmark.reply import Raw, read_reply
from unified_intelligence.benchmark.row import Row

MS = 1_000_000
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def event(*, end: str = "\n\n", finish: str | None = None, **delta: Any) -> bytes:
    chunk = {"choices": [{"delta": delta, "finish_reason": finish}]}
    return f"data: {json.dumps(chunk, ensure_ascii=False)}{end}".encode()


def usage(tokens: int) -> bytes:
    return (
        f"data: {json.dumps({'choices': [], 'usage': {'prompt_tokens': 9, 'completion_tokens': tokens}})}\n\n".encode()
    )


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


DONE = chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


def read(*segments: tuple[float, bytes], failure: tuple[str, str] = ("", "")) -> Row:
    """The row of segments that came so many ms after the request was sent."""
    buffer, marks = bytearray(), list[tuple[int, int]]()
    framing = Framing()
    start = 1_000_000 * MS
    for at, data in segments:
        buffer += data
        marks.append((len(buffer), start + round(at * MS)))
        framing.ended(buffer)
    row = Row(number=0, intended=start, dispatched=start, sent=start, ended=marks[-1][1])
    return read_reply(Raw(row, framing, bytes(buffer), marks, failure))


def row(number: int, *, ttft: float = 100, gaps: int = 4, gap: float = 10, start: float = 0, **changed: Any) -> Row:
    """A whole answer of gaps + 1 tokens; times in ms."""
    sent = 1_000_000 * MS + round(start * MS)
    first = sent + round(ttft * MS)
    last = first + round(gaps * gap * MS)
    values: dict[str, Any] = {
        "number": number, "intended": sent, "dispatched": sent, "sent": sent, "first": first, "visible": first,
        "last": last, "ended": last, "tokens": gaps + 1, "counted_by": "usage", "events": gaps + 1,
        "arrivals": gaps + 1, "gaps_ms": [gap] * gaps, "kernel": True, "status": 200,
    }  # fmt: skip
    return Row(**{**values, **changed})
