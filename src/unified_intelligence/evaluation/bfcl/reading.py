"""An answer as calls: as strictly as its route is read on the leaderboard, and as kindly as it can be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unified_intelligence.evaluation.bfcl.lenient import LenientCalls, lenient_calls
from unified_intelligence.evaluation.bfcl.pythonic import pythonic_calls
from unified_intelligence.evaluation.bfcl.routes import PROMPT, TOOLS, dotless
from unified_intelligence.evaluation.bfcl.strict import strict_calls, visible

if TYPE_CHECKING:
    from unified_intelligence.entities.tools import ToolCall
    from unified_intelligence.evaluation.bfcl.cases import Case
    from unified_intelligence.evaluation.suite import Answer


@dataclass(frozen=True, slots=True)
class Reading:
    """`strict` is None where the leaderboard could not decode; `missed` says that a call was tried beside the form."""

    strict: list[dict[str, Any]] | None
    lenient: LenientCalls
    missed: bool


def read_answer(case: Case, answer: Answer, route: str) -> Reading:
    """The calls of an answer that came by `route`; those that the provider read already count on every route."""
    names = [dotless(function["name"]) if route == TOOLS else function["name"] for function in case.functions]
    if answer.unreadable:
        kind = lenient_calls(answer.text, names)
        if not kind.missed:
            kind.broken.append(answer.text)
        return Reading(None, kind, missed=True)
    if answer.tool_calls:
        return _read_calls(answer.tool_calls)
    kind = lenient_calls(answer.text, names)
    if route == TOOLS:
        return Reading([], kind, missed=bool(kind.calls or kind.broken))
    if route == PROMPT:
        return _read_python(answer.text, kind)
    return Reading(strict_calls(answer.text), kind, missed=kind.missed)


def _read_calls(calls: Sequence[ToolCall]) -> Reading:
    kind = LenientCalls()
    for call in calls:
        try:
            arguments = json.loads(call.arguments)
        except (ValueError, RecursionError):
            arguments = None
        if isinstance(arguments, dict):
            kind.calls.append({call.name: arguments})
        else:
            kind.broken.append(f"{call.name}({call.arguments})")
    return Reading(None if kind.broken else kind.calls, kind, missed=bool(kind.broken))


def _read_python(text: str, kind: LenientCalls) -> Reading:
    written = visible(text).strip()
    strict = pythonic_calls(written) if written.startswith("[") else None
    if strict is None:
        return Reading(None, kind, missed=bool(kind.calls or kind.broken))
    return Reading(strict, LenientCalls(calls=strict), missed=False)
