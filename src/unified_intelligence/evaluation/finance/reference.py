"""The formulas behind the questions, written for themselves: the tools that a model may call have their own.

Rates and volatilities are fractions a year, durations are years, values are in one currency; a loss is positive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean
from typing import Literal, NamedTuple

_NORMAL = NormalDist()


def future_value(principal: float, rate: float, years: float, times: int = 1) -> float:
    """The future value of a sum whose interest is added `times` a year."""
    return principal * (1 + rate / times) ** (times * years)


def present_value(amount: float, rate: float, years: float) -> float:
    return amount / (1 + rate) ** years


def annuity_future_value(payment: float, rate: float, periods: int) -> float:
    """The future value of equal payments at the end of each period, at a rate a period."""
    return payment * ((1 + rate) ** periods - 1) / rate


def annuity_present_value(payment: float, rate: float, periods: int) -> float:
    return payment * (1 - (1 + rate) ** -periods) / rate


def instalment(principal: float, annual_rate: float, months: int) -> float:
    """Monthly, at a twelfth of the yearly rate, at the end of each month."""
    monthly = annual_rate / 12
    return principal * monthly / (1 - (1 + monthly) ** -months)


def net_present_value(rate: float, flows: Sequence[float]) -> float:
    """The first flow is today's, the others come at the end of each year."""
    return sum(flow / (1 + rate) ** year for year, flow in enumerate(flows))


def internal_rate(flows: Sequence[float]) -> float:
    """The rate at which flows that change sign once are worth nothing, by bisection between -99 % and 1,000 %."""
    low, high = -0.99, 10.0
    for _ in range(200):
        middle = (low + high) / 2
        if (net_present_value(middle, flows) > 0) == (net_present_value(low, flows) > 0):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def bond_flows(face: float, coupon_rate: float, years: int) -> list[float]:
    """The flows at the end of each year."""
    return [face * coupon_rate] * (years - 1) + [face * (1 + coupon_rate)]


def bond_price(face: float, coupon_rate: float, market_yield: float, years: int) -> float:
    """The price of a bond with yearly coupons, right after one was paid."""
    return sum(flow / (1 + market_yield) ** year for year, flow in enumerate(bond_flows(face, coupon_rate, years), 1))


def macaulay_duration(face: float, coupon_rate: float, market_yield: float, years: int) -> float:
    flows = enumerate(bond_flows(face, coupon_rate, years), 1)
    weighted = sum(year * flow / (1 + market_yield) ** year for year, flow in flows)
    return weighted / bond_price(face, coupon_rate, market_yield, years)


def modified_duration(face: float, coupon_rate: float, market_yield: float, years: int) -> float:
    return macaulay_duration(face, coupon_rate, market_yield, years) / (1 + market_yield)


def parametric_var(value: float, daily_volatility: float, confidence: float, days: int) -> float:
    """The value at risk of normal returns without drift."""
    return value * _NORMAL.inv_cdf(confidence) * daily_volatility * math.sqrt(days)


def normal_shortfall(value: float, daily_volatility: float, confidence: float) -> float:
    """The mean loss beyond the value at risk of one day, of normal returns without drift."""
    quantile = _NORMAL.inv_cdf(confidence)
    return value * daily_volatility * _NORMAL.pdf(quantile) / (1 - confidence)


def worst_losses(returns: Sequence[float], count: int) -> list[float]:
    """The `count` worst returns as losses, the worst first."""
    return [-one for one in sorted(returns)[:count]]


class Option(NamedTuple):
    """A European option by Black and Scholes, without dividends; vega and rho per 1, theta a year."""

    price: float
    delta: float
    gamma: float
    vega: float


def black_scholes(
    spot: float, strike: float, rate: float, volatility: float, years: float, kind: Literal["call", "put"]
) -> Option:
    root = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * years) / root
    side = 1 if kind == "call" else -1
    in_stock, in_cash = _NORMAL.cdf(side * d1), _NORMAL.cdf(side * (d1 - root))
    price = side * (spot * in_stock - strike * math.exp(-rate * years) * in_cash)
    density = _NORMAL.pdf(d1)
    return Option(price, side * in_stock, density / (spot * root), spot * density * math.sqrt(years))


def put_by_parity(call: float, spot: float, strike: float, rate: float, years: float) -> float:
    return call - spot + strike * math.exp(-rate * years)


def forward_price(spot: float, rate: float, income: float, years: float) -> float:
    """The forward price of an asset with a steady income, both rates compounded continuously."""
    return spot * math.exp((rate - income) * years)


def sharpe_ratio(portfolio: float, risk_free: float, volatility: float) -> float:
    return (portfolio - risk_free) / volatility


def expected_return(risk_free: float, beta: float, market: float) -> float:
    """The expected return by the capital asset pricing model."""
    return risk_free + beta * (market - risk_free)


def beta(asset: Sequence[float], market: Sequence[float]) -> float:
    """The slope of the asset's returns over the market's."""
    mean_asset, mean_market = fmean(asset), fmean(market)
    shared = sum((a - mean_asset) * (m - mean_market) for a, m in zip(asset, market, strict=True))
    return shared / sum((m - mean_market) ** 2 for m in market)


def two_asset_volatility(weight: float, first: float, second: float, correlation: float) -> float:
    """The volatility of a portfolio with `weight` in the first asset and the rest in the second."""
    rest = 1 - weight
    return math.sqrt((weight * first) ** 2 + (rest * second) ** 2 + 2 * weight * rest * first * second * correlation)


def growth_rate(start: float, end: float, years: float) -> float:
    return (end / start) ** (1 / years) - 1


def real_rate(nominal: float, inflation: float) -> float:
    return (1 + nominal) / (1 + inflation) - 1


def perpetuity_value(dividend: float, required: float, growth: float) -> float:
    """Today, of a dividend that comes in a year and grows from then on."""
    return dividend / (required - growth)


def weighted_cost(equity: float, debt: float, cost_of_equity: float, cost_of_debt: float, tax: float) -> float:
    """The weighted average cost of capital, after tax."""
    total = equity + debt
    return equity / total * cost_of_equity + debt / total * cost_of_debt * (1 - tax)
