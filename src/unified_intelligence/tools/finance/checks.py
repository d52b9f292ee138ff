"""What every finance formula leans on: domains, growth that may overflow, and results that must be finite."""

import math
from collections.abc import Sequence

from unified_intelligence.tools.registry import Outcome, ToolError

MONTHS_A_YEAR = 12
MAX_YEARS = 1000


def positive(name: str, value: float) -> None:
    """Raise ToolError unless the value is above zero."""
    if not value > 0:
        raise ToolError(f"The {name} must be above zero, not {value:g}.")


def not_negative(name: str, value: float) -> None:
    """Raise ToolError if the value is below zero."""
    if not value >= 0:
        raise ToolError(f"The {name} cannot be negative, and {value:g} is.")


def duration(value: float, name: str = "duration") -> None:
    """Raise ToolError unless a duration in years is above zero and at most MAX_YEARS."""
    positive(name, value)
    _sane(name, value)


def duration_or_none(value: float) -> None:
    """Raise ToolError unless a duration in years is zero or more and at most MAX_YEARS."""
    not_negative("duration", value)
    _sane("duration", value)


def _sane(name: str, value: float) -> None:
    if value > MAX_YEARS:
        raise ToolError(f"The {name} must be at most {MAX_YEARS:,} years, not {value:g}.")


def filled(name: str, values: Sequence[float], *, least: int = 1) -> None:
    """Raise ToolError if the list holds fewer than `least` values."""
    if len(values) < least:
        raise ToolError(f"The list of {name} must hold at least {least} value{'s' if least > 1 else ''}.")


def rate_above(name: str, value: float) -> None:
    """Raise ToolError unless a rate, as a fraction, is above -100%."""
    if not value > -1:
        raise ToolError(f"The {name} must be above -100%, not {value * 100:g}%.")


def growth(rate: float, periods: float) -> float:
    """(1 + rate) ** periods. Raises ToolError for a rate of -100% or less, and on overflow."""
    rate_above("rate of one period", rate)
    try:
        return math.exp(periods * math.log1p(rate))
    except OverflowError as error:
        raise _too_large(rate, periods) from error


def gain(rate: float, periods: float) -> float:
    """(1 + rate) ** periods - 1, accurate for small rates. Raises ToolError as `growth` does."""
    rate_above("rate of one period", rate)
    try:
        return math.expm1(periods * math.log1p(rate))
    except OverflowError as error:
        raise _too_large(rate, periods) from error


def annuity(rate: float, periods: float) -> float:
    """The present value of 1 paid at the end of each of `periods` periods: (1 - (1 + rate) ** -periods) / rate."""
    rate_above("rate of one period", rate)
    return -gain(rate, -periods) / rate if rate else periods


def _too_large(rate: float, periods: float) -> ToolError:
    return ToolError(f"Growth of {rate * 100:g}% over {abs(periods):g} periods is too large to compute.")


def whole_months(years: float) -> tuple[int, tuple[str, ...]]:
    """The number of monthly payments in a duration, and the note that says it was rounded to a whole number of them."""
    duration(years)
    months = round(years * MONTHS_A_YEAR)
    if months < 1:
        raise ToolError("The duration must be at least one month: payments are monthly.")
    return months, () if abs(months - years * MONTHS_A_YEAR) < 1e-6 else ("whole_months",)


def finite(formula: str, notes: tuple[str, ...] = (), **figures: float) -> Outcome:
    """The outcome of these figures, main figure first; raises ToolError if one is not finite."""
    for name, value in figures.items():
        if not math.isfinite(value):
            raise ToolError(f"The figures are too large, or not numbers: {name.replace('_', ' ')} cannot be computed.")
    return Outcome({name: value + 0.0 for name, value in figures.items()}, formula, notes)
