"""From the messages of a Gradio app's queue to a row: its turn, each piece, what the Space tells of its GPU.

The answer is that of our own Spaces, typed events of /generate, or that of a chat's /respond: a conversation that comes
whole, or grows. ZeroGPU's refusals are known by their title and their text.
"""

from __future__ import annotations

import re
from typing import Any, cast

import msgspec
from msgspec import Struct, field

from unified_intelligence.benchmark.json_value import mapping
from unified_intelligence.benchmark.reply import (
    EVENTS,
    LONGEST_MESSAGE,
    USAGE,
    Raw,
    body_of,
    events_of,
    saw,
    words_of,
)
from unified_intelligence.benchmark.row import Row

QUOTA, NO_TOKEN = "quota_exceeded", "no_token"
NOTHING_LEFT = frozenset({QUOTA, NO_TOKEN})
"""After these every request would be refused: nothing more is sent."""

_UNAVAILABLE, _RATE, _TOO_LONG = "gpu_unavailable", "rate_limited", "too_long_for_gpu"
NO_GPU = NOTHING_LEFT | {_UNAVAILABLE, _RATE, _TOO_LONG}
"""Those who were refused a GPU, and so took no second of one."""

_REFUSALS = (
    (r"reached its GPU limit", NO_TOKEN),
    (r"No GPU was available|queue timeout", _UNAVAILABLE),
    (r"pending credits|too many ZeroGPU credits", _RATE),
    (r"illegal duration|larger than the maximum allowed", _TOO_LONG),
    (r"quota exceeded|exceeded your .*ZeroGPU", QUOTA),
    (r"ZeroGPU client error|proxy token", _UNAVAILABLE),
    (r"ZeroGPU worker error|GPU task aborted", "gpu_worker"),
)
_OURS = "uic:"  # before the kind of an error, in the title of one that our Spaces raise


class _Output(Struct):
    data: list[Any] = field(default_factory=list[Any])
    error: Any = None
    title: Any = None


class _Message(Struct):
    msg: str = ""
    rank: int | None = None
    rank_eta: float | None = None
    output: _Output | None = None
    success: bool = True
    message: str = ""
    session_not_found: bool = False


_DECODE = msgspec.json.Decoder(_Message)


def read_space_reply(raw: Raw) -> Row:
    """The row, filled. What cannot be read becomes the row's error."""
    row, framing = raw.row, raw.framing
    row.status = framing.status
    body, stamps = body_of(raw)
    if framing.status and framing.status != 200:
        _refused(row, framing.status, words_of(body))
        return row
    answer = _Answer(row)
    try:
        for stamp, data in events_of(body, stamps) if row.joined else ():
            answer.add(stamp, _DECODE.decode(data))
            if row.error or answer.completed:
                break
    except msgspec.MsgspecError as error:
        row.error, row.message = "unreadable", f"{error}"[:LONGEST_MESSAGE]
    answer.close()
    if row.error:
        return row
    if raw.failure[0]:
        row.error, row.message = raw.failure
    elif not answer.completed or (answer.typed and not row.finish):
        row.error, row.message = "cut", "The stream ended without an end."
    elif not row.events:
        row.error, row.message = "empty", "The Space gave back no piece of an answer."
    return row


class _Answer:
    """Adds the messages of a reply up."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.typed = self.completed = False
        self._text, self._reasoning, self._tools = list[str](), list[str](), list[str]()
        self._usage: dict[str, Any] = {}
        self._known = ""

    def add(self, stamp: int, message: _Message) -> None:
        row = self.row
        match message.msg:
            case "estimation" if row.ahead is None:
                row.ahead = message.rank
                row.eta_ms = None if message.rank_eta is None else message.rank_eta * 1000
            case "process_starts":
                row.started = stamp
                row.queue_ms = (stamp - row.joined) / 1e6
            case "process_generating" | "process_completed":
                self.completed = message.msg == "process_completed"
                self._output(stamp, message)
            case "unexpected_error":
                row.error = "expired" if message.session_not_found else "app_stopped"
                row.message = message.message[:LONGEST_MESSAGE] or "The app does not know this call any more."
            case _:
                pass

    def close(self) -> None:
        row = self.row
        row.text, row.reasoning, row.tools = "".join(self._text), "".join(self._reasoning), "\n".join(self._tools)
        row.tokens, row.counted_by = row.events, EVENTS
        if isinstance(self._usage.get("completion_tokens"), int):
            row.tokens, row.counted_by = self._usage["completion_tokens"], USAGE
        row.prompt_tokens = self._usage.get("prompt_tokens")
        row.reasoning_tokens = self._usage.get("reasoning_tokens")

    def _output(self, stamp: int, message: _Message) -> None:
        output = message.output or _Output()
        if not message.success:
            self.row.error, self.row.message = _meant(str(output.title or ""), str(output.error or ""))
            return
        first = mapping(output.data[0]) if output.data else {}
        if isinstance(first.get("type"), str):
            self.typed = True
            again = self.row.finish or (self.row.events and first["type"] not in {"end", "error"})
            if not (self.completed and again):  # the last one is told twice
                self._event(stamp, first)
            return
        grown = _said(output.data)
        new = grown.removeprefix(self._known)
        if new:
            self._text = [grown]
            self._known = grown
            saw(self.row, stamp, hidden=False)
        if self.completed:
            self.row.finish = "stop"

    def _event(self, stamp: int, event: dict[str, Any]) -> None:
        row = self.row
        match event["type"]:
            case "delta" if event.get("text"):
                self._text.append(str(event["text"]))
                saw(row, stamp, hidden=False)
            case "reasoning" if event.get("text"):
                self._reasoning.append(str(event["text"]))
                saw(row, stamp, hidden=True)
            case "tool_call":
                self._tools.append(msgspec.json.encode(event).decode())
                saw(row, stamp, hidden=False)
            case "end":
                row.finish = str(event.get("finish_reason") or "stop")
                self._usage = mapping(event.get("usage"))
                row.compute_ms = _milliseconds(mapping(event.get("timings")).get("total"))
                _lent(row, event)
            case "error":
                row.error = str(event.get("kind") or "app_error")
                row.message = str(event.get("message") or "")[:LONGEST_MESSAGE]
                _lent(row, event)
            case _:
                pass


def _lent(row: Row, event: dict[str, Any]) -> None:
    """What our Spaces tell of the GPU they were lent."""
    gpu = mapping(event.get("gpu"))
    row.gpu_wait_ms, row.gpu_ms = _milliseconds(gpu.get("waited")), _milliseconds(gpu.get("held"))


def _milliseconds(seconds: object) -> float | None:
    return seconds * 1000 if isinstance(seconds, int | float) else None


def _refused(row: Row, status: int, words: str) -> None:
    row.message = words
    row.error = "queue_full" if status == 503 and "queue is full" in words.lower() else f"http_{status}"


def _meant(title: str, text: str) -> tuple[str, str]:
    """The kind of a failure that a Space tells, and its words."""
    said = f"{title}: {text}" if title and title != "Error" else text
    if title.startswith(_OURS):
        return title.removeprefix(_OURS), text[:LONGEST_MESSAGE]
    kind = next((kind for form, kind in _REFUSALS if re.search(form, said, re.IGNORECASE)), "app_error")
    return kind, said[:LONGEST_MESSAGE] or "The Space failed and does not say why."


def _said(outputs: list[Any]) -> str:
    """What the assistant said last in a conversation among what was given back; else the last text there."""
    for output in outputs:
        if isinstance(output, list) and output:
            last: Any = cast("list[Any]", output)[-1]
            pair = cast("list[Any]", last) if isinstance(last, list) else []
            return _text(pair[1] if len(pair) == 2 else mapping(last).get("content"))
    return next((output for output in reversed(outputs) if isinstance(output, str)), "")


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(map(_text, cast("list[Any]", content)))
    return content if isinstance(content, str) else str(mapping(content).get("text") or "")
