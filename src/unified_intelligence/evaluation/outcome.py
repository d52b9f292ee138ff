"""The five ways an attempt ends, and the one function that says which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Answer, Score

Outcome = Literal["right", "wrong", "malformed", "truncated", "error"]
OUTCOMES: tuple[Outcome, ...] = ("right", "wrong", "malformed", "truncated", "error")

_OPENED, _CLOSED = "<think>", "</think>"


def outcome_of(answer: Answer, score: Score | None, max_tokens: int | None) -> Outcome:
    """How an attempt ended; `max_tokens` is the limit it was asked with.

    What the server says about the end is believed only when it admits a cut. An answer of nothing at all is malformed:
    saying nothing is no abstention, and a server that lost its model says nothing too.
    """
    if answer.error is not None:
        return "error"
    if is_truncated(answer, max_tokens):
        return "truncated"
    if answer.unreadable or not (answer.text.strip() or answer.tool_calls) or (score is not None and score.malformed):
        return "malformed"
    return "right" if score is not None and score.right else "wrong"


def is_truncated(answer: Answer, max_tokens: int | None) -> bool:
    """Whether the answer was cut off: the server says so, all tokens were used, or a thought has no end."""
    if answer.finish_reason == "length":
        return True
    if max_tokens is not None and answer.usage is not None and answer.usage.completion_tokens >= max_tokens:
        return True
    if answer.text.rpartition(_OPENED)[1] and _CLOSED not in answer.text.rpartition(_OPENED)[2]:
        return True
    return bool(answer.reasoning.strip()) and not (answer.text.strip() or answer.tool_calls)
