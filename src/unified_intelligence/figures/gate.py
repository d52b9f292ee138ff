"""A limit that a figure is held to, as people write it: `FIGURE<=NUMBER`, `FIGURE>=NUMBER%`. Which figures there are is
left to who has them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from unified_intelligence.entities.errors import InvalidRequestError

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_WRITTEN = re.compile(r"(.+?)\s*(>=|<=|>|<)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*(%?)")


class Held(NamedTuple):
    """A limit held against a run. `found` is None where the run has no such figure: that fails."""

    written: str
    found: float | None
    passed: bool


class Limit(NamedTuple):
    """`figure` is what stood before the sign; of a percentage `value` is the share, and `number` what was written."""

    written: str
    figure: str
    sign: str
    number: str
    value: float

    def hold(self, found: float | None) -> Held:
        return Held(self.written, found, found is not None and _COMPARISONS[self.sign](found, self.value))


def read_limit(written: str) -> Limit | None:
    """The limit that was written, None where it is none. Raises InvalidRequestError where the number is no number."""
    found = _WRITTEN.fullmatch(written.strip())
    if found is None:
        return None
    figure, sign, number, percent = found.groups()
    try:
        return Limit(written, figure.strip(), sign, number, float(number) / (100 if percent else 1))
    except ValueError:
        raise InvalidRequestError(
            f"{written!r}: {number!r} is no number.", hint=f"Such as: {figure}{sign}0.5"
        ) from None
