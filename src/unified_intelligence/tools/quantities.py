"""STAND-IN for the coercions of `tools/quantities.py`, written elsewhere; to be replaced by that file."""

import math
import re
from typing import Literal

Language = Literal["en", "fr"]
_YEARS = {"year": 1.0, "month": 1 / 12, "week": 7 / 365, "day": 1 / 365}
_DAYS = {"year": 365.0, "month": 365 / 12, "week": 7.0, "day": 1.0}


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected {what}, got {value!r}.")
    try:
        number = float(value)
    except ValueError as error:
        raise ValueError(f"expected {what}, got {value!r}.") from error
    if not math.isfinite(number):
        raise ValueError(f"expected {what}, got {value!r}.")
    return number


def to_rate(value: object, bare: Literal["refuse", "percent"] = "refuse") -> float:
    """A fraction from 0.05 or "5%"; a bare 5 is refused, or read as 5% when `bare` says so."""
    if isinstance(value, str) and value.strip().endswith("%"):
        return _number(value.strip()[:-1].strip(), "a rate such as 0.05 or '5%'") / 100
    number = _number(value, "a rate such as 0.05 or '5%'")
    if abs(number) <= 1:
        return number
    if bare == "percent":
        return number / 100
    raise ValueError(f"{number:g} would be {number * 100:g}%: write {number / 100:g} or '{number:g}%'.")


def _span(value: object, units: dict[str, float], what: str) -> float:
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*(year|month|week|day)s?\s*", value)
        if match:
            return float(match[1]) * units[match[2]]
    return _number(value, what)


def to_years(value: object) -> float:
    """Years from 10 or "18 months"."""
    return _span(value, _YEARS, "years, such as 10 or '18 months'")


def to_days(value: object) -> float:
    """Days from 14 or "2 weeks"."""
    return _span(value, _DAYS, "days, such as 14 or '2 weeks'")
