"""The calls a text means, however they are spelled. What had to be mended is named, so that a loss of format can be
told from a wrong call: the difference between this reading and the strict one is what teaching the format would win.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from unified_intelligence.evaluation.bfcl.pythonic import python_literal, pythonic_calls
from unified_intelligence.evaluation.bfcl.strict import visible

_OPENED, _CLOSED = "<tool_call>", "</tool_call>"
_FENCE = re.compile(r"```[\w-]*[ \t]*\r?\n?(.*?)(?:```|$)", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_DECODER = json.JSONDecoder()


@dataclass(slots=True)
class LenientCalls:
    """`repairs` names what is not as the format wants it, each once, in order; `broken` are attempts nobody can read.

    A text without any attempt has neither calls nor repairs nor broken pieces.
    """

    calls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    repairs: list[str] = field(default_factory=list[str])
    broken: list[str] = field(default_factory=list[str])

    @property
    def missed(self) -> bool:
        """Whether a call was tried that a strict reader does not see as it was meant."""
        return bool(self.repairs or self.broken)

    def repair(self, name: str) -> None:
        if name not in self.repairs:
            self.repairs.append(name)


def lenient_calls(text: str, names: Collection[str] = ()) -> LenientCalls:
    """The calls in a text; without tags only those of `names`, where any are given, so that an example is no call."""
    seen = visible(text)
    found = LenientCalls()
    if _OPENED in seen:
        for inside in _insides(seen, found):
            _read(inside, found)
        return found
    for candidate, repair in _bare(seen):
        tried = LenientCalls()
        _read(candidate, tried)
        if tried.calls and not tried.broken and all(_is_offered(call, names) for call in tried.calls):
            tried.repairs.insert(0, repair)
            return tried
    return found


def _is_offered(call: dict[str, Any], names: Collection[str]) -> bool:
    return not names or next(iter(call)) in names


def _insides(text: str, found: LenientCalls) -> Iterator[str]:
    for piece in text.split(_OPENED)[1:]:
        inside, closed, _ = piece.partition(_CLOSED)
        if not closed:
            found.repair("no closing tag")
        elif not (inside.startswith("\n") and inside.endswith("\n")):
            found.repair("no line breaks inside the tags")
        yield inside.strip()


def _bare(text: str) -> Iterator[tuple[str, str]]:
    for fenced in _FENCE.findall(text):
        yield fenced.strip(), "a code fence for the tags"
    stripped = text.strip().strip("`").strip()
    if stripped[:1] in {"[", "{"} or stripped.endswith((")", ")]")):
        yield stripped, "no tags"
    for start in (text.find("[{"), text.find("{")):
        if start >= 0:
            yield text[start:], "no tags"


def _read(written: str, found: LenientCalls) -> None:
    """Adds the calls of one piece, or the piece as broken."""
    try:
        values = list(_values(written, found))
    except ValueError:
        if calls := pythonic_calls(written):
            found.repair("Python for JSON")
            found.calls += calls
        else:
            found.broken.append(written)
        return
    if not values:
        found.broken.append(written)
    for value in values:
        if (call := _as_call(value, found)) is None:
            found.broken.append(json.dumps(value, ensure_ascii=False, default=str))
        else:
            found.calls.append(call)


def _values(written: str, found: LenientCalls) -> Iterator[Any]:
    """The JSON values of a piece, those of a list one by one. Raises ValueError."""
    if not written:
        return
    values = _several(written, found)
    for value in values:
        if isinstance(value, list):
            found.repair("a list in one tag")
            yield from cast("list[Any]", value)
        else:
            yield value


def _several(written: str, found: LenientCalls) -> list[Any]:
    values: list[Any] = []
    place = 0
    try:
        while place < len(written):
            value, end = _DECODER.raw_decode(written, place)
            values.append(value)
            rest = written[end:]
            place = end + len(rest) - len(rest.lstrip(" \t\r\n,;"))
    except (ValueError, RecursionError):
        if values and all(isinstance(value, dict) for value in values):
            found.repair("text behind a call")
            return values
        return [_mended(written, found)]
    if len(values) > 1:
        found.repair("several calls in one tag")
    return values


def _mended(written: str, found: LenientCalls) -> object:
    mended = _TRAILING_COMMA.sub(r"\1", written)
    for closing in ("", "}", "}}"):
        try:
            value = json.loads(mended + closing)
        except (ValueError, RecursionError):
            continue
        found.repair("an unclosed brace" if closing else "a trailing comma")
        return value
    value = python_literal(mended)
    if not isinstance(value, dict | list):
        raise ValueError("no call")
    found.repair("Python quotes")
    return value  # pyright: ignore[reportUnknownVariableType]


def _as_call(value: Any, found: LenientCalls) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    fields = cast("dict[str, Any]", value)
    if isinstance(fields.get("function"), dict):
        found.repair("a function wrapper")
        fields = fields["function"]
    name = fields.get("name", fields.get("function"))
    if not isinstance(name, str):
        return None
    if "name" not in fields:
        found.repair("function for name")
    if "arguments" in fields:
        given = fields["arguments"]
    elif "parameters" in fields:
        found.repair("parameters for arguments")
        given = fields["parameters"]
    else:
        found.repair("no arguments")
        given = None
    arguments = _as_arguments(given, found)
    return None if arguments is None else {name: arguments}


def _as_arguments(given: Any, found: LenientCalls) -> dict[str, Any] | None:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError):
            return None
        found.repair("arguments as a text")
    if given is None:
        found.repair("no arguments")
        return {}
    return given if isinstance(given, dict) else None  # pyright: ignore[reportUnknownVariableType]
