"""From the bytes of a reply and their stamps to a row. This runs when the reply has ended, or after the run.

An event's time is that of the segment which brought its last byte. A piece of the answer is what the model wrote on any
channel: content, reasoning, calls, a refusal. An event that only names the role is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from unified_intelligence.benchmark.framing import Framing
from unified_intelligence.benchmark.json_value import mapping
from unified_intelligence.benchmark.row import Row

USAGE, EVENTS = "usage", "events"
LONGEST_MESSAGE = 300
_QUEUE = re.compile(r"\bqueue\s*;\s*dur=(\d+(?:\.\d+)?)")


class Raw(NamedTuple):
    """What a worker keeps of a reply until there is time to read it. `failure` is the kind of one, and its words."""

    row: Row
    framing: Framing
    buffer: bytes
    marks: list[tuple[int, int]]
    failure: tuple[str, str]


class _Delta(Struct):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None


class _Choice(Struct):
    delta: _Delta | None = None
    text: Any = None
    finish_reason: Any = None


class _Chunk(Struct):
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


_DECODE = msgspec.json.Decoder(_Chunk)


def read_reply(raw: Raw) -> Row:
    """The row, filled. What cannot be read becomes the row's error."""
    row, framing = raw.row, raw.framing
    row.status = framing.status
    queue = _QUEUE.search(framing.header("server-timing"))
    row.queue_ms = float(queue[1]) if queue else None
    body, stamps = body_of(raw)
    if framing.status and framing.status != 200:
        row.error, row.message = f"http_{framing.status}", words_of(body)
        return row
    ended = False
    pieces = _Pieces(row)
    try:
        for stamp, data in events_of(body, stamps):
            if data.startswith(b"[DONE]"):
                ended = True
                break
            pieces.add(stamp, _DECODE.decode(data))
            if row.error:
                break
    except msgspec.MsgspecError as error:
        row.error, row.message = "unreadable", f"{error}"[:LONGEST_MESSAGE]
    pieces.close()
    _judge(raw, row, ended or bool(row.finish))
    return row


def _judge(raw: Raw, row: Row, ended: bool) -> None:
    if row.error:
        return
    if raw.failure[0]:
        row.error, row.message = raw.failure
    elif not row.events and "json" in raw.framing.header("content-type"):
        row.error, row.message = "no_stream", "The server answers at once, and not in a stream."
    elif not ended:
        row.error, row.message = "cut", "The stream ended without an end."
    elif not row.events:
        row.error, row.message = "empty", "The stream has no piece of an answer."


class _Pieces:
    """Adds the events of a reply up."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self._text, self._reasoning, self._tools = list[str](), list[str](), list[str]()
        self._usage: Any = None

    def add(self, stamp: int, chunk: _Chunk) -> None:
        if chunk.error:
            self.row.error, self.row.message = "error_event", said_in(chunk.error)
            return
        if chunk.usage:
            self._usage = chunk.usage
        for choice in chunk.choices or ():
            if choice.finish_reason:
                self.row.finish = str(choice.finish_reason)
            if choice.delta is not None:
                self._piece(stamp, choice.delta)
            elif choice.text:
                self._text.append(str(choice.text))
                saw(self.row, stamp, hidden=False)

    def _piece(self, stamp: int, delta: _Delta) -> None:
        hidden = delta.reasoning_content or delta.reasoning
        shown = delta.content or delta.refusal
        if hidden:
            self._reasoning.append(str(hidden))
        if shown:
            self._text.append(str(shown))
        if delta.tool_calls:
            self._tools.append(msgspec.json.encode(delta.tool_calls).decode())
        if hidden or shown or delta.tool_calls:
            saw(self.row, stamp, hidden=not (shown or delta.tool_calls))

    def close(self) -> None:
        row = self.row
        row.text, row.reasoning, row.tools = "".join(self._text), "".join(self._reasoning), "\n".join(self._tools)
        usage = mapping(self._usage)
        row.tokens, row.counted_by = row.events, EVENTS
        if isinstance(usage.get("completion_tokens"), int):
            row.tokens, row.counted_by = usage["completion_tokens"], USAGE
        row.prompt_tokens = usage.get("prompt_tokens")
        row.reasoning_tokens = mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")


def saw(row: Row, stamp: int, *, hidden: bool) -> None:
    """Counts a piece of the answer; `hidden` is reasoning."""
    row.events += 1
    row.reasoning_events += hidden
    if not row.first:
        row.first = stamp
        row.arrivals = row.first_events = 1
    elif stamp == row.first:
        row.first_events += 1
    elif stamp != row.last:
        row.gaps_ms.append((stamp - row.last) / 1e6)
        row.arrivals += 1
    row.last = stamp
    if not hidden and not row.visible:
        row.visible = stamp


def body_of(raw: Raw) -> tuple[bytes, list[tuple[int, int]]]:
    """The body without the marks of chunks, and how long it was at which time."""
    if not raw.framing.status:
        return b"", []
    spans = raw.framing.spans(raw.buffer)
    stamps: list[tuple[int, int]] = []
    marks, at, length = raw.marks, 0, 0
    for start, end in spans:
        while at < len(marks) and marks[at][0] < end:
            if marks[at][0] > start:
                stamps.append((length + marks[at][0] - start, marks[at][1]))
            at += 1
        length += end - start
        if at < len(marks):
            stamps.append((length, marks[at][1]))
    return b"".join([raw.buffer[start:end] for start, end in spans]), stamps


def events_of(body: bytes, stamps: list[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """Each event's data and the stamp of its last byte."""
    if b"\r" in body:
        body = body.replace(b"\r\n", b" \n").replace(b"\r", b"\n")
    at, place, held = 0, 0, list[bytes]()
    for line in body.split(b"\n"):
        place += len(line) + 1
        if line.startswith(b"data:"):
            held.append(line[5:].strip())
        elif held and not line.strip():
            while at < len(stamps) - 1 and stamps[at][0] < min(place, len(body)):
                at += 1
            yield stamps[at][1] if stamps else 0, b"\n".join(held) if len(held) > 1 else held[0]
            held.clear()


def words_of(body: bytes) -> str:
    """What a refusal says, in its own words."""
    try:
        told: Any = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        return body.decode("utf-8", "replace").strip()[:LONGEST_MESSAGE]
    fields = mapping(told)
    return said_in(fields.get("error") or fields.get("detail") or told)


def said_in(error: Any) -> str:
    return str(mapping(error).get("message", error))[:LONGEST_MESSAGE]
