"""The quantities of a question, made canonical: numbers, percentages, durations, dates, in English and French.

The embedded model reads the normalised text only, and copies its quantities; what the user wrote is found again with
`NormalisedText.original`. `to_rate`, `to_years` and `to_days` read one argument of a tool call with the same eyes.
Units of measure other than time and money are left alone.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import isfinite
from sys import maxsize
from typing import Final, Literal

from .number_digits import number_text
from .number_units import Kind
from .quantity_scan import Edit, scan
from .text_language import Language, detect_language

__all__ = [
    "Kind",
    "Language",
    "NormalisedText",
    "Quantity",
    "detect_language",
    "normalise",
    "to_days",
    "to_rate",
    "to_years",
]

_MOST_PASSES: Final = 4  # "le trois mai 2025" takes two: the day, then the date
_LONGEST_ARGUMENT: Final = 60
_PER_YEAR: Final = {"years": 1.0, "months": 12.0, "weeks": 52.0, "days": 365.0}
_DAYS: Final = {"years": 365.0, "months": 365.0 / 12.0, "weeks": 7.0, "days": 1.0}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity of a normalised text. `value` is in percent points for a percent, and 0 for a date."""

    kind: Kind
    value: float
    unit: str
    text: str
    start: int
    end: int


# Where one edit stands in the new text, and what it replaced in the old one: start, end, old start, old end.
_Replacement = tuple[int, int, int, int]
_FAR: Final = maxsize  # beyond any place in a text


@dataclass(frozen=True, slots=True)
class NormalisedText:
    """A question in canonical form, able to show the user's own characters behind any part of it."""

    text: str
    quantities: tuple[Quantity, ...]
    source: "NormalisedText | str" = ""
    replacements: tuple[_Replacement, ...] = ()

    def original(self, start: int, end: int) -> str:
        """The user's characters behind text[start:end]; a part of a quantity stands for the whole of it."""
        if not self.source:
            return self.text[start:end]
        old_start, old_end = self._old_span(start, end)
        if isinstance(self.source, str):
            return self.source[old_start:old_end]
        return self.source.original(old_start, old_end)

    def _old_span(self, start: int, end: int) -> tuple[int, int]:
        old_start, old_end = start, end
        if before := bisect_right(self.replacements, (start, _FAR, _FAR, _FAR)):
            _, new_to, old_from, old_to = self.replacements[before - 1]
            old_start = start + old_to - new_to if new_to <= start else old_from
        if before := bisect_right(self.replacements, (end, end, _FAR, _FAR)):
            _, new_to, _, old_to = self.replacements[before - 1]
            old_end = end + old_to - new_to if new_to <= end else old_to
        return old_start, max(old_start, old_end)


def _applied(source: NormalisedText | str, edits: list[Edit]) -> NormalisedText:
    old = source if isinstance(source, str) else source.text
    pieces: list[str] = []
    quantities: list[Quantity] = []
    replacements: list[_Replacement] = []
    read = length = 0
    for edit in edits:
        start = length + edit.start - read
        length = start + len(edit.text)
        pieces += (old[read : edit.start], edit.text)
        read = edit.end
        if old[edit.start : edit.end] != edit.text or edit.kind:
            replacements.append((start, length, edit.start, edit.end))
        if edit.kind:
            text = edit.text[edit.offset :]
            quantities.append(Quantity(edit.kind, edit.value, edit.unit, text, start + edit.offset, length))
    pieces.append(old[read:])
    return NormalisedText("".join(pieces), tuple(quantities), source, tuple(replacements))


def normalise(text: str, language: Language) -> NormalisedText:
    """The text with its quantities in canonical form; normalising the result again changes nothing."""
    found = _applied(text, scan(text, language))
    previous = text
    for _ in range(_MOST_PASSES):
        if found.text == previous:
            break
        previous = found.text
        found = _applied(found, scan(previous, language))
    return found


def _finite(value: float, meant: str) -> float:
    if not isfinite(value):
        raise ValueError(f"{value} is not {meant}: write a finite number.")
    return value


def _only_quantity(value: str, meant: str) -> Quantity:
    """The quantity that the whole of an argument is."""
    text = value.strip()
    if not text:
        raise ValueError(f"An empty text is not {meant}.")
    languages: tuple[Language, ...] = ("en", "fr")
    for language in languages if len(text) <= _LONGEST_ARGUMENT else ():
        found = normalise(text, language)
        if len(found.quantities) == 1 and found.quantities[0].text == found.text:
            return found.quantities[0]
    raise ValueError(f"{text[:_LONGEST_ARGUMENT]!r} is not {meant}.")


def _read(value: object, meant: str) -> float | Quantity:
    """A plain finite number, or a quantity with its unit."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{repr(value)[:_LONGEST_ARGUMENT]} is not {meant}.")
    if isinstance(value, str):
        found = _only_quantity(value, meant)
        return _finite(found.value, meant) if found.kind == "number" and not found.unit else found
    try:
        return _finite(float(value), meant)
    except OverflowError:
        raise ValueError(f"A number this large is not {meant}.") from None


def to_rate(value: object, bare: Literal["refuse", "percent"] = "refuse") -> float:
    """The fraction behind 0.05, "0.05" or "5%". A bare 5 is refused, or read as 5 % where `bare` says so."""
    meant = "a rate such as 0.05 or '5%'"
    found = _read(value, meant)
    if isinstance(found, Quantity):
        if found.kind != "percent":
            raise ValueError(f"{value!r} is not {meant}.")
        return found.value / 100
    if abs(found) < 1:
        return found
    if bare == "percent":
        return found / 100
    shown = number_text(found)
    raise ValueError(f"{shown} is {number_text(found * 100)} %: write {number_text(found / 100)} or '{shown}%'.")


def _to_duration(value: object, meant: str, factors: dict[str, float], *, divide: bool) -> float:
    found = _read(value, meant)
    if not isinstance(found, Quantity):
        return found
    if found.kind != "duration":
        raise ValueError(f"{value!r} is not {meant}.")
    factor = factors[found.unit]
    return found.value / factor if divide else found.value * factor


def to_years(value: object) -> float:
    """The years behind 10, "10", "18 months", "90 days" (of 365) or "26 weeks" (of 52)."""
    return _to_duration(value, "a duration in years such as 10 or '18 months'", _PER_YEAR, divide=True)


def to_days(value: object) -> float:
    """The days behind 10, "10", "2 weeks", "1 year" (365 days) or "6 months" (of a twelfth of a year)."""
    return _to_duration(value, "a duration in days such as 10 or '2 weeks'", _DAYS, divide=False)
