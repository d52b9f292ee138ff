"""The finance formulas against published values, against numpy-financial and scipy, and against their own laws."""

import itertools
import math
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import numpy_financial  # pyright: ignore[reportMissingTypeStubs]
import pytest
from scipy import stats  # pyright: ignore[reportMissingTypeStubs]

from unified_intelligence.tools.registry import ToolError, built_in, group

npf = cast("Any", numpy_financial)
norm = cast("Any", stats).norm

EXAMPLES: dict[str, dict[str, object]] = {
    "compound_interest": {"principal": 10000, "rate": "5%", "years": 10},
    "simple_interest": {"principal": 1000, "rate": 0.03, "years": "18 months"},
    "savings_plan": {"payment": 200, "rate": "4%", "years": 20},
    "loan_payment": {"principal": 250000, "rate": "3.5%", "years": 20},
    "borrowing_capacity": {"payment": 1200, "rate": "3.5%", "years": 20},
    "present_value": {"future_value": 5000, "rate": 0.04, "years": 5},
    "npv": {"rate": "10%", "cash_flows": [300, 400, 500], "initial_investment": 1000},
    "irr": {"cash_flows": [300, 400, 500], "initial_investment": 1000},
    "bond_price": {"face_value": 1000, "coupon_rate": "5%", "market_yield": "6%", "years": 10},
    "black_scholes": {
        "spot": 42,
        "strike": 40,
        "rate": 0.1,
        "volatility": 0.2,
        "years": 0.5,
        "option_type": "call",
    },
    "parametric_var": {"value": 1e6, "volatility": "20%", "days": 10},
    "historical_var": {"returns": ["-1.2%", "0.5%", "0.8%", "-2%", 0.01]},
    "sharpe_ratio": {"portfolio_return": "12%", "risk_free_rate": "3%", "volatility": "18%"},
    "annualise_rate": {"rate": "1%", "period": "monthly"},
    "percent_change": {"old_value": 80, "new_value": 92},
    "percent_of": {"percent": "15%", "value": 240},
    "apply_percent": {"value": 240, "percent": "20%", "direction": "decrease"},
    "percent_share": {"part": 30, "whole": 120},
    "cagr": {"start_value": 1000, "end_value": 2000, "years": 7},
    "doubling_time": {"rate": "5%"},
    "real_rate": {"nominal_rate": "5%", "inflation": "2%"},
    "gross_margin": {"revenue": 500000, "cost": 320000},
    "dividend_yield": {"dividend": 2.4, "price": 60},
    "price_earnings": {"price": 150, "earnings_per_share": 6},
    "wacc": {"equity": 600, "debt": 400, "cost_of_equity": "10%", "cost_of_debt": "5%", "tax_rate": "25%"},
    "break_even": {"fixed_costs": 50000, "unit_price": 25, "unit_cost": 15},
}


def figures(tool: str, **arguments: object) -> Mapping[str, float]:
    return cast("Mapping[str, float]", built_in(tool).run({**EXAMPLES[tool], **arguments}).figures)


def main(tool: str, **arguments: object) -> float:
    return next(iter(figures(tool, **arguments).values()))


def notes(tool: str, **arguments: object) -> tuple[str, ...]:
    return built_in(tool).run({**EXAMPLES[tool], **arguments}).notes


HULL_17_23: dict[str, object] = {"spot": 30, "strike": 30, "rate": 0.05, "volatility": 0.25, "years": 1}
EIGHT_PERCENT: dict[str, object] = {"face_value": 100, "coupon_rate": 0.08, "market_yield": 0.09, "years": 5}
PUBLISHED: list[tuple[str, dict[str, object], str, float, float]] = [
    # Hull, Options, Futures and Other Derivatives, the worked example of the Black-Scholes chapter: call 4.76, put 0.81
    ("black_scholes", {}, "price", 4.76, 0.005),
    ("black_scholes", {"option_type": "put"}, "price", 0.81, 0.005),
    ("black_scholes", {}, "d1", 0.7693, 5e-5),
    ("black_scholes", {}, "d2", 0.6278, 5e-5),
    # Hull, problem 17.23 (19.26 in later editions), solved with DerivaGem, which gives vega and rho for one point and
    # theta for a day: https://studywalk.com/Consider-a-one-year-European-call-option-on-a-stock-when-the-stock-price-is-30
    *[
        (
            "black_scholes",
            {"spot": 30, "strike": 30, "rate": 0.05, "volatility": 0.25, "years": 1},
            name,
            value,
            tolerance,
        )
        for name, value, tolerance in [
            ("price", 3.7008, 5e-5),
            ("delta", 0.6274, 5e-5),
            ("gamma", 0.050, 5e-4),
            ("vega", 11.35, 5e-3),
            ("theta", -0.00596 * 365, 5e-6 * 365),
            ("rho", 15.12, 5e-3),
        ]
    ],
    (
        "black_scholes",
        {**HULL_17_23, "spot": 30.1},
        "price",
        3.7638,
        5e-5,
    ),
    # Hull, Fundamentals of Futures and Options Markets, chapter 20: deviation of 200,000 a day, 99%: 200,000 x 2.326
    (
        "parametric_var",
        {"value": 1e7, "volatility": 0.02, "confidence": 0.99, "days": 1, "volatility_period": "daily"},
        "var",
        465_300,
        50,
    ),
    ("parametric_var", {}, "z", 1.645, 0.0005),
    # https://wizedu.com/questions/628870: 8% annual, 5 years, yield 9%: values 7.34 + 6.73 + 6.18 + 5.67 + 70.19
    # = 96.11, times their years 412.97
    ("bond_price", EIGHT_PERCENT, "price", 96.11, 0.005),
    ("bond_price", EIGHT_PERCENT, "macaulay_duration", 412.97 / 96.11, 5e-4),
    # A US 30-year mortgage of 100,000 at 6%: 599.55 in every published amortisation table
    ("loan_payment", {"principal": 100_000, "rate": 0.06, "years": 30}, "payment", 599.55, 0.005),
    # The effective annual rate of 1% a month, in every textbook: 12.68%
    ("annualise_rate", {}, "annual_rate", 0.1268, 5e-5),
    # Rule of 72: 72 / 8 = 9 years, exactly 9.006
    ("doubling_time", {"rate": 0.08}, "years", 9.006, 0.0005),
    ("doubling_time", {"rate": 0.08}, "rule_of_72", 9, 1e-12),
    # By hand
    ("compound_interest", {}, "future_value", 16288.946267774414, 1e-8),
    ("simple_interest", {}, "interest", 45, 1e-12),
    ("simple_interest", {}, "total", 1045, 1e-12),
    ("wacc", {}, "wacc", 0.6 * 0.10 + 0.4 * 0.05 * 0.75, 1e-12),
    ("sharpe_ratio", {}, "sharpe_ratio", 0.5, 1e-12),
    ("percent_change", {}, "change", 0.15, 1e-12),
    ("percent_change", {"old_value": -50, "new_value": -25}, "change", 0.5, 1e-12),
    ("percent_of", {}, "result", 36, 1e-12),
    ("apply_percent", {}, "result", 192, 1e-12),
    ("apply_percent", {"direction": "increase"}, "result", 288, 1e-12),
    ("apply_percent", {"percent": "150%", "direction": "increase"}, "result", 600, 1e-12),
    ("apply_percent", {"percent": "-20%"}, "result", 192, 1e-12),
    ("percent_share", {}, "share", 0.25, 1e-12),
    ("cagr", {}, "cagr", 2 ** (1 / 7) - 1, 1e-12),
    ("cagr", {"end_value": 0}, "cagr", -1, 0),
    ("real_rate", {}, "real_rate", 1.05 / 1.02 - 1, 1e-12),
    ("gross_margin", {}, "gross_margin", 0.36, 1e-12),
    ("gross_margin", {}, "gross_profit", 180_000, 1e-9),
    ("dividend_yield", {}, "dividend_yield", 0.04, 1e-12),
    ("price_earnings", {}, "price_earnings", 25, 1e-12),
    ("break_even", {}, "units", 5000, 0),
    ("break_even", {"fixed_costs": 50_001}, "units", 5001, 0),
    ("break_even", {"fixed_costs": 3, "unit_price": 0.3, "unit_cost": 0.2}, "units", 30, 0),
]


@pytest.mark.parametrize(("tool", "arguments", "figure", "value", "tolerance"), PUBLISHED)
def test_published_values(tool: str, arguments: dict[str, object], figure: str, value: float, tolerance: float) -> None:
    assert figures(tool, **arguments)[figure] == pytest.approx(value, abs=tolerance, rel=0)


@pytest.mark.parametrize("rate", [-0.02, 1e-6, 0.035, 0.2])
@pytest.mark.parametrize("years", [1 / 12, 1.5, 20])
def test_annuities_agree_with_numpy_financial(rate: float, years: float) -> None:
    months = round(years * 12)
    pay = -npf.pmt(rate / 12, months, 250_000)
    assert main("loan_payment", rate=rate, years=years) == pytest.approx(pay, rel=1e-7)
    capacity = -npf.pv(rate / 12, months, 1200)
    assert main("borrowing_capacity", rate=rate, years=years) == pytest.approx(capacity, rel=1e-7)
    saved = -npf.fv(rate / 12, months, 200, 5000)
    assert main("savings_plan", rate=rate, years=years, initial=5000) == pytest.approx(saved, rel=1e-7)
    worth = -npf.pv(rate, years, 0, 5000)
    assert main("present_value", rate=rate, years=years) == pytest.approx(worth, rel=1e-12)


def test_zero_rates_are_plain_division() -> None:
    assert main("loan_payment", principal=12_000, rate=0, years=1) == 1000
    assert main("borrowing_capacity", payment=1000, rate=0, years=1) == 12_000
    assert main("savings_plan", payment=100, rate="0%", years=2, initial=50) == 2450
    assert figures("savings_plan", payment=100, rate=0, years=2)["interest"] == 0
    assert main("compound_interest", rate=0) == 10_000
    assert main("npv", rate=0) == 200
    assert main("bond_price", market_yield=0) == pytest.approx(1500)
    assert main("black_scholes", rate=0) > 0


FLOWS = [[300, 400, 500], [0, 0, 5000], [1100], [500] * 30, [-200, 900, 900], [10, 10, 10], [1010, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("flows", FLOWS)
def test_npv_and_irr_agree_with_numpy_financial(flows: list[float]) -> None:
    ours = main("npv", cash_flows=flows, rate=0.1)
    assert ours == pytest.approx(npf.npv(0.1, [-1000, *flows]), rel=1e-12)
    rate = main("irr", cash_flows=flows)
    assert rate == pytest.approx(npf.irr([-1000, *flows]), rel=1e-7)
    assert main("npv", cash_flows=flows, rate=rate) == pytest.approx(0, abs=1e-8)


def test_irr_with_long_silences_and_several_solutions() -> None:
    assert main("irr", cash_flows=[1010] + [0] * 60) == pytest.approx(0.01)
    assert main("irr", cash_flows=[0] * 60 + [-100, 110], initial_investment=0) == pytest.approx(0.1)
    assert main("irr", cash_flows=[1000]) == 0
    # -4,000 + 25,000 / 1.25 - 25,000 / 1.25**2 = 0, and the same at 400%
    arguments = {"cash_flows": [25_000, -25_000], "initial_investment": 4000}
    assert main("irr", **arguments) == pytest.approx(0.25)
    assert "several_rates" in notes("irr", **arguments)


def test_npv_says_whether_the_investment_pays() -> None:
    assert "destroys_value" in notes("npv")
    assert "creates_value" in notes("npv", rate="5%")
    assert notes("npv", initial_investment=0) == ("end_of_year",)


@pytest.mark.parametrize(
    ("spot", "rate", "volatility", "years"),
    list(itertools.product([20, 40, 90], [-0.01, 0.0, 0.1], [0.05, 0.2, 0.9], [0.02, 0.5, 10])),
)
def test_options_agree_with_scipy_and_with_put_call_parity(
    spot: float, rate: float, volatility: float, years: float
) -> None:
    arguments = {"spot": spot, "rate": rate, "volatility": volatility, "years": years}
    call = figures("black_scholes", **arguments)
    put = figures("black_scholes", **arguments, option_type="put")
    d1 = (math.log(spot / 40) + (rate + volatility**2 / 2) * years) / (volatility * math.sqrt(years))
    d2 = d1 - volatility * math.sqrt(years)
    expected = spot * norm.cdf(d1) - 40 * math.exp(-rate * years) * norm.cdf(d2)
    assert call["price"] == pytest.approx(expected, rel=1e-9, abs=1e-12)
    forward = spot - 40 * math.exp(-rate * years)
    assert call["price"] - put["price"] == pytest.approx(forward, abs=1e-9)
    assert call["delta"] - put["delta"] == pytest.approx(1)
    assert call["gamma"] == put["gamma"]
    assert call["vega"] == put["vega"]


@pytest.mark.parametrize("option_type", ["call", "put"])
@pytest.mark.parametrize(
    ("greek", "variable", "sign"),
    [("delta", "spot", 1), ("vega", "volatility", 1), ("rho", "rate", 1), ("theta", "years", -1)],
)
def test_greeks_are_slopes_of_the_price(option_type: str, greek: str, variable: str, sign: int) -> None:
    at = float(cast("float", EXAMPLES["black_scholes"][variable]))
    step = at * 1e-4
    low, high = (main("black_scholes", option_type=option_type, **{variable: at + d}) for d in (-step, step))
    greeks = figures("black_scholes", option_type=option_type)
    assert greeks[greek] == pytest.approx(sign * (high - low) / (2 * step), rel=1e-5)


def test_gamma_is_the_slope_of_delta() -> None:
    low, high = (figures("black_scholes", spot=42 + d)["delta"] for d in (-0.001, 0.001))
    assert figures("black_scholes")["gamma"] == pytest.approx((high - low) / 0.002, rel=1e-6)


@pytest.mark.parametrize("frequency", ["annual", "semiannual"])
@pytest.mark.parametrize("years", [0.5, 1, 2.5, 10, 30])
def test_bonds(years: float, frequency: str) -> None:
    times = 1 if frequency == "annual" else 2
    arguments = {"years": years, "frequency": frequency}
    if years * times % 1 == 0:
        assert main("bond_price", **arguments, market_yield="5%") == pytest.approx(1000)
        expected = -npf.pv(0.06 / times, years * times, 50 / times, 1000)
        assert main("bond_price", **arguments) == pytest.approx(expected, rel=1e-12)
        assert "between_coupons" not in notes("bond_price", **arguments)
    else:
        assert "between_coupons" in notes("bond_price", **arguments)
    low, high = (main("bond_price", **arguments, market_yield=y) for y in (0.0599, 0.0601))
    bond = figures("bond_price", **arguments)
    assert bond["modified_duration"] == pytest.approx((low - high) / 0.0002 / bond["price"], rel=1e-4)


def test_a_bond_between_coupons_is_the_grown_price_of_the_coupon_date() -> None:
    on_the_date = main("bond_price", years=3)
    assert main("bond_price", years=2.5) == pytest.approx((on_the_date) * 1.06**0.5)


@pytest.mark.parametrize("times_and_name", [(1, "annually"), (2, "semiannually"), (4, "quarterly"), (12, "monthly")])
def test_compounding(times_and_name: tuple[int, str]) -> None:
    times, name = times_and_name
    outcome = figures("compound_interest", compounding=name, years=3.5)
    assert outcome["future_value"] == pytest.approx(10_000 * (1 + 0.05 / times) ** (3.5 * times))
    assert outcome["effective_rate"] == pytest.approx((1 + 0.05 / times) ** times - 1)
    back = main("present_value", future_value=outcome["future_value"], rate=outcome["effective_rate"], years=3.5)
    assert back == pytest.approx(10_000)


def test_var_against_scipy_and_numpy() -> None:
    expected = 1e6 * norm.ppf(0.95) * 0.2 * math.sqrt(10 / 252)
    assert main("parametric_var") == pytest.approx(expected, rel=1e-12)
    daily = figures("parametric_var", volatility_period="daily", volatility=0.2 / math.sqrt(252))
    assert daily["var"] == pytest.approx(expected, rel=1e-12)
    assert "trading_days" not in notes("parametric_var", volatility_period="daily")
    returns = [float(value) for value in np.random.default_rng(7).normal(0.0005, 0.01, 500)]
    for confidence in (0.9, 0.95, 0.99):
        quantile = float(np.percentile(returns, 100 * (1 - confidence)))
        ours = figures("historical_var", returns=returns, confidence=confidence)
        assert ours["var"] == pytest.approx(-quantile, rel=1e-9)
        tail = [value for value in returns if value <= quantile]
        assert ours["expected_shortfall"] == pytest.approx(-sum(tail) / len(tail))
        assert ours["expected_shortfall"] >= ours["var"]


def test_historical_var_on_the_edge() -> None:
    assert main("historical_var", returns=[0.01, 0.02, 0.03]) == 0
    assert {"no_loss", "few_returns"} <= set(notes("historical_var", returns=[0.01, 0.02, 0.03]))
    steps = [i / 1000 for i in range(-50, 51)]
    assert main("historical_var", returns=steps) == pytest.approx(0.045)
    assert notes("historical_var", returns=steps) == ("linear_percentile",)


def test_a_duration_that_is_no_whole_number_of_months_is_noted() -> None:
    assert "whole_months" in notes("loan_payment", years=1.51)
    assert "whole_months" not in notes("loan_payment", years="18 months")
    assert figures("loan_payment", years="18 months")["payments"] == 18


REFUSED: list[tuple[str, dict[str, object], str]] = [
    ("compound_interest", {"rate": 5}, "5%"),
    ("compound_interest", {"years": -1}, "duration cannot be negative, and -1 is"),
    ("compound_interest", {"principal": -1}, "principal cannot be negative"),
    ("compound_interest", {"rate": "-100%"}, "above -100%"),
    ("compound_interest", {"years": 1001}, "at most 1,000 years"),
    ("compound_interest", {"rate": "90000%", "years": 900}, "too large to compute"),
    ("simple_interest", {"rate": "-150%"}, "rate must be above -100%"),
    ("savings_plan", {"years": 0}, "duration must be above zero"),
    ("savings_plan", {"initial": -5}, "initial sum cannot be negative"),
    ("loan_payment", {"principal": 0}, "principal must be above zero"),
    ("loan_payment", {"years": 0.01}, "at least one month"),
    ("borrowing_capacity", {"payment": 0}, "monthly payment must be above zero"),
    ("present_value", {"rate": "-100%"}, "above -100%, not -100%"),
    ("npv", {"cash_flows": []}, "cash flows must hold at least 1 value"),
    ("npv", {"initial_investment": -1000}, "positive cost: 1000"),
    ("irr", {"cash_flows": [-1, -2]}, "one received"),
    ("irr", {"cash_flows": [100, 200], "initial_investment": 0}, "at least one must be paid out"),
    ("irr", {"cash_flows": [10, -100], "initial_investment": 100}, "never crosses zero"),
    ("irr", {"cash_flows": []}, "cash flows"),
    ("bond_price", {"years": -2}, "maturity must be above zero, not -2"),
    ("bond_price", {"face_value": 0}, "face value"),
    ("bond_price", {"coupon_rate": -0.01}, "coupon rate cannot be negative"),
    ("black_scholes", {"volatility": 0}, "volatility must be above zero"),
    ("black_scholes", {"spot": 0}, "spot price must be above zero"),
    ("black_scholes", {"strike": -1}, "strike price"),
    ("black_scholes", {"years": -0.5}, "time to expiry must be above zero"),
    ("black_scholes", {"option_type": "straddle"}, "expected one of call, put; got 'straddle'"),
    ("parametric_var", {"confidence": "100%"}, "between 50% and 100%, not 100%"),
    ("parametric_var", {"confidence": "0%"}, "between 50% and 100%, not 0%"),
    ("parametric_var", {"confidence": "5%"}, "write '95%'"),
    ("parametric_var", {"days": 0}, "number of days"),
    ("historical_var", {"returns": []}, "at least 2 values"),
    ("historical_var", {"returns": ["-150%", 0.1]}, "below -100%, and -150% is"),
    ("historical_var", {"confidence": "120%"}, "not 120%"),
    ("sharpe_ratio", {"volatility": 0}, "volatility must be above zero"),
    ("annualise_rate", {"rate": "-100%"}, "above -100%"),
    ("percent_change", {"old_value": 0}, "must not be zero"),
    ("percent_share", {"whole": 0}, "must not be zero"),
    ("cagr", {"start_value": 0}, "start value must be above zero"),
    ("cagr", {"end_value": -1}, "end value cannot be negative"),
    ("cagr", {"years": 0}, "duration must be above zero"),
    ("doubling_time", {"rate": 0}, "never doubles"),
    ("doubling_time", {"rate": "-3%"}, "At a rate of -3% a sum never doubles"),
    ("real_rate", {"inflation": "-100%"}, "inflation must be above -100%"),
    ("gross_margin", {"revenue": 0}, "revenue must be above zero"),
    ("dividend_yield", {"price": 0}, "price must be above zero"),
    ("price_earnings", {"earnings_per_share": -2}, "no meaning"),
    ("price_earnings", {"price": 0}, "price must be above zero"),
    ("wacc", {"equity": 0, "debt": 0}, "sum of equity and debt must be above zero"),
    ("wacc", {"tax_rate": "120%"}, "between 0% and 100%, not 120%"),
    ("break_even", {"unit_price": 10}, "at no volume are the costs covered"),
    ("percent_of", {"value": 1e308, "percent": "90000%"}, "too large"),
]


@pytest.mark.parametrize(("tool", "arguments", "said"), REFUSED)
def test_outside_its_domain_a_tool_says_why(tool: str, arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ToolError) as raised:
        built_in(tool).run({**EXAMPLES[tool], **arguments})
    assert said in str(raised.value)
    assert str(raised.value).endswith((".", "?"))


def outcome_or_refusal(tool: str, changes: dict[str, object]) -> Mapping[str, float] | ToolError:
    given = {
        name: [value, value] if isinstance(EXAMPLES[tool].get(name), list) else value for name, value in changes.items()
    }
    try:
        return figures(tool, **given)
    except ToolError as error:
        return error


@pytest.mark.parametrize("tool", [tool.name for tool in group("finance")])
def test_extreme_figures_give_a_finite_result_or_a_tool_error(tool: str) -> None:
    extremes = [0, 1e-300, -1e-300, 0.5, -0.999999, "100000%", 1e150, 1e308, -1e308]
    changes = list(itertools.product(EXAMPLES[tool], extremes))
    computed = 0
    for (name, value), (other, second) in itertools.product(changes, changes):
        found = outcome_or_refusal(tool, {name: value, other: second})
        if isinstance(found, ToolError):
            assert str(found).endswith(".")
        else:
            computed += 1
            assert all(map(math.isfinite, found.values())), (name, value, other, second)
    assert computed > 0


def test_every_finance_tool_has_an_example_here() -> None:
    assert {tool.name for tool in group("finance")} == set(EXAMPLES)
