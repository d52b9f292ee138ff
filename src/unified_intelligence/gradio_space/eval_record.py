"""The record of one sample: what the model said, or what went wrong. Nothing is scored here.

Its outcome is `answered`, `truncated` (no end came: the greatest length, or reasoning that was never closed),
`malformed` (a call or a form nobody can read) or `error`. How long an answer is says nothing of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal

from unified_intelligence.entities.errors import AnswerInvalidError, MalformedToolCallError
from unified_intelligence.gradio_space.event_json import error_json

if TYPE_CHECKING:
    from unified_intelligence.entities.errors import UnifiedIntelligenceError
    from unified_intelligence.entities.generation import Generation
    from unified_intelligence.entities.tools import ToolCall
    from unified_intelligence.gradio_space.eval_request import Task

Record = dict[str, Any]
Outcome = Literal["answered", "truncated", "malformed", "error"]
OUTCOMES: tuple[Outcome, ...] = ("answered", "truncated", "malformed", "error")


def said(generation: Generation, most: int | None) -> Record:
    """The part of a record that an answer gives; `most` is the number of tokens that it might have."""
    usage = None if generation.usage is None else asdict(generation.usage)
    return {
        "outcome": _outcome(generation, most),
        "text": generation.text,
        "reasoning": generation.reasoning,
        "tool_calls": list(map(_call, generation.tool_calls)),
        "finish_reason": generation.finish_reason,
        "usage": usage and {name: value for name, value in usage.items() if value is not None},
        "error": None,
    }


def failed(error: UnifiedIntelligenceError) -> Record:
    """The part of a record that a failure gives. What came before it is kept, and is no answer."""
    told = error_json(error)
    written = error.answer if isinstance(error, AnswerInvalidError) else error.partial
    return {
        "outcome": "malformed" if isinstance(error, AnswerInvalidError | MalformedToolCallError) else "error",
        "text": written,
        "reasoning": "",
        "tool_calls": [],
        "finish_reason": None,
        "usage": None,
        "error": {"type": told.pop("kind"), **{name: value for name, value in told.items() if name != "type"}},
    }


def record_of(run_id: str, task: Task, part: Mapping[str, Any], attempt: int) -> Record:
    times = {"ttft_s": None, "latency_s": None, "queue_s": None, "started_at": ""}
    return {
        "run_id": run_id, "sample_id": task.sample_id, "epoch": task.epoch, "attempt": attempt,
        "input_sha256": task.digest, **times, **part, "scores": {}, "cost_usd": None,
    }  # fmt: skip


def _call(call: ToolCall) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _outcome(generation: Generation, most: int | None) -> Outcome:
    written = generation.usage.completion_tokens if generation.usage else 0
    unclosed = bool(generation.reasoning) and not generation.text.strip() and not generation.tool_calls
    if generation.finish_reason == "length" or unclosed or (most is not None and written >= most):
        return "truncated"
    return "answered" if all(_is_readable(call.arguments) for call in generation.tool_calls) else "malformed"


def _is_readable(arguments: str) -> bool:
    try:
        return not arguments.strip() or isinstance(json.loads(arguments), dict)
    except (ValueError, RecursionError):
        return False
