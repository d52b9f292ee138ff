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
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from unified_intelligence.evaluation.canonical import plain
from unified_intelligence.evaluation.finance.keys import NumberKey, is_given
from unified_intelligence.evaluation.suite import Score

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Answer

Expect = Mapping[str, object]
TOLERANCE = 0.0015
_PERCENT = "percent"

Language = Literal["en", "fr"]


def check_expectation(expect: Expect) -> None:
    """Raises ValueError for an expectation that cannot be checked."""
    unknown = expect.keys() - {*_CHECKS, "tolerance", "unit"}
    if unknown or not expect.keys() & _CHECKS.keys():
        raise ValueError(
            f'"expect" has one or more of {", ".join(_CHECKS)}, not {", ".join(sorted(unknown)) or "nothing"}.'
        )
    number = expect.get("number", 0)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError(f'"number" is a number, not {number!r}.')
    tolerance = expect.get("tolerance", 0)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or tolerance < 0:
        raise ValueError(f'"tolerance" is a number of 0 or more, not {tolerance!r}.')
    try:
        re.compile(str(expect.get("regex", "")))
    except re.error as error:
        raise ValueError(f'"regex" is no pattern: {error}') from error
    for call in _many(expect.get("calls", [])):
        if not isinstance(call, Mapping) or "name" not in call:
            raise ValueError('"calls" is a list of {"name": ..., "arguments": {...}}.')


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
    except ValueError:
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
