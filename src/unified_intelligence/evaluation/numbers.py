"""The numbers of a text, as English and French write them."""

from __future__ import annotations

import re

_BLANKS = "\u00a0\u2009\u202f"
_NUMBER = re.compile(
    rf"(?<![\w.,])[-\u2212+]?(?:\d{{1,3}}(?:[ {_BLANKS}]\d{{3}})+(?:[.,]\d+)?|\d+(?:[.,]\d+)*)(?:[eE][-+]?\d+)?"
)


_BOXED, _BOLD = re.compile(r"\\boxed\{([^{}]*)\}"), re.compile(r"\*\*(.+?)\*\*")


def numbers(text: str) -> list[float]:
    """All of them in their order. "1,234" is a thousand and more, "1,5" is one and a half."""
    return [_value(found[0]) for found in _NUMBER.finditer(text)]


def final_number(text: str) -> float | None:
    """The number an answer ends with: the last one in a box or in bold, else the last one; None where there is none."""
    for marked in (_BOXED, _BOLD):
        if (spans := marked.findall(text)) and (found := numbers(" ".join(spans))):
            return found[-1]
    found = numbers(text)
    return found[-1] if found else None


def _value(written: str) -> float:
    digits = re.sub(rf"[\s{_BLANKS}]", "", written).replace("\u2212", "-")
    commas, points = digits.count(","), digits.count(".")
    if commas and points:
        decimal = max(",.", key=digits.rfind)
        digits = digits.replace("," if decimal == "." else ".", "").replace(decimal, ".")
    elif commas == 1 and not re.search(r"(?<!\d)[1-9]\d{0,2},\d{3}(?!\d)", digits):
        digits = digits.replace(",", ".")
    elif commas or points > 1:
        digits = digits.replace(",", "").replace(".", "")
    return float(digits)
