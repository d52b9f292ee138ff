"""The formulas behind the questions against independent libraries, on values drawn at random."""

import math
from collections.abc import Callable
from importlib import import_module
from random import Random
from typing import Any

import numpy as np
import pytest

from unified_intelligence.evaluation.finance import reference

npf: Any = import_module("numpy_financial")  # these libraries are not typed
integrate: Any = import_module("scipy.integrate")
optimize: Any = import_module("scipy.optimize")
stats: Any = import_module("scipy.stats")
TRIALS = 25


def close(found: float, expected: Any, tolerance: float = 1e-9) -> None:
    assert math.isclose(found, float(expected), rel_tol=tolerance, abs_tol=1e-9), (found, expected)


@pytest.fixture(params=range(TRIALS))
def rng(request: pytest.FixtureRequest) -> Random:
    return Random(request.param)


def test_money_over_time(rng: Random) -> None:
    amount, rate, years, times = (
        rng.uniform(1, 1e6),
        rng.uniform(0.001, 0.2),
        rng.randint(1, 40),
        rng.choice((1, 4, 12)),
    )
    close(reference.future_value(amount, rate, years, times), npf.fv(rate / times, years * times, 0, -amount))
    close(reference.present_value(amount, rate, years), npf.pv(rate, years, 0, -amount))
    close(reference.annuity_future_value(amount, rate, years), npf.fv(rate, years, -amount, 0))
    close(reference.annuity_present_value(amount, rate, years), npf.pv(rate, years, -amount, 0))
    close(reference.instalment(amount, rate, years * 12), npf.pmt(rate / 12, years * 12, -amount))
    end = amount * rng.uniform(0.2, 5)
    close(reference.growth_rate(amount, end, years), npf.rate(years, 0, -amount, end), 1e-6)


def test_projects(rng: Random) -> None:
    flows = [-rng.uniform(100, 1000), *(rng.uniform(30, 600) for _ in range(rng.randint(2, 8)))]
    rate = rng.uniform(0.01, 0.3)
    close(reference.net_present_value(rate, flows), npf.npv(rate, flows))
    close(reference.internal_rate(flows), npf.irr(flows), 1e-6)


def test_bonds(rng: Random) -> None:
    coupon, market, years = rng.uniform(0, 0.1), rng.uniform(0.005, 0.1), rng.randint(1, 30)
    price = reference.bond_price(1000, coupon, market, years)
    close(price, npf.pv(market, years, -1000 * coupon, -1000))

    def price_at(rate: float) -> float:
        return -float(npf.pv(rate, years, 1000 * coupon, 1000))

    step = 1e-6
    slope = (price_at(market + step) - price_at(market - step)) / (2 * step)
    close(reference.modified_duration(1000, coupon, market, years), -slope / price, 1e-6)
    close(
        reference.macaulay_duration(1000, coupon, market, years),
        reference.modified_duration(1000, coupon, market, years) * (1 + market),
    )


def test_value_at_risk(rng: Random) -> None:
    value, volatility, confidence, days = rng.uniform(1e3, 1e7), rng.uniform(0.001, 0.05), rng.uniform(0.8, 0.999), 10
    spread = volatility * math.sqrt(days)
    close(
        reference.parametric_var(value, volatility, confidence, days),
        -value * stats.norm.ppf(1 - confidence, scale=spread),
        1e-7,
    )
    edge = float(stats.norm.ppf(1 - confidence, scale=volatility))

    def weighted(loss: float) -> float:
        return loss * float(stats.norm.pdf(loss, scale=volatility))

    tail: tuple[Any, ...] = integrate.quad(weighted, -12 * volatility, edge)
    close(reference.normal_shortfall(value, volatility, confidence), -value * tail[0] / (1 - confidence), 1e-6)


def test_history(rng: Random) -> None:
    returns = [rng.uniform(-0.05, 0.05) for _ in range(20)]
    second = np.percentile(returns, 100 / 19, method="lower")
    close(reference.worst_losses(returns, 2)[1], -second)
    close(sum(reference.worst_losses(returns, 3)) / 3, -np.sort(returns)[:3].mean())


@pytest.mark.parametrize("kind", ["call", "put"])
def test_options(rng: Random, kind: Any) -> None:
    spot, strike, rate = rng.uniform(50, 150), rng.uniform(50, 150), rng.uniform(0, 0.1)
    volatility, years = rng.uniform(0.1, 0.6), rng.uniform(0.1, 3)
    found = reference.black_scholes(spot, strike, rate, volatility, years, kind)
    side = 1 if kind == "call" else -1

    def expected_payoff(spot: float, volatility: float) -> float:
        """The discounted mean of the payoff, integrated over the law of the final price."""

        def payoff(z: float) -> float:
            final = spot * math.exp((rate - volatility**2 / 2) * years + volatility * math.sqrt(years) * z)
            return max(0.0, side * (final - strike)) * float(stats.norm.pdf(z))

        kink = (math.log(strike / spot) - (rate - volatility**2 / 2) * years) / (volatility * math.sqrt(years))
        low, high = (max(-9.0, min(9.0, kink)), 9.0) if side == 1 else (-9.0, max(-9.0, min(9.0, kink)))
        area: tuple[Any, ...] = integrate.quad(payoff, low, high, epsabs=1e-12, epsrel=1e-12)
        return math.exp(-rate * years) * float(area[0])

    close(found.price, expected_payoff(spot, volatility), 1e-6)
    slope = _slope(lambda one: expected_payoff(one, volatility), spot)
    assert abs(found.delta - slope) < 1e-4
    assert abs(found.vega - _slope(lambda one: expected_payoff(spot, one), volatility)) < 1e-2

    def delta(one: float) -> float:
        return reference.black_scholes(one, strike, rate, volatility, years, kind).delta

    assert abs(found.gamma - _slope(delta, spot)) < 1e-6
    call = reference.black_scholes(spot, strike, rate, volatility, years, "call").price
    put = reference.black_scholes(spot, strike, rate, volatility, years, "put").price
    close(reference.put_by_parity(call, spot, strike, rate, years), put, 1e-7)


def _slope(function: Callable[[float], float], place: float) -> float:
    step = place * 1e-4
    return (function(place + step) - function(place - step)) / (2 * step)


def test_risk_and_return(rng: Random) -> None:
    market = np.array([rng.uniform(-0.05, 0.05) for _ in range(8)])
    asset = np.array([rng.uniform(-0.05, 0.05) for _ in range(8)])
    line: Any = stats.linregress(market, asset)
    close(reference.beta(asset.tolist(), market.tolist()), line.slope)
    weight, correlation = rng.random(), rng.uniform(-0.9, 0.9)
    first, second = rng.uniform(0.05, 0.4), rng.uniform(0.05, 0.4)
    covariance = np.array([[first**2, correlation * first * second], [correlation * first * second, second**2]])
    weights = np.array([weight, 1 - weight])
    close(reference.two_asset_volatility(weight, first, second, correlation), np.sqrt(weights @ covariance @ weights))
    close(reference.real_rate(first, second), np.expm1(np.log1p(first) - np.log1p(second)))
    required, growth = 0.1, rng.uniform(0, 0.05)
    dividends = np.arange(4000)
    close(
        reference.perpetuity_value(2.0, required, growth),
        (2.0 * (1 + growth) ** dividends / (1 + required) ** (dividends + 1)).sum(),
    )


def test_what_is_a_line_of_algebra() -> None:
    close(reference.sharpe_ratio(0.08, 0.03, 0.1), 0.5)
    close(reference.expected_return(0.03, 1.2, 0.08), 0.09)
    close(reference.weighted_cost(60, 40, 0.1, 0.05, 0.25), 0.075)

    def gap(rate: float) -> float:
        return 100 * math.exp(rate * 2) - reference.forward_price(100, 0.05, 0.02, 2)

    close(optimize.brentq(gap, 0, 1), 0.03)
