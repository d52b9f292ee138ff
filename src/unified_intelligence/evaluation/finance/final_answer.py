"""Which number of an answer is its result: the one in a box, behind "the answer is", in the conclusion, or the last."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from unified_intelligence.evaluation.finance.marks import plain, visible
from unified_intelligence.evaluation.finance.numbers import Habit, Language, Reading, habit_of, readings

Fits = Callable[[Reading], bool]

_BOXED: Final = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\}")
_ANCHOR: Final = re.compile(
    r"final answer|\banswer\s*(?:is|\*{0,2}\s*[:=])|answer to the question is|réponse finale|la réponse est"
    r"|\b(?:réponse|résultat|résultat final|final result|result)\s*\*{0,2}\s*[:=]",
    re.IGNORECASE,
)
_CONCLUSION: Final = re.compile(
    r"\b(?:therefore|thus|hence|so|in conclusion|in summary|donc|ainsi|par conséquent|en conclusion|au total|finalement"
    r"|en résumé)\b",
    re.IGNORECASE,
)
_COPULA: Final = re.compile(
    r"\bis\b|\bare\b|\bequals?\b|\bamounts? to\b|\bcomes? to\b|\best\b|\bsont\b|\bs['’]élève à\b|\bvaut\b"
    r"|\bégale?\b|\bde\b",
    re.IGNORECASE,
)
_DENIED: Final = re.compile(r"\b(?:not|pas)\s+[$€£¥*\s\u2212-]*$", re.IGNORECASE)
_OR: Final = re.compile(r"[\s,;*]*\b(?:or|ou)\b[\s$€£¥*\u2212-]*", re.IGNORECASE)
_OPERATOR: Final = re.compile(
    r"[\s)²³*]*(?:[*×·÷/^+\u2212\u2013-]|\\(?:times|cdot|div)|\b(?:x|times|fois|plus|minus|moins|divided by"
    r"|multiplied by|divisé par|multiplié par)\b)[\s($€£¥*\u2212-]*",
    re.IGNORECASE,
)
_SHARE_OF: Final = re.compile(r"\s*\b(?:of|de|du|des)\b[\s$€£¥]*", re.IGNORECASE)
_COMES_TO: Final = re.compile(
    r"\bis\b|\bare\b|\bequals?\b|\bgives?\b|\bmakes?\b|\bamounts? to\b|\bcomes? to\b|\best\b|\bsont\b|\bfont\b|\bfait\b"
    r"|\bdonnent?\b|\bs['’]élève à\b|\bvaut\b|\bégale?\b",
    re.IGNORECASE,
)
_EQUALS: Final = re.compile(r"[=≈]|\b(?:approximately|environ|about)\b", re.IGNORECASE)
_BLANK_LINE: Final = re.compile(r"\n\s*\n")
_SENTENCE_END: Final = re.compile(r"[.!](?:\s+|$)")
_BOLD: Final = re.compile(r"\*\*([^*\n]{1,160})\*\*")
_STARTS: Final = re.compile(r"[\s*:=≈(]*[-+\u2212\u2013]?\s*(?:US\$|[€$£¥])?\s*[-\u2212\u2013(]?\s*[.,]?\d")
_SEARCHED: Final = 400  # characters behind an anchor, or at the end
_LAST_LINES: Final = 6
_MOST: Final = 8  # places of a kind, the last ones


class Found(NamedTuple):
    """`how` is the place: boxed, anchor, conclusion, bold, sentence or last."""

    reading: Reading
    how: str


def final_number(text: str, language: Language, fits: Fits) -> Found | None:
    """The result of an answer, None where it holds no number, or two with an "or" between them.

    `fits` says whether the unit of a number is one that the question asks for; among several in one place the first
    that fits is taken. Values are not compared: an answer is not searched for what would be right.
    """
    shown = plain(visible(text))
    habit = habit_of(shown, language)
    for how, place in _places(shown):
        if (reading := _pick(how, place, language, habit, fits)) is not None:
            return None if _is_left_open(place, reading, readings(place, language, habit)) else Found(reading, how)
    return None


def _places(text: str) -> Iterator[tuple[str, str]]:
    for inside in _BOXED.findall(text)[: -_MOST - 1 : -1]:
        yield "boxed", inside.replace("**", "")
    for anchor in list(_ANCHOR.finditer(text))[: -_MOST - 1 : -1]:
        behind = text[anchor.end() : anchor.end() + _SEARCHED].lstrip(" \t*:=\u00a0")
        first, _, _ = _BLANK_LINE.sub("\n\n", behind.strip()).partition("\n\n")
        yield "anchor", ("\n" if behind.startswith("\n") else "") + first.replace("**", "")
    lines = [line for line in text.strip().splitlines() if line.strip()][-_LAST_LINES:]
    for line in reversed(lines):
        for sentence in _sentences(line):
            if _CONCLUSION.search(sentence):
                yield "conclusion", sentence
    for bold in _BOLD.findall(text)[: -_MOST - 1 : -1]:
        yield "bold", bold
    for sentence in _sentences(lines[-1])[:1] if lines else ():
        if _EQUALS.search(sentence) or _COPULA.search(sentence):
            yield "sentence", sentence
    tail = text[-_SEARCHED:]
    if len(text) > _SEARCHED:  # not to begin within a number
        tail = tail[min(len(tail), next((n for n, sign in enumerate(tail) if sign in " \n"), 0)) :]
    yield "last", tail.replace("**", "")


def _sentences(line: str) -> list[str]:
    """The sentences of a line, the last one first."""
    return [sentence for sentence in reversed(_SENTENCE_END.split(line.replace("**", ""))) if sentence.strip()]


def _pick(how: str, place: str, language: Language, habit: Habit, fits: Fits) -> Reading | None:
    found = [own for own in readings(place, language, habit) if not _DENIED.search(place[: own.start])]
    if how == "last":
        found.reverse()
    elif not _STARTS.match(place):
        found = _behind(place, found, fits) or found
    elif _is_sum(place, found):
        found = _result(place, found) or found
    return next(filter(fits, found), found[0] if found else None)


def _behind(place: str, found: list[Reading], fits: Fits) -> list[Reading]:
    """The numbers behind the last sign of equality, else those behind the verb that one that fits follows."""
    begin = max((match.end() for match in _EQUALS.finditer(place)), default=None)
    if begin is not None and (behind := [reading for reading in found if reading.start >= begin]):
        return behind
    last = max((reading.start for reading in found if fits(reading)), default=-1)
    begin = next((match.end() for match in _COPULA.finditer(place) if match.end() <= last), 0)
    return [reading for reading in found if reading.start >= begin]


def _is_left_open(place: str, chosen: Reading, found: list[Reading]) -> bool:
    """Whether another value stands beside it as just as good, as in 1,050 or 1,100; 5 % or 0.05 is one value."""
    near = (
        (a, b)
        for a, b in pairwise(found)
        if chosen in {a, b} and _is_alike(a, b) and _OR.fullmatch(place[a.end : b.start])
    )
    return any(not any(math.isclose(a.value * by, b.value, rel_tol=0.01) for by in (1, 100, 0.01)) for a, b in near)


def _is_alike(one: Reading, other: Reading) -> bool:
    """Whether they can be two values of one thing: 12 months or 1 year, and $10 or 9 €, may well be one value."""
    return (one.unit, one.currency) == (other.unit, other.currency) or not (one.unit and other.unit)


def _is_sum(place: str, found: list[Reading]) -> bool:
    """Whether the number that it begins with is only reckoned with, as in 60 * 320 = 19,200 or 5 % of 60 is 3."""
    if len(found) < 3:
        return False
    between = place[found[0].end : found[1].start]
    return bool(_OPERATOR.fullmatch(between) or (found[0].unit == "percent" and _SHARE_OF.fullmatch(between)))


def _result(place: str, found: list[Reading]) -> list[Reading]:
    """The numbers behind the last sign of equality of a sum, else those behind its verb."""
    signs = [match.end() for match in _EQUALS.finditer(place, found[1].end)]
    verbs = [match.end() for match in _COMES_TO.finditer(place, found[1].end)]
    for begin in (*reversed(signs), *verbs):
        if behind := [reading for reading in found if reading.start >= begin]:
            return behind
    return []
