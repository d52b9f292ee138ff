"""Percentages and ratios. Rates are fractions (0.05 for 5%), money is in whatever currency came in."""

import math
from typing import Literal

from unified_intelligence.tools.finance.checks import finite, not_negative, positive
from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.types import Number, Rate


def percent_change(old_value: Number, new_value: Number) -> Outcome:
    """By how many percent a value changed.

    old_value: the value before
    new_value: the value after

    Returns change (fraction of the old value, positive for a rise) and difference.
    Raises ToolError for an old value of zero.
    Source: definition; a negative old value counts by its size.
    """
    if old_value == 0:
        raise ToolError("A change from zero has no percentage: the old value must not be zero.")
    difference = new_value - old_value
    notes = ("negative_base",) if old_value < 0 else ()
    return finite("(V1 - V0) / |V0|", notes, change=difference / abs(old_value), difference=difference)


def percent_of(percent: Rate, value: Number) -> Outcome:
    """A percentage of a value.

    percent: the percentage
    value: the value it is taken of

    Returns result. Raises ToolError if the result is too large.
    Source: definition.
    """
    return finite("p V", result=percent * value)


def apply_percent(value: Number, percent: Rate, direction: Literal["increase", "decrease"]) -> Outcome:
    """A value raised or lowered by a percentage: tax, tip, raise, discount.

    value: the value before
    percent: the percentage; its sign says the direction once more ("-25 %" off is 25 % off)
    direction: whether it is added or taken off

    Returns result and amount (what was added or taken off).
    Raises ToolError if the result is too large.
    Source: definition.
    """
    amount = value * abs(percent)
    if direction == "increase":
        return finite("V (1 + p)", result=value + amount, amount=amount)
    return finite("V (1 - p)", result=value - amount, amount=amount)


def percent_share(part: Number, whole: Number) -> Outcome:
    """What percentage of a whole a part is.

    part: the part
    whole: the whole

    Returns share (fraction). Raises ToolError for a whole of zero.
    Source: definition.
    """
    if whole == 0:
        raise ToolError("A share of nothing has no percentage: the whole must not be zero.")
    return finite("P / W", share=part / whole)


def gross_margin(revenue: Number, cost: Number) -> Outcome:
    """Gross margin: the share of revenue left after the cost of what was sold.

    revenue: sales
    cost: cost of goods sold

    Returns gross_margin (fraction of revenue) and gross_profit (money).
    Raises ToolError for a revenue that is not positive or a negative cost.
    Source: Brealey, Myers & Allen, Principles of Corporate Finance.
    """
    positive("revenue", revenue)
    not_negative("cost", cost)
    profit = revenue - cost
    return finite("(R - C) / R", gross_margin=profit / revenue, gross_profit=profit)


def dividend_yield(dividend: Number, price: Number) -> Outcome:
    """Dividend yield of a share.

    dividend: dividends of one year, per share
    price: price of the share

    Returns dividend_yield (fraction).
    Raises ToolError for a price that is not positive or a negative dividend.
    Source: Bodie, Kane & Marcus, Investments.
    """
    not_negative("dividend", dividend)
    positive("price", price)
    return finite("D / P", ("annual_dividend",), dividend_yield=dividend / price)


def price_earnings(price: Number, earnings_per_share: Number) -> Outcome:
    """Price/earnings ratio of a share.

    price: price of the share
    earnings_per_share: earnings of one year, per share

    Returns price_earnings (a multiple) and earnings_yield (fraction).
    Raises ToolError for a price or earnings that are not positive: a loss has no meaningful ratio.
    Source: Bodie, Kane & Marcus, Investments.
    """
    positive("price", price)
    if not earnings_per_share > 0:
        raise ToolError("Without positive earnings per share the price/earnings ratio has no meaning.")
    return finite("P / EPS", price_earnings=price / earnings_per_share, earnings_yield=earnings_per_share / price)


def break_even(fixed_costs: Number, unit_price: Number, unit_cost: Number) -> Outcome:
    """How many units must be sold to cover all costs.

    fixed_costs: costs that do not depend on sales
    unit_price: price of one unit
    unit_cost: variable cost of one unit

    Returns units (rounded up to a whole unit), exact_units, revenue (money at exact_units) and unit_margin (money).
    Raises ToolError for negative costs, or a price that does not exceed the cost of a unit.
    Source: Ross, Westerfield & Jordan, Fundamentals of Corporate Finance.
    """
    not_negative("fixed costs", fixed_costs)
    not_negative("unit cost", unit_cost)
    margin = unit_price - unit_cost
    if not margin > 0:
        raise ToolError(f"Each unit sold at {unit_price:g} costs {unit_cost:g}: at no volume are the costs covered.")
    exact = fixed_costs / margin
    if not math.isfinite(exact):
        raise ToolError("The figures are too large: the number of units cannot be computed.")
    units = math.ceil(exact - 1e-9 * max(1.0, exact))
    return finite("Q = F / (p - c)", units=units, exact_units=exact, revenue=exact * unit_price, unit_margin=margin)
