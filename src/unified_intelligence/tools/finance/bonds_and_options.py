"""Bonds and options.

Rates and volatilities are fractions a year, durations are years, prices are in whatever currency came in.
"""

import math
from statistics import NormalDist
from typing import Literal

from unified_intelligence.tools.finance.checks import duration, finite, growth, not_negative, positive, rate_above
from unified_intelligence.tools.registry import Outcome
from unified_intelligence.tools.types import Number, Rate, Years

Frequency = Literal["annual", "semiannual"]
OptionType = Literal["call", "put"]
_NORMAL = NormalDist()
_BLACK_SCHOLES = {"call": "C = S N(d1) - K e^(-rT) N(d2)", "put": "P = K e^(-rT) N(-d2) - S N(-d1)"}


def bond_price(
    face_value: Number, coupon_rate: Rate, market_yield: Rate, years: Years, frequency: Frequency = "annual"
) -> Outcome:
    """The price of a bond: its coupons and its face value, discounted at the market yield.

    face_value: what is paid back at maturity
    coupon_rate: yearly coupon, as a share of the face value
    market_yield: yield to maturity, compounded as often as coupons are paid
    years: time to maturity
    frequency: how often coupons are paid

    Between two coupon dates it is the full price. Returns price (accrued interest included), coupon (money, each),
    macaulay_duration, modified_duration (years) and current_yield (fraction).
    Raises ToolError for a face value or maturity that is not positive, a negative coupon, or a yield of -100% or less.
    Source: Fabozzi, Bond Markets, Analysis and Strategies.
    """
    positive("face value", face_value)
    not_negative("coupon rate", coupon_rate)
    rate_above("market yield", market_yield)
    duration(years, "maturity")
    times = 1 if frequency == "annual" else 2
    periods, yield_, coupon = years * times, market_yield / times, face_value * coupon_rate / times
    count = max(1, math.ceil(periods - 1e-9))
    flows = [(periods - back, coupon) for back in range(1, count)] + [(periods, coupon + face_value)]
    worths = [(when, cash * growth(yield_, -when)) for when, cash in flows]
    price = math.fsum(worth for _, worth in worths)
    macaulay = math.fsum(when * (worth / price) for when, worth in worths) / times if price else 0.0
    return finite(
        "P = Σ (c/m) F / (1 + y/m)^k + F / (1 + y/m)^(m t)",
        () if abs(periods - count) < 1e-9 else ("between_coupons",),
        price=price,
        coupon=coupon,
        macaulay_duration=macaulay,
        modified_duration=macaulay / (1 + yield_),
        current_yield=coupon * times / price if price else 0.0,
    )


def black_scholes(
    spot: Number, strike: Number, rate: Rate, volatility: Rate, years: Years, option_type: OptionType
) -> Outcome:
    """The Black-Scholes price of a European option, and its Greeks.

    spot: price of the underlying today
    strike: price at which it may be bought or sold
    rate: risk-free rate, compounded continuously
    volatility: yearly volatility of the underlying
    years: time to expiry
    option_type: the right to buy or the right to sell

    Returns price, delta, gamma, vega and rho (per 1, that is per 100 points), theta (a year), d1 and d2.
    Raises ToolError for a price, volatility or time that is not positive.
    Source: Black & Scholes (1973); Hull, Options, Futures and Other Derivatives.
    """
    for name, value in (("spot price", spot), ("strike price", strike), ("volatility", volatility)):
        positive(name, value)
    duration(years, "time to expiry")
    d1 = _d1(math.log(spot) - math.log(strike), rate, volatility, years)
    d2, root = d1 - volatility * math.sqrt(years), math.sqrt(years)
    sign = 1.0 if option_type == "call" else -1.0
    discounted = strike * math.exp(-rate * years)
    density, in_asset, in_cash = _NORMAL.pdf(d1), _cdf(sign * d1), _cdf(sign * d2)
    return finite(
        _BLACK_SCHOLES[option_type],
        ("european", "no_dividends", "greeks"),
        price=max(0.0, sign * (spot * in_asset - discounted * in_cash)),
        delta=sign * in_asset,
        gamma=density / (spot * volatility * root),
        vega=spot * density * root,
        theta=-spot * density * volatility / (2 * root) - sign * rate * discounted * in_cash,
        rho=sign * years * discounted * in_cash,
        d1=d1,
        d2=d2,
    )


def _d1(log_moneyness: float, rate: float, volatility: float, years: float) -> float:
    return (log_moneyness + (rate + volatility * volatility / 2) * years) / (volatility * math.sqrt(years))


def _cdf(x: float) -> float:
    """The standard normal distribution function, accurate far into the left tail."""
    return math.erfc(-x / math.sqrt(2)) / 2
