"""What the chat window shows of an answer: its reasoning, its text, its calls, its failure, its figures.

Gradio draws a message that has a title as a block that opens and closes. All but the text are such blocks, and only
what has no title was said: that is what the model is told of the conversation so far.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from unified_intelligence.gradio_space.event_json import EventJson

ChatMessage = dict[str, Any]

STOPPED = "Stopped"
_LONGEST_NAME = 60
_SHORTEST = 0.02  # seconds: a rate over less is that of handing over what was there already
_REASONS = {"length": "It reached its greatest length.", "content_filter": "A filter ended it."}


def said_in(history: Sequence[Mapping[str, Any]]) -> list[EventJson]:
    """The turns of a chat window's messages."""
    return [{"role": message["role"], "content": text_of(message)} for message in history if not title_of(message)]


def title_of(message: Mapping[str, Any]) -> str:
    """The title of a block; empty for what was said."""
    return _metadata(message).get("title") or ""


def text_of(message: Mapping[str, Any]) -> str:
    content = message["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def question(text: str) -> ChatMessage:
    return {"role": "user", "content": text}


@dataclass(slots=True)
class ShownAnswer:
    """One answer while it comes. `waiting` is what is told before anything came."""

    waiting: str
    reasoning: list[str] = field(default_factory=list[str])
    text: list[str] = field(default_factory=list[str])
    calls: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])
    failure: EventJson | None = None
    end: EventJson | None = None
    started: float = field(default_factory=time.perf_counter)
    first: float = 0.0
    thought: float = 0.0

    @property
    def over(self) -> bool:
        return self.end is not None or self.failure is not None

    def add(self, event: EventJson) -> None:
        self.first = self.first or self._passed()
        match event["type"]:
            case "reasoning":
                self.reasoning.append(str(event["text"]))
                self.thought = self._passed() - self.first
            case "delta":
                self.text.append(str(event["text"]))
            case "tool_call":
                name, written = self.calls.get(int(str(event["index"])), ("", ""))
                self.calls[int(str(event["index"]))] = f"{name}{event['name']}", f"{written}{event['arguments']}"
            case "notice":
                self.waiting = str(event["text"])
            case "error":
                self.failure = event
            case "end":
                self.end = event
            case _:
                pass

    def messages(self) -> list[ChatMessage]:
        """What is shown now."""
        shown: list[ChatMessage] = []
        if self.reasoning:
            going_on = not (self.text or self.calls or self.over)
            shown.append(_block("Reasoning", "".join(self.reasoning), pending=going_on, seconds=self.thought))
        if self.text:
            shown.append({"role": "assistant", "content": "".join(self.text)})
        shown += [_block(f"Call of {name[:_LONGEST_NAME]}", _code(written)) for name, written in self.calls.values()]
        if not (shown or self.over):
            shown.append(_block(self.waiting, "", pending=True))
        if self.failure is not None:
            hint = f" {self.failure['hint']}" if self.failure.get("hint") else ""
            shown.append(_block("No answer", f"{self.failure['message']}{hint}"))
        if self.end is not None:
            shown.append(self._figures(self.end))
        return shown

    def _passed(self) -> float:
        return time.perf_counter() - self.started

    def _figures(self, end: EventJson) -> ChatMessage:
        usage, timings = _numbers(end.get("usage")), _numbers(end.get("timings"))
        written, took = usage.get("completion_tokens"), timings.get("total", 0) - timings.get("first_event", 0)
        short = [f"{_duration(self.first)} to the first token"]
        if written is not None:
            short += [f"{(written - 1) / took:,.0f} tokens/s"] if written > 1 and took >= _SHORTEST else []
            short.append(f"{written:,.0f} tokens")
        rows = {
            "From the question to the first token": _duration(self.first),
            "of that, in the model": _duration(timings["first_event"]) if timings else None,
            "The whole answer": _duration(self._passed()),
            "Tokens read": usage.get("prompt_tokens"),
            "of those, known already": usage.get("cached_tokens"),
            "Tokens written": written,
            "of those, reasoning": usage.get("reasoning_tokens"),
        }
        told = [f"- {name}: {value}" for name, value in rows.items() if value is not None]
        ended = _REASONS.get(str(end["finish_reason"]))
        return _block(" · ".join(short), "\n".join([f"{ended}\n"] * bool(ended) + told), done=not ended)


def stopped(history: Sequence[ChatMessage]) -> list[ChatMessage]:
    """The messages of an answer that somebody ended: nothing in them is under way any more."""
    ended = [
        {**message, "metadata": {**message["metadata"], "status": "done"}} if _is_pending(message) else message
        for message in history
        if text_of(message) or not _is_pending(message)
    ]
    return [*ended, _block(STOPPED, "You ended this answer.", done=True)]


def _is_pending(message: ChatMessage) -> bool:
    return _metadata(message).get("status") == "pending"


def _metadata(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return message.get("metadata") or {}


def _block(title: str, content: str, *, pending: bool = False, done: bool = False, seconds: float = 0.0) -> ChatMessage:
    """Open while it is under way, closed once it is done, and open where it is neither."""
    metadata: dict[str, Any] = {"title": title}
    if pending or done or seconds:
        metadata["status"] = "pending" if pending else "done"
    if seconds:
        metadata["duration"] = round(seconds, 1)
    return {"role": "assistant", "content": content, "metadata": metadata}


def _code(text: str) -> str:
    """JSON where it is some, between fences that do not occur in it."""
    with suppress(ValueError, RecursionError):
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}json\n{text}\n{fence}"


def _numbers(value: object) -> Mapping[str, float]:
    return value if isinstance(value, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 0.95 else f"{seconds * 1000:.0f} ms"
