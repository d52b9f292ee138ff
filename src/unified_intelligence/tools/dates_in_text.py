"""Full dates in a question, in English and French, as ISO text. A date without its year is not read."""

from typing import Final

from .number_digits import SPACES, pattern
from .text_language import Language, fold

_MONTHS: Final = {
    name: 1 + place
    for names in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
        "janv fevr mar avr mai juin juil aou sept oct nov dec",
    )
    for place, name in enumerate(names.split())
}
MONTH_NAMES: Final = frozenset(_MONTHS)
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_NUMERIC: Final = r"([0-9]{1,4})([-/.])([0-9]{1,2})\2([0-9]{1,4})(?![0-9A-Za-z_]|[-/.:][0-9])"
_S: Final = f"[{SPACES}]"
_DAY_FIRST: Final = (
    rf"([0-9]{{1,2}}|(?i:premier))(?i:st|nd|rd|th|er|e)?{_S}(?i:of{_S}|de{_S})?([^\W\d_]{{3,9}})\.?,?{_S}(?i:de{_S})?"
    r"([0-9]{4})(?!\w|[-/.:,][0-9])"
)
_MONTH_FIRST: Final = (
    rf"([^\W\d_]{{3,9}})\.?{_S}([0-9]{{1,2}})(?i:st|nd|rd|th|er)?,?{_S}([0-9]{{4}})(?!\w|[-/.:,][0-9])"
)


def iso_date(year: int, month: int, day: int) -> str:
    """The ISO text of a date, or "" where the calendar has no such day."""
    if not (1 <= month <= 12 and 1000 <= year <= 9999):
        return ""
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return f"{year:04}-{month:02}-{day:02}" if 1 <= day <= _DAYS[month - 1] + leap else ""


def _numeric(parts: tuple[str, str, str, str], language: Language) -> str | None:
    first, mark, second, third = parts
    if len(first) == 4 and len(third) <= 2:
        return iso_date(int(first), int(second), int(third)) if mark != "." else None
    two_digit_year = mark == "/" and (len(first), len(second), len(third)) == (2, 2, 2)
    if len(first) > 2 or (len(third) != 4 and not two_digit_year):
        return None
    year = int(third)
    if two_digit_year:
        year += 2000 if year < 70 else 1900
    day_first = iso_date(year, int(second), int(first))
    month_first = iso_date(year, int(first), int(second))
    if language == "en" and mark != ".":
        return month_first or day_first
    return day_first or month_first


def read_date(text: str, start: int, language: Language) -> tuple[str, int] | None:
    """The ISO date that starts at `start` with its end; "" for a day that no calendar has; None if not a date."""
    match = pattern(_NUMERIC).match(text, start)
    if match:
        one, mark, two, three = match.groups()
        iso = _numeric((one, mark, two, three), language)
        return None if iso is None else (iso, match.end())
    match = pattern(_DAY_FIRST).match(text, start)
    if match and fold(match[2]) in _MONTHS:
        day = 1 if match[1].isalpha() else int(match[1])
        return iso_date(int(match[3]), _MONTHS[fold(match[2])], day), match.end()
    match = pattern(_MONTH_FIRST).match(text, start)
    if match and fold(match[1]) in _MONTHS:
        return iso_date(int(match[3]), _MONTHS[fold(match[1])], int(match[2])), match.end()
    return None


def article_before(text: str, start: int, floor: int) -> int:
    """Where the article of a date begins ("le 3 mai 2025", "the 12th of March 2024"), or `start` without one."""
    for article in ("le", "the"):
        begin = start - len(article) - 1
        found = begin >= floor and text[begin : start - 1].lower() == article and text[start - 1] in SPACES
        if found and (begin == 0 or not text[begin - 1].isalnum()):
            return begin
    return start
