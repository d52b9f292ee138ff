"""Days, months and weekdays: leap years, ends of months, words for near days, and what is no date."""

from datetime import date, datetime, timedelta

import pytest

from unified_intelligence.tools.dates import days_between, find_date_words, read_date, shift_date, weekday
from unified_intelligence.tools.registry import ToolError


def _today() -> date:
    return datetime.now().astimezone().date()


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2024-02-28", "2024-03-01", 2),
        ("2023-02-28", "2023-03-01", 1),
        ("1900-02-28", "1900-03-01", 1),
        ("2000-01-01", "2001-01-01", 366),
        ("2024-03-12", "2024-03-12", 0),
        ("2024-05-25", "2024-03-12", -74),
        ("0001-01-01", "9999-12-31", 3652058),
    ],
)
def test_days_between(start: str, end: str, days: int) -> None:
    figures = days_between(start, end).figures
    assert (figures["days"], figures["start"], figures["end"]) == (days, start, end)


@pytest.mark.parametrize(
    ("start", "duration", "direction", "expected"),
    [
        ("2024-01-31", "1 month", "after", "2024-02-29"),
        ("2023-01-31", "1 month", "after", "2023-02-28"),
        ("2024-03-31", "1 month", "before", "2024-02-29"),
        ("2024-02-29", "1 year", "after", "2025-02-28"),
        ("2024-02-29", "4 years", "after", "2028-02-29"),
        ("2024-12-15", "2 mois", "after", "2025-02-15"),
        ("2024-01-15", "13 months", "before", "2022-12-15"),
        ("2024-03-01", "45 jours", "before", "2024-01-16"),
        ("2024-03-01", "1.5 weeks", "after", "2024-03-12"),
        ("2024-03-01", "1.5 weeks", "before", "2024-02-19"),
        ("2024-01-01", "1.5 years", "after", "2025-07-01"),
        ("2024-01-01", "0.5 months", "after", "2024-01-16"),
        ("2024-01-01", "2 ANNÉES", "after", "2026-01-01"),
        ("2024-01-01", "0 days", "before", "2024-01-01"),
    ],
)
def test_shift_date(start: str, duration: str, direction: str, expected: str) -> None:
    figures = shift_date(duration, "after" if direction == "after" else "before", start).figures
    assert figures["date"] == expected
    assert figures["weekday"] == date.fromisoformat(expected).weekday()


def test_a_month_without_that_day_is_noted() -> None:
    assert shift_date("1 month", "after", "2024-01-31").notes == ("shorter_month",)
    assert shift_date("1 month", "after", "2024-01-28").notes == ()
    assert shift_date("30 days", "after", "2024-01-31").notes == ()


@pytest.mark.parametrize(("day", "number"), [("2024-03-12", 1), ("2000-01-01", 5), ("1969-07-20", 6)])
def test_weekday(day: str, number: int) -> None:
    assert weekday(day).figures == {"weekday": number, "date": day}


@pytest.mark.parametrize(
    ("word", "shift"),
    [
        ("today", 0),
        ("Aujourd’hui", 0),
        ("TOMORROW", 1),
        ("demain", 1),
        ("hier", -1),
        ("après-demain", 2),
        ("avant-hier", -2),
        ("the day  after tomorrow", 2),
        ("day before yesterday", -2),
    ],
)
def test_words_for_near_days(word: str, shift: int) -> None:
    before, read, after = _today(), read_date(word), _today()
    assert before <= read - timedelta(days=shift) <= after


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("from yesterday to tomorrow", ["yesterday", "tomorrow"]),
        ("d’aujourd’hui à après-demain", ["aujourd’hui", "après-demain"]),
        ("the day after tomorrow", ["the day after tomorrow"]),
        ("un cahier, now", []),
    ],
)
def test_words_for_near_days_in_a_sentence(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in find_date_words(text)] == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2023-02-29", "The calendar has no 2023-02-29."),
        ("2024-13-01", "no 2024-13-01"),
        ("soon", "'soon' is not a date"),
    ],
)
def test_what_is_no_date(text: str, said: str) -> None:
    with pytest.raises(ToolError, match=said):
        read_date(text)


@pytest.mark.parametrize(
    ("duration", "said"),
    [("3", "not a duration"), ("a week", "not a duration"), ("3 parsecs", "not a duration"), ("-3 days", "not a dur")],
)
def test_what_is_no_duration(duration: str, said: str) -> None:
    with pytest.raises(ToolError, match=said):
        shift_date(duration, "after", "2024-01-01")


@pytest.mark.parametrize("duration", ["9000 years", "99999999999 days", "9" * 400 + " months", "9" * 400 + " weeks"])
def test_outside_the_calendar(duration: str) -> None:
    with pytest.raises(ToolError, match="outside the calendar"):
        shift_date(duration, "after", "2024-01-01")
