"""Arguments of a tool call as a model or a person writes them: rates, years, days."""

import math
from collections.abc import Callable

import pytest

from unified_intelligence.tools.quantities import to_days, to_rate, to_years


@pytest.mark.parametrize(
    ("value", "rate"),
    [
        *[("5%", 0.05), (0.05, 0.05), ("0.05", 0.05), ("0,05", 0.05), ("3,5 %", 0.035), ("50 bps", 0.005)],
        *[
            (-0.02, -0.02),
            ("\u22122 %", -0.02),
            (0, 0.0),
            ("150%", 1.5),
            ("cinq pour cent", 0.05),
            (" 5 percent ", 0.05),
        ],
    ],
)
def test_rates(value: object, rate: float) -> None:
    assert math.isclose(to_rate(value), rate, rel_tol=1e-12)


def test_a_bare_five_is_a_rate_only_when_told_so() -> None:
    with pytest.raises(ValueError) as refused:
        to_rate(5)
    assert str(refused.value) == "5 is 500 %: write 0.05 or '5%'."
    assert to_rate(5, bare="percent") == 0.05
    assert to_rate("-3.5", bare="percent") == -0.035
    assert to_rate(0.05, bare="percent") == 0.05


@pytest.mark.parametrize(
    ("value", "years"),
    [
        *[(10, 10.0), ("10", 10.0), ("18 months", 1.5), ("18 mois", 1.5), ("2 years", 2.0), ("26 weeks", 0.5)],
        *[("90 days", 90 / 365), ("un an et demi", 1.5), ("a decade", 10.0), (0.5, 0.5)],
    ],
)
def test_years(value: object, years: float) -> None:
    assert math.isclose(to_years(value), years, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("value", "days"),
    [(10, 10.0), ("10", 10.0), ("2 weeks", 14.0), ("10 jours", 10.0), ("1 year", 365.0), ("6 months", 182.5)],
)
def test_days(value: object, days: float) -> None:
    assert math.isclose(to_days(value), days, rel_tol=1e-12)


UNREADABLE: list[object] = [
    *[True, False, None, math.nan, math.inf, -math.inf, "", "  ", "abc", "1 2", "5% or 6%", [5], 10**400, "1" * 5000],
    *["2024-03-12", "$5", "nan", "inf"],
]


@pytest.mark.parametrize("coerce", [to_rate, to_years, to_days])
@pytest.mark.parametrize("value", UNREADABLE)
def test_what_cannot_be_read_is_refused_in_one_sentence(coerce: Callable[[object], float], value: object) -> None:
    with pytest.raises(ValueError) as refused:
        coerce(value)
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert 20 < len(sentence) < 160
    assert "such as" in sentence


@pytest.mark.parametrize(("coerce", "value"), [(to_rate, "10 years"), (to_years, "5%"), (to_days, "5%")])
def test_the_wrong_kind_of_quantity_is_refused(coerce: Callable[[object], float], value: object) -> None:
    with pytest.raises(ValueError, match="is not a"):
        coerce(value)
