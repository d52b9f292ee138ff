"""The calls in a text of Hermes and Qwen, read as strictly as the leaderboard's handler of Qwen3 reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from unified_intelligence.evaluation.bfcl.checker import Verdict, check

_OPENED, _CLOSED = "<tool_call>\n", "\n</tool_call>"
_THOUGHT_END = "</think>"


def visible(text: str) -> str:
    """What stands behind the last thought; a thought without an end is taken for the answer."""
    return text.rpartition(_THOUGHT_END)[2].lstrip("\n") if _THOUGHT_END in text else text


def strict_calls(text: str) -> list[dict[str, Any]] | None:
    """The calls of a text, [] where it makes none; None where one cannot be decoded.

    What stands between the tags and is no JSON is passed over without a word, as the handler does.
    """
    written: list[Any] = []
    for inside in _tagged(visible(text)):
        try:
            written.append(json.loads(inside))
        except (ValueError, RecursionError):
            continue
    calls: list[dict[str, Any]] = []
    for call in written:
        if not isinstance(call, dict):
            return None
        fields = cast("dict[str, Any]", call)
        name, arguments = fields.get("name", []), fields.get("arguments")
        if isinstance(name, list | dict) or not isinstance(arguments, dict):  # a number passes for a name
            return None
        calls.append({name: arguments})
    return calls


def _tagged(text: str) -> Iterator[str]:
    """What stands between an opening tag and the next closing one, each with its line break."""
    begin = text.find(_OPENED)
    while begin >= 0:
        begin += len(_OPENED)
        end = text.find(_CLOSED, begin)
        if end < 0:
            return
        yield text[begin:end]
        begin = text.find(_OPENED, end + len(_CLOSED))


def check_text(
    *,
    category: str,
    functions: Sequence[Mapping[str, Any]],
    text: str,
    ground_truth: Sequence[Mapping[str, Any]] = (),
) -> Verdict:
    """The leaderboard's verdict on what a Qwen3 model wrote; arguments and errors as those of `check`."""
    return check(category=category, functions=functions, output=strict_calls(text), ground_truth=ground_truth)
