"""Events and errors as the endpoint `generate` gives them: one JSON object each, told apart by `type`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import ProviderError, UnifiedIntelligenceError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    Notice,
    ReasoningDelta,
    TextDelta,
    TokenLogprob,
    ToolCallDelta,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

EventJson = dict[str, object]


def event_json(event: Event, build: str) -> EventJson:
    """What is unknown is left out. `build` is told at the end: which code answered."""
    match event:
        case TextDelta():
            logprobs = {"logprobs": list(map(_logprob, event.logprobs))} if event.logprobs else {}
            return {"type": "delta", "text": event.text, **logprobs}
        case ReasoningDelta():
            return {"type": "reasoning", "text": event.text}
        case ToolCallDelta():
            return {"type": "tool_call", **asdict(event)}
        case Notice():
            return {"type": "notice", "text": event.text}
        case Finished():
            return {"type": "end", "finish_reason": event.finish_reason, **_figures(event), "build": build}


def error_json(error: UnifiedIntelligenceError) -> EventJson:
    told: EventJson = {
        "type": "error",
        "kind": error.code,
        "message": error.message,
        "hint": error.hint,
        "retryable": error.retryable,
    }
    if isinstance(error, ProviderError) and error.retry_after is not None:
        told["retry_after"] = error.retry_after
    return told


def _figures(event: Finished) -> Mapping[str, object]:
    figures: dict[str, object] = {}
    if event.usage is not None:
        figures["usage"] = {name: value for name, value in asdict(event.usage).items() if value is not None}
    if event.timings is not None:
        figures["timings"] = asdict(event.timings)
    return figures


def _logprob(token: TokenLogprob) -> EventJson:
    told: EventJson = {"token": token.token, "logprob": token.logprob}
    if token.alternatives:
        told["alternatives"] = list(map(_logprob, token.alternatives))
    return told
