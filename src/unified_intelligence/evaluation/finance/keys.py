"""A number that an answer must give, and whether a number given is it: right sign, right scale, right unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from unified_intelligence.evaluation.finance.final_answer import final_number
from unified_intelligence.evaluation.finance.numbers import Language, Reading

RELATIVE: Final = 0.0015
_WIDEST: Final = 0.01  # what rounding to the decimals shown may excuse
YEARS: Final = {"years": 1.0, "months": 12.0, "days": 365.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberKey:
    """`unit` is a currency code, "years", "months", "days" or "" for a plain number.

    `percent` says how `value` is a share: 5.2 for 5.2 % in "points", 0.052 in "fraction"; either spelling is then
    right, 5.2 % or 0.052. `exact` is for counts. `untold` is for a source that says neither unit nor scale of its
    value: 37 million dollars may then be 37, and `percent` only says what a percent sign stands for. `rounded` is half
    of the last decimal of the value itself, `relative` what an answer may be off by.
    """

    name: str
    value: float
    unit: str = ""
    percent: Literal["", "points", "fraction"] = ""
    exact: bool = False
    relative: float = RELATIVE
    untold: bool = False
    rounded: float = 0.0


def is_given(key: NumberKey, text: str, language: Language) -> bool:
    """Whether the answer gives that number as its result."""
    found = final_number(text, language, lambda reading: fits(key, reading))
    return found is not None and is_meant(key, found.reading)


def is_meant(key: NumberKey, reading: Reading) -> bool:
    """Whether that number is the key's: its sign and its scale must be right, its last decimals may be rounded."""
    if not _agrees(key, reading):
        return False
    factors = [_factor(key, reading)]
    if key.percent == "points" and not reading.unit and not key.untold:
        factors.append(100.0)  # 0.052 for 5.2 %
    if key.untold and reading.scale != 1.0:
        factors.append(factors[0] / reading.scale)
    return any(_is_close(key, reading.value * factor, reading.step * factor) for factor in factors)


def _agrees(key: NumberKey, reading: Reading) -> bool:
    """Whether the unit, where one is written, is one the key can be told in."""
    if key.untold:
        return True
    if reading.unit in {"percent", "bps"}:
        return bool(key.percent)
    if reading.unit == "money":
        is_money = key.unit not in YEARS and not key.percent
        return is_money and (not key.unit or key.unit == reading.currency)
    if reading.unit in YEARS:
        return key.unit in YEARS or (key.unit == "" and not key.percent)
    return True


def fits(key: NumberKey, reading: Reading) -> bool:
    """Whether it is written in the very unit that is asked for; a plain number fits a plain key only."""
    if key.untold:
        return reading.unit not in YEARS
    if key.percent:
        return reading.unit in {"percent", "bps"}
    if key.unit in YEARS:
        return reading.unit in YEARS
    if key.unit:
        return reading.unit == "money"
    return reading.unit not in YEARS


def _factor(key: NumberKey, reading: Reading) -> float:
    """The factor from the number as it is written to the unit of the key's value."""
    if reading.unit in {"percent", "bps"}:
        points = 1.0 if reading.unit == "percent" else 0.01
        return points if key.percent == "points" else points / 100
    if reading.unit in YEARS and key.unit in YEARS:
        return YEARS[key.unit] / YEARS[reading.unit]
    return 1.0


def _is_close(key: NumberKey, value: float, step: float) -> bool:
    if not math.isfinite(value):
        return False
    if key.exact:
        return math.isclose(value, key.value, rel_tol=1e-9, abs_tol=1e-9)
    distance, size = abs(value - key.value), abs(key.value)
    if distance <= key.relative * size + key.rounded + 1e-9:
        return True
    return distance <= step / 2 * (1 + 1e-9) and distance <= _WIDEST * size
