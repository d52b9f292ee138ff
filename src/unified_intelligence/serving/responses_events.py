"""An answer as a response of OpenAI's: its items while they grow, and the typed events that tell of them.

Reasoning, text and calls are items of their own. A message or a piece of reasoning ends where another kind begins;
calls end with the answer, because the pieces of several may come mixed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from unified_intelligence.entities.generation import (
    Event,
    Finished,
    FinishReason,
    Notice,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.serving.answer_json import logprob_of, now

if TYPE_CHECKING:
    from unified_intelligence.serving.errors import Failure

Told = dict[str, Any]
_Status = Literal["in_progress", "completed", "incomplete"]
_CUT: Mapping[FinishReason, str] = {"length": "max_output_tokens", "content_filter": "content_filter"}


@dataclass(slots=True)
class _Growing:
    """An item that is being written; `item` is as the response holds it."""

    index: int
    item: Told
    pieces: list[str] = field(default_factory=list[str])
    logprobs: list[Told] = field(default_factory=list[Told])

    @property
    def place(self) -> Told:
        return {"item_id": self.item["id"], "output_index": self.index}

    @property
    def part(self) -> Told:
        text = "".join(self.pieces)
        if self.item["type"] == "reasoning":
            return {"type": "reasoning_text", "text": text}
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": self.logprobs}


class Writer:
    """Writes one response. The events it gives carry no sequence number yet."""

    def __init__(self, about: Mapping[str, object], *, logprobs: bool) -> None:
        """`about` is what the response says of its request; `logprobs` whether probabilities were asked for."""
        self._about, self._wants_logprobs = about, logprobs
        self._id, self._created = _new_id("resp"), now()
        self._output: list[Told] = []
        self._open: _Growing | None = None
        self._calls: dict[int, _Growing] = {}

    def begin(self) -> Iterator[Told]:
        for kind in ("response.created", "response.in_progress"):
            yield {"type": kind, "response": self.response("in_progress")}

    def add(self, event: Event) -> Iterator[Told]:
        match event:
            case TextDelta() | ReasoningDelta():
                if event.text or (isinstance(event, TextDelta) and event.logprobs):
                    yield from self._add_text(event)
            case ToolCallDelta():
                yield from self._close()
                yield from self._add_call(event)
            case Finished():
                yield from self._finish(event)
            case Notice():
                pass

    def fail(self, failure: Failure) -> Told:
        """The last event of an answer that broke: what had come stays, marked as incomplete."""
        for growing in (self._open, *self._calls.values()):
            if growing is not None:
                _settle(growing, "incomplete")
        code = "rate_limit_exceeded" if failure.status == 429 else "server_error"
        broken = self.response("failed", error={"code": code, "message": failure.message})
        return {"type": "response.failed", "response": broken}

    def response(self, status: str, **more: object) -> Told:
        return {
            "id": self._id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
            **self._about,
            "max_tool_calls": None,
            "output": [dict(item) for item in self._output],
            "usage": None,
            **more,
        }

    def _finish(self, finished: Finished) -> Iterator[Told]:
        cut = _CUT.get(finished.finish_reason)
        status: _Status = "incomplete" if cut else "completed"
        if not cut and not self._calls and not any(item["type"] == "message" for item in self._output):
            yield from self._open_part("message")
        yield from self._close(status)
        for call in self._calls.values():
            yield from _call_done(call, status)
        whole = self.response(
            status,
            usage=_usage(finished.usage),
            incomplete_details={"reason": cut} if cut else None,
            completed_at=None if cut else now(),
        )
        yield {"type": f"response.{status}", "response": whole}

    def _add_text(self, event: TextDelta | ReasoningDelta) -> Iterator[Told]:
        kind = "reasoning" if isinstance(event, ReasoningDelta) else "message"
        if self._open is None or self._open.item["type"] != kind:
            yield from self._close()
            yield from self._open_part(kind)
        growing = self._open
        assert growing is not None
        growing.pieces.append(event.text)
        told: Told = {**growing.place, "content_index": 0, "delta": event.text}
        if isinstance(event, ReasoningDelta):
            yield {"type": "response.reasoning_text.delta", **told}
            return
        logprobs = list(map(logprob_of, event.logprobs)) if self._wants_logprobs else []
        growing.logprobs.extend(logprobs)
        yield {"type": "response.output_text.delta", **told, "logprobs": logprobs}

    def _open_part(self, kind: Literal["message", "reasoning"]) -> Iterator[Told]:
        item: Told = {"id": _new_id("msg"), "type": "message", "role": "assistant", "content": []}
        if kind == "reasoning":
            item = {"id": _new_id("rs"), "type": "reasoning", "summary": [], "content": []}
        self._open = self._grow(item)
        yield _added(self._open)
        yield {
            "type": "response.content_part.added",
            **self._open.place,
            "content_index": 0,
            "part": {**self._open.part, **({"logprobs": []} if kind == "message" else {})},
        }

    def _add_call(self, event: ToolCallDelta) -> Iterator[Told]:
        call = self._calls.get(event.index)
        if call is None:
            item = {"id": _new_id("fc"), "type": "function_call", "call_id": event.id or _new_id("call")}
            call = self._calls[event.index] = self._grow({**item, "name": event.name, "arguments": ""})
            yield _added(call)
        if event.arguments:
            call.pieces.append(event.arguments)
            yield {"type": "response.function_call_arguments.delta", **call.place, "delta": event.arguments}

    def _grow(self, item: Told) -> _Growing:
        item["status"] = "in_progress"
        self._output.append(item)
        return _Growing(len(self._output) - 1, item)

    def _close(self, status: _Status = "completed") -> Iterator[Told]:
        growing, self._open = self._open, None
        if growing is None:
            return
        part, place = growing.part, {**growing.place, "content_index": 0}
        if part["type"] == "reasoning_text":
            yield {"type": "response.reasoning_text.done", **place, "text": part["text"]}
        else:
            yield {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": part["logprobs"]}
        yield {"type": "response.content_part.done", **place, "part": part}
        _settle(growing, status)
        yield _done(growing)


def _settle(growing: _Growing, status: _Status) -> None:
    if growing.item["type"] == "function_call":
        growing.item["arguments"] = "".join(growing.pieces)
    else:
        growing.item["content"] = [growing.part]
    growing.item["status"] = status


def _call_done(call: _Growing, status: _Status) -> Iterator[Told]:
    _settle(call, status)
    arguments, name = call.item["arguments"], call.item["name"]
    yield {"type": "response.function_call_arguments.done", **call.place, "name": name, "arguments": arguments}
    yield _done(call)


def _added(growing: _Growing) -> Told:
    return {"type": "response.output_item.added", "output_index": growing.index, "item": dict(growing.item)}


def _done(growing: _Growing) -> Told:
    return {"type": "response.output_item.done", "output_index": growing.index, "item": dict(growing.item)}


def _new_id(prefix: str) -> str:
    return f"{prefix}_{uuid.uuid4().hex}"


def _usage(usage: Usage | None) -> Told | None:
    """A detail nobody counts is told as 0, since its place may not be empty."""
    if usage is None:
        return None
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens or 0, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
