"""Numbers of an answer, as people write them in English and French: grouping, decimal marks, signs, scales, units.

The reader of `tools/` serves questions to the embedded model, which was trained on what it makes of them; an answer has
more in it, such as LaTeX, brackets for a loss and currencies on either side, so it is read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from unified_intelligence.evaluation.finance.marks import GROUP, without_names

Language = Literal["en", "fr"]
Unit = Literal["", "percent", "bps", "money", "years", "months", "days"]

_CURRENCIES: Final = {
    "€": "EUR", "eur": "EUR", "euro": "EUR", "euros": "EUR", "$": "USD", "us$": "USD", "usd": "USD", "dollar": "USD",
    "dollars": "USD", "£": "GBP", "gbp": "GBP", "pound": "GBP", "pounds": "GBP", "livre": "GBP", "livres": "GBP",
    "chf": "CHF", "¥": "JPY", "yen": "JPY", "jpy": "JPY",
}  # fmt: skip
_SCALES: Final = {
    "k": 3, "mille": 3, "thousand": 3, "thousands": 3, "millier": 3, "milliers": 3, "m": 6, "mn": 6, "million": 6,
    "millions": 6, "b": 9, "bn": 9, "md": 9, "mds": 9, "mrd": 9, "mrds": 9, "milliard": 9, "milliards": 9, "billion": 9,
    "billions": 9, "trillion": 12, "trillions": 12,
}  # fmt: skip
_FRENCH_SCALES: Final = {"billion": 12, "billions": 12, "trillion": 18, "trillions": 18}
_TIMES: Final[dict[str, Unit]] = {
    "year": "years", "years": "years", "yr": "years", "yrs": "years", "an": "years", "ans": "years", "année": "years",
    "années": "years", "month": "months", "months": "months", "mois": "months", "day": "days", "days": "days",
    "jour": "days", "jours": "days",
}  # fmt: skip

_S: Final = rf"[ {GROUP}]"
_SYMBOL: Final = r"US\$|[€$£¥]|(?<![A-Za-z])(?:EUR|USD|GBP|CHF|JPY)(?![A-Za-z])"
_DIGITS: Final = (
    rf"\d{{1,3}}(?P<sep>[,.'’_ {GROUP}])\d{{3}}(?:(?P=sep)\d{{3}})*(?!\d)(?:(?P<mark>[.,])\d+)?"
    r"|\d+(?:[.,]\d+)?|(?<![\d.,])[.,]\d+"
)
_NUMBER: Final = re.compile(
    rf"(?P<open>\({_S}?)?(?P<sign>[-+\u2212\u2013]{_S}?)?(?P<before>(?:{_SYMBOL}){_S}?)?"
    rf"(?P<open2>\({_S}?)?(?P<sign2>[-\u2212\u2013]{_S}?)?(?<![\w.,#])(?P<digits>{_DIGITS})"
    rf"(?:[eE](?P<exp>[-+\u2212]?\d{{1,2}})(?!\d)|{_S}?[×x*·]{_S}?10{_S}?\^{_S}?\{{?(?P<power>[-\u2212]?\d{{1,2}})\}}?)?"
)
_PERCENT: Final = re.compile(
    rf"{_S}*(?:[%％](?!\w)|(?:percentage points?|percents?|per cent|pour{_S}?cents?|points? de pourcentage|pct)\b)",
    re.IGNORECASE,
)
_BPS: Final = re.compile(rf"{_S}*(?:bps?|basis points?|points? de base|pb|pdb)\b", re.IGNORECASE)
_SCALE: Final = re.compile(
    rf"{_S}*(?P<word>thousands?|milliers?|mille|millions?|milliards?|billions?|trillions?|bn|mn|mrds?|mds?|[kKMB](?![a-zA-Z])"
    rf"|m(?={_S}?[€$£]))(?=\b|[€$£\s]|\Z)(?:{_S}+(?:d['’]|de{_S}|of{_S})|{_S}?)?",
    re.IGNORECASE,
)
_AFTER: Final = re.compile(rf"{_S}*(?P<word>US\$|[€$£¥]|[^\W\d_]+)")
_WORD_MINUS: Final = re.compile(rf"(?:\bminus|\bmoins|\bnegative|\bnégatif){_S}\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """A number with its sign and scale applied. `step` is the value of one in the last decimal that was written.

    `scale` is what was multiplied with; `unit` "percent" leaves the value in points, "bps" in basis points.
    """

    value: float
    step: float
    unit: Unit
    currency: str
    scale: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Habit:
    """What one mark between three digits and three more means in a text."""

    comma_groups: bool
    point_groups: bool


def habit_of(text: str, language: Language) -> Habit:
    """Told by the numbers of the text that can be read one way only; where none tells, by its language."""
    comma_groups = re.search(r"(?<![\d,])\d{1,3}(?:,\d{3})+\.\d|(?<![\d,.])[1-9]\d{0,2}(?:,\d{3}){2,}(?![\d,])", text)
    point_groups = re.search(r"(?<![\d.])\d{1,3}(?:\.\d{3})+,\d|(?<![\d,.])[1-9]\d{0,2}(?:\.\d{3}){2,}(?![\d.])", text)
    comma_decimal = re.search(r"(?<![\d.,])(?:\d+,\d{1,2}|0,\d+|\d+,\d{4,})(?![\d,])", text) or point_groups
    point_decimal = re.search(r"(?<![\d.,])(?:\d+\.\d{1,2}|0\.\d+|\d+\.\d{4,})(?![\d.])", text) or comma_groups
    if language == "en":
        return Habit(bool(comma_groups) or not comma_decimal, bool(point_groups))
    return Habit(bool(comma_groups) or bool(point_decimal and not comma_decimal), bool(point_groups))


def readings(text: str, language: Language, habit: Habit | None = None) -> list[Reading]:
    """The numbers of a plain text in their order, names and dates left out."""
    habit = habit or habit_of(text, language)
    text = without_names(text)
    found: list[Reading] = []
    end = 0
    for match in _NUMBER.finditer(text):
        if match.start("digits") >= end and (reading := _reading(text, match, habit, language)) is not None:
            found.append(reading)
            end = reading.end
    return found


def _reading(text: str, match: re.Match[str], habit: Habit, language: Language) -> Reading | None:
    power = int((match["exp"] or match["power"] or "0").replace("\u2212", "-"))
    end, unit, currency, ten = _what(text, match.end(), language)
    if match["before"]:
        currency, unit = _CURRENCIES[match["before"].strip(f" {GROUP}").lower()], unit or "money"
    if currency and unit == "money" and not ten:
        end, ten = _late_scale(text, end, language)
    if language == "fr" and unit == "money" and match["digits"].endswith("000"):
        habit = Habit(comma_groups=True, point_groups=True)  # nobody writes tenths of a cent that are nothing
    value, decimals = _value(match["digits"], match["sep"], match["mark"], habit)
    scale = 10.0**ten
    if _is_negative(text, match, end, money=bool(currency)):
        value = -value
    step = 10.0 ** (power + ten - decimals)
    return Reading(value * 10.0**power * scale, step, unit, currency, scale, match.start("digits"), end)


def _value(digits: str, sep: str | None, mark: str | None, habit: Habit) -> tuple[float, int]:
    """The number behind digits and marks, and how many decimals it shows."""
    if sep and not mark and sep in ",." and digits.count(sep) == 1:
        groups = habit.comma_groups if sep == "," else habit.point_groups
        if not groups or digits.startswith("0"):
            sep, mark = None, sep
    elif not sep:
        mark = next((one for one in ",." if one in digits), None)
    if sep:
        head, _, tail = digits.rpartition(mark) if mark else (digits, "", "")
        whole = head.replace(sep, "")
    else:
        whole, _, tail = digits.partition(mark) if mark else (digits, "", "")
    return float(f"{whole or '0'}.{tail or '0'}"), len(tail)


def _what(text: str, end: int, language: Language) -> tuple[int, Unit, str, int]:
    """Where the unit behind a number ends, the unit, its currency, and the power of ten of a scale word."""
    if found := _PERCENT.match(text, end):
        return found.end(), "percent", "", 0
    if found := _BPS.match(text, end):
        return found.end(), "bps", "", 0
    end, ten = _late_scale(text, end, language)
    found = _AFTER.match(text, end)
    word = found["word"].lower() if found else ""
    if found and word in _CURRENCIES:
        return found.end(), "money", _CURRENCIES[word], ten
    if found and word in _TIMES:
        return found.end(), _TIMES[word], "", ten
    return end, "", "", ten


def _late_scale(text: str, end: int, language: Language) -> tuple[int, int]:
    found = _SCALE.match(text, end)
    if not found:
        return end, 0
    word = found["word"].lower()
    ten = _SCALES[word]
    return found.end(), _FRENCH_SCALES.get(word, ten) if language == "fr" else ten


def _is_negative(text: str, match: re.Match[str], end: int, *, money: bool) -> bool:
    """Whether it is negative: by a sign, by brackets as accountants write a loss, or by a word in front."""
    if match["sign2"] or (match["sign"] and match["sign"][0] != "+" and _is_sign(text, match)):
        return True
    if _WORD_MINUS.search(text, max(0, match.start() - 12), match.start()):
        return True
    bracket = match["open2"] or match["open"]
    if not bracket or not text[end:].lstrip(f" {GROUP}").startswith(")"):
        return False
    alone = not text[: match.start()].strip(f" {GROUP}*:=≈$€£") and not text[end:].strip(f" {GROUP}*).$€£\n")
    return money or alone


def _is_sign(text: str, match: re.Match[str]) -> bool:
    """A minus between two numbers subtracts, one between a dash's blanks or at the head of a list only parts."""
    start = match.start("sign")
    spaced = match["sign"][-1] in f" {GROUP}"
    before = text[:start].rstrip(f" {GROUP}*")
    if not before or before.endswith("\n"):
        return not spaced or (not before and "\n- " not in text[start:])
    touching = not text[:start].endswith((" ", GROUP, "*"))
    if before[-1].isdigit() or before[-1] in ")%€$£]}":
        return before[-1] in "$€£" and touching and not spaced
    return (
        (not touching or before[-1] in "(=:≈[{/|,;")
        if not before[-1].isalnum()
        else not touching and (match["sign"][0] != "\u2013" or not spaced)
    )
