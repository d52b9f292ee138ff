"""Calendar questions: how long between two days, which day some time away, which weekday."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.types import Date, Duration

_RELATIVE = {"today": 0, "aujourd'hui": 0, "now": 0, "tomorrow": 1, "demain": 1, "yesterday": -1, "hier": -1}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zé]+)\s*", re.IGNORECASE)
_UNITS = {
    "day": "days", "days": "days", "jour": "days", "jours": "days",
    "week": "weeks", "weeks": "weeks", "semaine": "weeks", "semaines": "weeks",
    "month": "months", "months": "months", "mois": "months",
    "year": "years", "years": "years", "an": "years", "ans": "years", "année": "years", "années": "years",
}  # fmt: skip


def days_between(start: Date, end: Date) -> Outcome:
    """Counts the days from one date to another.

    start: the first date
    end: the second date; an earlier one gives a negative count
    """
    first, last = read_date(start), read_date(end)
    days = (last - first).days
    return Outcome(
        figures={"days": days, "weeks": days / 7, "start": first.isoformat(), "end": last.isoformat()},
        notes=("end_not_counted",),
    )


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
            result = origin + sign * timedelta(days=amount * (7 if unit == "weeks" else 1))
        else:
            result = _shift_months(origin, sign * round(amount * (12 if unit == "years" else 1)))
    except (OverflowError, ValueError) as error:
        raise ToolError(
            f"{duration} {direction} {origin.isoformat()} lies outside the calendar (years 1 to 9999)."
        ) from error
    return Outcome(figures={"date": result.isoformat(), "weekday": result.weekday(), "start": origin.isoformat()})


def weekday(date: Date) -> Outcome:
    """Tells the day of the week of a date.

    date: the date asked about
    """
    day = read_date(date)
    return Outcome(figures={"weekday": day.weekday(), "date": day.isoformat()})


def read_date(text: str) -> date:
    """A date from ISO text or a word for today, tomorrow or yesterday. Raises ToolError."""
    folded = text.strip().lower().replace("’", "'")
    if folded in _RELATIVE:
        return datetime.now(UTC).astimezone().date() + timedelta(days=_RELATIVE[folded])
    try:
        return date.fromisoformat(folded)
    except ValueError as error:
        raise ToolError(f"{text!r} is not a date: write it as 2024-03-12, or today.") from error


def read_duration(text: str) -> tuple[float, str]:
    """Amount and calendar unit (days, weeks, months, years) of a text such as '3 months'. Raises ToolError."""
    match = _DURATION.fullmatch(text)
    unit = _UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ToolError(f"{text!r} is not a duration: write it as '45 days', '3 months' or '2 years'.")
    return float(match[1]), unit


def find_date_words(text: str) -> list[tuple[int, int]]:
    """The spans of the words for today, tomorrow and yesterday."""
    words = "|".join(word for word in _RELATIVE if word != "now")
    return [match.span() for match in re.finditer(rf"\b(?:{words})\b", text.lower().replace("’", "'"))]


def _shift_months(start: date, months: int) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(start.day, last))
