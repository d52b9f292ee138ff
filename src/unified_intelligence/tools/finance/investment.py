"""Investments: what a stream of cash is worth, what it earns, and what its capital costs.

Rates are fractions (0.05 for 5%); cash flows come at the end of years 1, 2, 3...
"""

import math
from collections.abc import Sequence

from unified_intelligence.tools.finance.checks import (
    duration,
    filled,
    finite,
    growth,
    not_negative,
    positive,
    rate_above,
)
from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.types import Number, Numbers, Rate, Years

_STEPS = 1000
_WIDEST = 20.0  # ln(1 + rate) is searched between -20 and 20: from -99.9999998% to 48 billion %


def npv(rate: Rate, cash_flows: Numbers, initial_investment: Number = 0) -> Outcome:
    """Net present value of yearly cash flows.

    rate: yearly discount rate
    cash_flows: what comes in at the end of each year, negative when it goes out
    initial_investment: what is paid today, as a positive cost

    Returns npv and value_of_flows (money).
    Raises ToolError for an empty list, a negative investment, or a rate of -100% or less.
    Source: Brealey, Myers & Allen, Principles of Corporate Finance.
    """
    filled("cash flows", cash_flows)
    _cost(initial_investment)
    rate_above("rate", rate)
    value = math.fsum(flow * growth(rate, -year) for year, flow in enumerate(cash_flows, 1))
    net = value - initial_investment
    verdict = () if initial_investment == 0 or net == 0 else ("creates_value" if net > 0 else "destroys_value",)
    return finite("NPV = Σ CF_t / (1 + r)^t - I", ("end_of_year", *verdict), npv=net, value_of_flows=value)


def irr(cash_flows: Numbers, initial_investment: Number) -> Outcome:
    """Internal rate of return of yearly cash flows: the discount rate at which they are worth their cost.

    cash_flows: what comes in at the end of each year, negative when it goes out
    initial_investment: what is paid today, as a positive cost

    Returns irr (fraction a year) and profit (money, undiscounted). Where several rates fit, the one nearest to zero.
    Raises ToolError for an empty list, a negative investment, or flows that no rate can balance.
    Source: Brealey, Myers & Allen, Principles of Corporate Finance.
    """
    filled("cash flows", cash_flows)
    _cost(initial_investment)
    flows = [-initial_investment, *cash_flows]
    if not min(flows) < 0 < max(flows):
        raise ToolError("No rate balances these flows: at least one must be paid out and one received.")
    roots = _roots(_without_outer_zeros(flows))
    if not roots:
        raise ToolError("No rate balances these flows: their value never crosses zero.")
    several = ("several_rates",) if len(roots) > 1 else ()
    rate = math.expm1(min(roots, key=abs))
    return finite("0 = Σ CF_t / (1 + IRR)^t - I", ("end_of_year", *several), irr=rate, profit=math.fsum(flows))


def cagr(start_value: Number, end_value: Number, years: Years) -> Outcome:
    """Compound annual growth rate between two values.

    start_value: the value at the start
    end_value: the value at the end
    years: how long it took

    Returns cagr (fraction a year) and total_growth (fraction).
    Raises ToolError for a start that is not positive, a negative end, or no time in between.
    Source: CFA Institute, Quantitative Methods (geometric mean return).
    """
    positive("start value", start_value)
    not_negative("end value", end_value)
    duration(years)
    try:
        rate = math.expm1(math.log(end_value / start_value) / years) if end_value else -1.0
    except (OverflowError, ValueError) as error:
        raise ToolError("The growth between these values is too large or too small to compute.") from error
    return finite("CAGR = (V1 / V0)^(1/t) - 1", cagr=rate, total_growth=end_value / start_value - 1)


def wacc(equity: Number, debt: Number, cost_of_equity: Rate, cost_of_debt: Rate, tax_rate: Rate) -> Outcome:
    """Weighted average cost of capital, after tax.

    equity: market value of the equity
    debt: market value of the debt
    cost_of_equity: yearly return shareholders ask for
    cost_of_debt: yearly interest rate of the debt, before tax
    tax_rate: tax on profits, from which interest is deducted

    Returns wacc, equity_weight, debt_weight and after_tax_cost_of_debt (fractions).
    Raises ToolError for negative values, no capital at all, or a tax rate outside 0% to 100%.
    Source: Brealey, Myers & Allen, Principles of Corporate Finance.
    """
    not_negative("equity", equity)
    not_negative("debt", debt)
    positive("sum of equity and debt", equity + debt)
    if not 0 <= tax_rate <= 1:
        raise ToolError(f"The tax rate must lie between 0% and 100%, not {tax_rate * 100:g}%.")
    weight = equity / (equity + debt)
    after_tax = cost_of_debt * (1 - tax_rate)
    return finite(
        "WACC = E/(E+D) Re + D/(E+D) Rd (1 - T)",
        ("market_values", "deductible_interest"),
        wacc=weight * cost_of_equity + (1 - weight) * after_tax,
        equity_weight=weight,
        debt_weight=1 - weight,
        after_tax_cost_of_debt=after_tax,
    )


def _cost(initial_investment: float) -> None:
    if initial_investment < 0:
        raise ToolError(f"Write the initial investment as a positive cost: {-initial_investment:g}.")


def _without_outer_zeros(flows: Sequence[float]) -> Sequence[float]:
    """The flows from the first that counts to the last: the same rates balance them, and no scaled sum vanishes."""
    counting = [year for year, flow in enumerate(flows) if flow != 0]
    return flows[counting[0] : counting[-1] + 1]


def _scaled_value(flows: Sequence[float], log_growth: float) -> float:
    """The net present value at a rate of exp(log_growth) - 1, scaled so that no term overflows; its sign is right."""
    largest = max(0.0, -log_growth * (len(flows) - 1))
    return math.fsum(flow * math.exp(-log_growth * year - largest) for year, flow in enumerate(flows))


def _roots(flows: Sequence[float]) -> list[float]:
    """Every ln(1 + rate) at which the flows balance: sign changes on a grid, dense near zero, then bisection."""
    grid = [_WIDEST * (step / _STEPS) ** 3 for step in range(-_STEPS, _STEPS + 1)]
    values = [_scaled_value(flows, point) for point in grid]
    roots = [point for point, value in zip(grid, values, strict=True) if value == 0]
    crossings = [i for i in range(len(grid) - 1) if values[i] * values[i + 1] < 0]
    roots.extend(_bisect(flows, grid[i], grid[i + 1]) for i in crossings)
    return roots


def _bisect(flows: Sequence[float], low: float, high: float) -> float:
    rising = _scaled_value(flows, high) > 0
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if (_scaled_value(flows, middle) > 0) == rising:
            high = middle
        else:
            low = middle
