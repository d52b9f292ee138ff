"""Figures for people, in English and French: numbers, percentages, money, durations, dates. Nothing is read here.

French groups with a narrow no-break space and writes it before "%" and "€", so that a figure never breaks over a line.
"""

from math import floor, isfinite, log10
from typing import Final

from .dates_in_text import iso_date
from .text_language import Language

NARROW: Final = "\u202f"
_SYMBOLS: Final = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
WITHOUT_CENTS: Final = frozenset({"JPY", "KRW"})
_MONTHS: Final = {
    "en": "January February March April May June July August September October November December".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
}
_WEEKDAYS: Final = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche".split(),
}
_UNITS: Final = {
    "en": {"year": ("year", "years"), "month": ("month", "months"), "week": ("week", "weeks"), "day": ("day", "days")},
    "fr": {"year": ("an", "ans"), "month": ("mois", "mois"), "week": ("semaine", "semaines"), "day": ("jour", "jours")},
}
_AND: Final = {"en": "and", "fr": "et"}
_LARGEST_EXACT: Final = 2.0**53  # whole numbers beyond are no longer told apart
_SUPERSCRIPTS: Final = {ord(digit): raised for digit, raised in zip("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹", strict=True)}
_SMALL_DIGITS: Final = 4  # significant digits of a number below one
_NEAR: Final = 1e-9
_SMALLEST_POWER: Final = 6


def _decimals(value: float) -> int:
    """Decimals worth showing: cents from one upward, four significant digits below."""
    magnitude = abs(value)
    if magnitude >= 1 or magnitude == 0:
        return 2
    return min(12, _SMALL_DIGITS - 1 - floor(log10(magnitude)))


def _localised(text: str, language: Language) -> str:
    return text.replace(",", NARROW).replace(".", ",") if language == "fr" else text


def format_number(value: float, language: Language, *, decimals: int | None = None) -> str:
    """ "16,288.95" or "16 288,95". Without `decimals`, as many as are worth showing and no final zero."""
    if not isfinite(value):
        raise ValueError(f"{value} cannot be shown as a number.")
    text = f"{value:,.{_decimals(value) if decimals is None else decimals}f}"
    if decimals is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    if not text.strip("-0.,"):
        text = text.lstrip("-")
    return _localised(text, language)


def format_significant(value: float, language: Language, *, digits: int, decimals: int = 0) -> str:
    """At least that many significant digits or decimals, no final zero: "8.047", "1,609.34", "1.057 × 10⁻¹⁹"."""
    if not isfinite(value):
        raise ValueError(f"{value} cannot be shown as a number.")
    power = floor(log10(abs(value))) if value else 0
    if power >= -_SMALLEST_POWER and abs(value) <= _LARGEST_EXACT:
        return _trimmed(f"{value:,.{max(decimals, digits - 1 - power, 0)}f}", language)
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return f"{_trimmed(mantissa, language)} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"


def is_one(amount: float, language: Language) -> bool:
    """Whether what is counted stands in the singular: "1 mile", "1,5 kilomètre"."""
    return abs(amount) < 2 if language == "fr" else abs(amount) == 1


def _trimmed(text: str, language: Language) -> str:
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return _localised(text if text.strip("-0") else "0", language)


def format_percent(fraction: float, language: Language) -> str:
    """0.05 as "5%" or "5 %"."""
    number = format_number(round(fraction * 100, 12), language)
    return f"{number}{NARROW}%" if language == "fr" else f"{number}%"


def format_money(value: float, currency: str, language: Language, *, decimals: int | None = None) -> str:
    """ "€16,288.95" or "16 288,95 €": cents unless the amount is whole. A currency without symbol shows its code."""
    if decimals is None:
        whole = abs(value - round(value)) < _NEAR if isfinite(value) else False
        decimals = 0 if whole or currency in WITHOUT_CENTS else 2
    number = format_number(value, language, decimals=decimals)
    if not currency:
        return number
    symbol = _SYMBOLS.get(currency, currency)
    if language == "fr":
        return f"{number}{NARROW}{symbol}"
    sign, number = ("-", number[1:]) if number.startswith("-") else ("", number)
    return f"{sign}{symbol}{number}" if currency in _SYMBOLS else f"{sign}{symbol} {number}"


def _counted(amount: float, unit: str, language: Language) -> str:
    one, many = _UNITS[language][unit]
    return f"{format_number(amount, language)} {one if is_one(amount, language) else many}"


def _whole(amount: float) -> int | None:
    """The integer that `amount` is, but for the noise of a division."""
    nearest = round(amount)
    return nearest if abs(amount - nearest) < _NEAR * max(1.0, abs(amount)) else None


def format_duration(years: float, language: Language) -> str:
    """ "10 years", "18 months", "2 years and 6 months", "90 days"; else years with decimals."""
    if not isfinite(years):
        raise ValueError(f"{years} cannot be shown as a duration.")
    whole_years, months, days = _whole(years), _whole(years * 12), _whole(years * 365)
    if whole_years is not None:
        return _counted(whole_years, "year", language)
    if months is not None and abs(months) < 24:
        return _counted(months, "month", language)
    if months is not None and months > 0:
        whole, rest = _counted(months // 12, "year", language), _counted(months % 12, "month", language)
        return f"{whole} {_AND[language]} {rest}"
    if days is not None and abs(days) < 730:
        return _counted(days, "day", language)
    return _counted(years, "year", language)


def format_date(iso: str, language: Language) -> str:
    """ "2024-03-12" as "March 12, 2024" or "12 mars 2024"."""
    parts = iso.split("-")
    numbers = [int(part) for part in parts if part.isdecimal()]
    if len(parts) != 3 or len(numbers) != 3 or iso_date(*numbers) != iso:
        raise ValueError(f"{iso!r} is not a date such as 2024-03-12.")
    year, month, day = numbers[0], _MONTHS[language][numbers[1] - 1], numbers[2]
    if language == "fr":
        return f"{'1er' if day == 1 else day} {month} {year}"
    return f"{month} {day}, {year}"


def format_weekday(number: int, language: Language) -> str:
    """0 as "Monday" or "lundi", 6 as "Sunday" or "dimanche"."""
    return _WEEKDAYS[language][number]
