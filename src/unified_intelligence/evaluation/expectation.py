r"""What a row expects of its answer, and whether the answer keeps it.

`expect` holds one or more of these, and all of them must be kept:

    {"equals": "Paris"} or a list     the visible text is one of these, but for case, blanks and a final full stop
    {"contains": ["Paris", "France"]}  every one is in the visible text, but for case; a list inside is one of several
    {"not_contains": ["sorry"]}       none of these is
    {"regex": "^\d+$"}              the pattern is found in the visible text
    {"number": 36, "unit": "EUR", "tolerance": 0.001} the answer's result: in a box, in bold, in its conclusion, last;
                                      as English or French write it, with its sign and its scale; the unit is percent,
                                      years, months, days or a currency, or left out; the tolerance is relative [0.0015]
    {"calls": [{"name": "f", "arguments": {...}}]}  exactly these calls, in any order; [] is none
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from unified_intelligence.evaluation.canonical import plain
from unified_intelligence.evaluation.finance.keys import YEARS, NumberKey, is_given
from unified_intelligence.evaluation.suite import Score

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Answer

Expect = Mapping[str, object]
TOLERANCE = 0.0015
_PERCENT = "percent"
_TEXTS = frozenset({"equals", "contains", "not_contains", "regex"})

Language = Literal["en", "fr"]


def check_expectation(expect: Expect) -> None:
    """Raises ValueError for an expectation that cannot be checked."""
    unknown = expect.keys() - {*_CHECKS, "tolerance", "unit"}
    if unknown or not expect.keys() & _CHECKS.keys():
        raise ValueError(
            f'"expect" has one or more of {", ".join(_CHECKS)}, not {", ".join(sorted(unknown)) or "nothing"}.'
        )
    for name in expect.keys() & _TEXTS:
        _check_texts(name, expect[name])
    _check_number(expect)
    try:
        re.compile(str(expect.get("regex", "")))
    except re.error as error:
        raise ValueError(f'"regex" is no pattern: {error}') from error
    calls = expect.get("calls", [])
    if not isinstance(calls, list | tuple) or not all(map(_is_call, cast("Sequence[object]", calls))):
        raise ValueError('"calls" is a list of {"name": ..., "arguments": {...}}.')


def _check_texts(name: str, value: object) -> None:
    """What no answer could keep, or every answer would, measures nothing."""
    if name == "regex" and not isinstance(value, str):
        raise ValueError(f'"regex" is a text, not {value!r}.')
    several = _many(value)
    if name == "contains":
        several = [inner for one in several for inner in (_many(one) or [""])]
    if not several or not all(isinstance(own, str) and own.strip() for own in several):
        raise ValueError(f'"{name}" is a text or a list of texts, none of them empty, not {value!r}.')


def _check_number(expect: Expect) -> None:
    if "number" not in expect:
        if extra := sorted(expect.keys() & {"tolerance", "unit"}):
            raise ValueError(f'"{extra[0]}" belongs to "number", which is missing.')
        return
    number, tolerance, unit = expect["number"], expect.get("tolerance", TOLERANCE), expect.get("unit", "")
    if not _is_finite(number):
        raise ValueError(f'"number" is a number, not {number!r}.')
    if not _is_finite(tolerance) or float(str(tolerance)) < 0:
        raise ValueError(f'"tolerance" is a number of 0 or more, not {tolerance!r}.')
    if unit not in {"", _PERCENT, *YEARS} and not re.fullmatch("[A-Z]{3}", str(unit)):
        raise ValueError(f'"unit" is percent, years, months, days or a currency such as EUR, not {unit!r}.')


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_call(value: object) -> bool:
    if not isinstance(value, Mapping):
        return False
    call = cast("Expect", value)
    return isinstance(call.get("name"), str) and isinstance(call.get("arguments") or {}, Mapping)


def score(expect: Expect, answer: Answer, language: Language = "en") -> Score:
    """One gate for each thing expected; the language says how numbers are written where they do not show it."""
    gates = {name: check(expect, answer, language) for name, check in _CHECKS.items() if name in expect}
    failed = next((name for name, kept in gates.items() if not kept), "")
    return Score(right=not failed, malformed="calls" in expect and _unreadable(answer), error_type=failed, gates=gates)


def _equals(expect: Expect, answer: Answer, _: Language) -> bool:
    return _folded(answer.text) in {_folded(str(own)) for own in _many(expect["equals"])}


def _contains(expect: Expect, answer: Answer, _: Language) -> bool:
    text = _folded(answer.text)
    return all(any(_folded(str(own)) in text for own in _many(one)) for one in _many(expect["contains"]))


def _not_contains(expect: Expect, answer: Answer, _: Language) -> bool:
    return not any(_folded(str(own)) in _folded(answer.text) for own in _many(expect["not_contains"]))


def _regex(expect: Expect, answer: Answer, _: Language) -> bool:
    return re.search(str(expect["regex"]), answer.text) is not None


def _number(expect: Expect, answer: Answer, language: Language) -> bool:
    unit = str(expect.get("unit", ""))
    key = NumberKey(
        name="number",
        value=float(str(expect["number"])),
        unit="" if unit == _PERCENT else unit,
        percent="points" if unit == _PERCENT else "",
        relative=float(str(expect.get("tolerance", TOLERANCE))),
    )
    return is_given(key, answer.text, language)


def _calls(expect: Expect, answer: Answer, _: Language) -> bool:
    if _unreadable(answer):
        return False
    made = [{"name": call.name, "arguments": json.loads(call.arguments or "{}")} for call in answer.tool_calls]
    for wanted in cast("Sequence[Mapping[str, object]]", _many(expect["calls"])):
        call = {"name": wanted["name"], "arguments": plain(wanted.get("arguments") or {})}
        if call not in made:
            return False
        made.remove(call)
    return not made


def _unreadable(answer: Answer) -> bool:
    """Whether the arguments of a call are no JSON object."""
    try:
        return not all(isinstance(json.loads(call.arguments or "{}"), dict) for call in answer.tool_calls)
    except (ValueError, RecursionError):
        return True


def _folded(text: str) -> str:
    return " ".join(text.casefold().split()).removesuffix(".")


def _many(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value) if isinstance(value, list | tuple) else [value]


_CHECKS = {
    "equals": _equals,
    "contains": _contains,
    "not_contains": _not_contains,
    "regex": _regex,
    "number": _number,
    "calls": _calls,
}
