"""Calendar questions: how long between two days, which day some time away, which weekday."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from math import floor
from typing import Literal

from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.text_language import fold
from unified_intelligence.tools.types import Date, Duration

_RELATIVE = {
    "today": 0, "aujourd'hui": 0, "now": 0, "tomorrow": 1, "demain": 1, "yesterday": -1, "hier": -1,
    "the day after tomorrow": 2, "day after tomorrow": 2, "apres-demain": 2, "apres demain": 2,
    "the day before yesterday": -2, "day before yesterday": -2, "avant-hier": -2, "avant hier": -2,
}  # fmt: skip
_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)\s*")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAYS_A_MONTH = 365.25 / 12
_UNITS = {
    "day": "days", "days": "days", "jour": "days", "jours": "days",
    "week": "weeks", "weeks": "weeks", "semaine": "weeks", "semaines": "weeks",
    "month": "months", "months": "months", "mois": "months",
    "year": "years", "years": "years", "an": "years", "ans": "years", "annee": "years", "annees": "years",
}  # fmt: skip


def days_between(start: Date, end: Date) -> Outcome:
    """Counts the days from one date to another.

    start: the first date
    end: the second date; an earlier one gives a negative count
    """
    first, last = read_date(start), read_date(end)
    days = (last - first).days
    order = "later" if days > 0 else "earlier" if days < 0 else "same"
    figures = {"days": days, "weeks": days / 7, "start": first.isoformat(), "end": last.isoformat(), "order": order}
    return Outcome(figures, notes=("end_not_counted",) if days else ())


def shift_date(duration: Duration, direction: Literal["after", "before"], start: Date = "today") -> Outcome:
    """Finds the date some time after or before another.

    duration: how far, such as '45 days' or '3 months'
    direction: after or before the start
    start: the date counted from
    """
    origin = read_date(start)
    amount, unit = read_duration(duration)
    sign = 1 if direction == "after" else -1
    try:
        if unit in {"days", "weeks"}:
            result = origin + sign * timedelta(days=floor(amount * (7 if unit == "weeks" else 1) + 0.5))
        else:
            months, rest = divmod(round(amount * (12 if unit == "years" else 1), 9), 1)
            result = _shift_months(origin, sign * int(months)) + sign * timedelta(days=round(rest * _DAYS_A_MONTH))
    except (OverflowError, ValueError) as error:
        moved = f"{duration} {direction} {origin.isoformat()}"
        raise ToolError(f"{moved} lies outside the calendar (years 1 to 9999).") from error
    last_day = unit in {"months", "years"} and amount.is_integer() and result.day < origin.day
    return Outcome(
        figures={
            "date": result.isoformat(),
            "weekday": result.weekday(),
            "start": origin.isoformat(),
            "amount": amount,
            "unit": unit,
        },
        notes=("shorter_month",) if last_day else (),
    )


def weekday(date: Date) -> Outcome:
    """Tells the day of the week of a date.

    date: the date asked about
    """
    day = read_date(date)
    return Outcome(figures={"weekday": day.weekday(), "date": day.isoformat()})


def read_date(text: str) -> date:
    """A date from ISO text or a word for today, tomorrow or yesterday. Raises ToolError."""
    folded = " ".join(_fold(text).split())
    if folded in _RELATIVE:
        return datetime.now(UTC).astimezone().date() + timedelta(days=_RELATIVE[folded])
    try:
        return date.fromisoformat(folded)
    except ValueError as error:
        if _ISO.fullmatch(folded):
            raise ToolError(f"The calendar has no {folded}.") from error
        raise ToolError(f"{text!r} is not a date: write it as 2024-03-12, or today.") from error


def read_duration(text: str) -> tuple[float, str]:
    """Amount and calendar unit (days, weeks, months, years) of a text such as '3 months'. Raises ToolError."""
    match = _DURATION.fullmatch(_fold(text))
    unit = _UNITS.get(match[2]) if match else None
    if match is None or unit is None:
        raise ToolError(f"{text!r} is not a duration: write it as '45 days', '3 months' or '2 years'.")
    return float(match[1]), unit


def find_date_words(text: str) -> list[tuple[int, int]]:
    """The spans of the words for today, tomorrow and yesterday."""
    words = "|".join(sorted((word for word in _RELATIVE if word != "now"), key=len, reverse=True))
    return [match.span() for match in re.finditer(rf"\b(?:{words})\b", _fold(text))]


def _fold(text: str) -> str:
    return fold(text).replace("\u2019", "'")


def _shift_months(start: date, months: int) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(start.day, last))
