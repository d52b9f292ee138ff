"""Risk: what may be lost, and what is earned for it. Volatilities, returns and confidences are fractions."""

import math
from statistics import NormalDist
from typing import Literal

from unified_intelligence.tools.finance.checks import filled, finite, positive
from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.types import Days, Number, Rate, Rates

TRADING_DAYS = 252


def parametric_var(
    value: Number,
    volatility: Rate,
    confidence: Rate = 0.95,
    days: Days = 1,
    volatility_period: Literal["annual", "daily"] = "annual",
) -> Outcome:
    """Value at risk of a portfolio whose returns are normal.

    value: what the portfolio is worth
    volatility: standard deviation of its returns
    confidence: the share of cases in which the loss stays below, above 50%
    days: trading days ahead
    volatility_period: what the volatility is measured over

    Returns var (money, a positive loss), share (fraction of the value) and z (quantile of the normal law).
    Raises ToolError for a value, volatility or horizon that is not positive, or a confidence outside 50% to 100%.
    Source: Jorion, Value at Risk; Hull, Risk Management and Financial Institutions.
    """
    positive("value", value)
    positive("volatility", volatility)
    positive("number of days", days)
    _confidence(confidence)
    z = NormalDist().inv_cdf(confidence)
    annual = volatility_period == "annual"
    share = z * volatility * math.sqrt(days / TRADING_DAYS if annual else days)
    return finite(
        "VaR = V z σ √(d/252)" if annual else "VaR = V z σ √d",
        ("normal_returns", "mean_zero", *(("trading_days",) if annual else ())),
        var=value * share,
        share=share,
        z=z,
    )


def historical_var(returns: Rates, confidence: Rate = 0.95) -> Outcome:
    """Value at risk read from past returns: the loss that was not exceeded at the given confidence.

    returns: past returns, one a period
    confidence: the share of periods in which the loss stayed below, above 50%

    Returns var and expected_shortfall (fractions, positive losses, zero if there was none), worst (the worst return)
    and observations (how many returns).
    Raises ToolError for fewer than two returns, one below -100%, or a confidence outside 50% to 100%.
    Source: Hull, Risk Management and Financial Institutions; percentile as numpy.percentile, linear.
    """
    filled("returns", returns, least=2)
    _confidence(confidence)
    ordered = sorted(returns)
    if not ordered[0] >= -1:
        raise ToolError(f"A return cannot be below -100%, and {ordered[0] * 100:g}% is.")
    place = round((1 - confidence) * (len(ordered) - 1), 9)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    quantile = ordered[below] + (place - below) * (ordered[above] - ordered[below])
    tail = [value for value in ordered if value <= quantile + 1e-12]
    notes = ["linear_percentile"]
    if len(ordered) * (1 - confidence) < 1 - 1e-9:
        notes.append("few_returns")
    if quantile >= 0:
        notes.append("no_loss")
    return finite(
        "VaR = -Q(1 - c)",
        tuple(notes),
        var=max(0.0, -quantile),
        expected_shortfall=max(0.0, -math.fsum(tail) / len(tail)),
        worst=ordered[0],
        observations=len(ordered),
    )


def sharpe_ratio(portfolio_return: Rate, risk_free_rate: Rate, volatility: Rate) -> Outcome:
    """Sharpe ratio: the return above the risk-free rate, per unit of risk.

    portfolio_return: return of the portfolio
    risk_free_rate: return without risk, over the same period
    volatility: standard deviation of the portfolio's returns, over the same period

    Returns sharpe_ratio (a plain number) and excess_return (fraction).
    Raises ToolError for a volatility that is not positive.
    Source: Sharpe, The Sharpe Ratio, Journal of Portfolio Management (1994).
    """
    positive("volatility", volatility)
    excess = portfolio_return - risk_free_rate
    return finite("S = (Rp - Rf) / σ", ("same_period",), sharpe_ratio=excess / volatility, excess_return=excess)


def _confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise ToolError(f"The confidence must lie between 50% and 100%, not {confidence * 100:g}%.")
    if confidence <= 0.5:
        better = 95 if confidence == 0.5 else 100 - confidence * 100
        raise ToolError(f"A confidence of {confidence * 100:g}% does not measure a loss: write '{better:g}%'.")
