"""Families of questions on risk: value at risk, shortfall, options, forwards, and what is earned for a risk."""

from __future__ import annotations

from random import Random
from typing import Literal

from unified_intelligence.evaluation.finance import reference
from unified_intelligence.evaluation.finance.families_of_value import euros, points
from unified_intelligence.evaluation.finance.keys import NumberKey
from unified_intelligence.evaluation.finance.question import Euros, Figure, Question, Share, Shares, Wording, asked

_CONFIDENCES = (0.95, 0.975, 0.99)


def parametric_var(rng: Random) -> Question:
    value, volatility = rng.randint(2, 200) * 50_000.0, rng.randint(16, 80) / 4000
    confidence, days = rng.choice(_CONFIDENCES), rng.choice((1, 5, 10))
    return asked(
        "A portfolio of {value} has a daily volatility of {volatility}. Its returns are normal, independent and of "
        "mean zero. What is its value at risk over {days} day(s) at a confidence of {confidence}, as a positive "
        "amount?",
        "Un portefeuille de {value} a une volatilité quotidienne de {volatility}. Ses rendements sont normaux, "
        "indépendants et de moyenne nulle. Quelle est sa valeur en risque (VaR) à {days} jour(s) au seuil de "
        "confiance de {confidence}, en montant positif ?",
        euros(reference.parametric_var(value, volatility, confidence, days)),
        value=Euros(value), volatility=Share(volatility), confidence=Share(confidence), days=Figure(days),
    )  # fmt: skip


def _history(rng: Random) -> tuple[float, list[float]]:
    returns = rng.sample([number / 1000 for number in range(-45, 46)], 20)
    return rng.randint(2, 80) * 25_000.0, returns


def historical_var(rng: Random) -> Question:
    value, returns = _history(rng)
    return asked(
        "Daily returns of the last 20 days: {returns}. A portfolio is worth {value}. What is its one-day historical "
        "value at risk at 90%, taken as the second largest loss, without interpolation, as a positive amount?",
        "Rendements quotidiens des 20 derniers jours : {returns}. Un portefeuille vaut {value}. Quelle est sa VaR "
        "historique à un jour au seuil de 90 %, prise comme la deuxième plus forte perte, sans interpolation, en "
        "montant positif ?",
        euros(value * reference.worst_losses(returns, 2)[1]),
        value=Euros(value), returns=Shares(returns),
    )  # fmt: skip


def historical_shortfall(rng: Random) -> Question:
    value, returns = _history(rng)
    return asked(
        "Daily returns of the last 20 days: {returns}. A portfolio is worth {value}. What is its one-day historical "
        "expected shortfall at 85%, taken as the mean of the three largest losses, as a positive amount?",
        "Rendements quotidiens des 20 derniers jours : {returns}. Un portefeuille vaut {value}. Quelle est son "
        "expected shortfall historique à un jour au seuil de 85 %, prise comme la moyenne des trois plus fortes "
        "pertes, en montant positif ?",
        euros(value * sum(reference.worst_losses(returns, 3)) / 3),
        value=Euros(value), returns=Shares(returns),
    )  # fmt: skip


def normal_shortfall(rng: Random) -> Question:
    value, volatility, confidence = rng.randint(2, 200) * 50_000.0, rng.randint(16, 80) / 4000, rng.choice(_CONFIDENCES)
    return asked(
        "A portfolio of {value} has normal daily returns of mean zero and volatility {volatility}. What is its "
        "one-day expected shortfall at {confidence}, as a positive amount?",
        "Un portefeuille de {value} a des rendements quotidiens normaux, de moyenne nulle et de volatilité "
        "{volatility}. Quelle est son expected shortfall à un jour au seuil de {confidence}, en montant positif ?",
        euros(reference.normal_shortfall(value, volatility, confidence)),
        value=Euros(value), volatility=Share(volatility), confidence=Share(confidence),
    )  # fmt: skip


def _contract(rng: Random) -> tuple[float, float, float, float, float]:
    """Spot, strike, rate, volatility and years of an option that is worth something."""
    spot = float(rng.randint(40, 240))
    strike = float(round(spot * rng.uniform(0.88, 1.12)))
    return (
        spot,
        strike,
        rng.randint(2, 10) / 200,
        rng.randint(15, 45) / 100,
        rng.choice((0.25, 0.5, 0.75, 1.0, 1.5, 2.0)),
    )


def _kind(rng: Random) -> tuple[Literal["call", "put"], Wording]:
    if rng.random() < 0.5:
        return "call", Wording("call", "d'achat (call)")
    return "put", Wording("put", "de vente (put)")


def option_price(rng: Random) -> Question:
    spot, strike, rate, volatility, years = _contract(rng)
    kind, word = _kind(rng)
    return asked(
        "What does Black-Scholes give for a European {word} option without dividends: spot {spot}, strike {strike}, "
        "continuous risk-free rate {rate}, volatility {volatility}, {years} years to expiry?",
        "Que donne Black-Scholes pour une option {word} européenne sans dividende : cours {spot}, prix d'exercice "
        "{strike}, taux sans risque continu {rate}, volatilité {volatility}, échéance dans {years} an(s) ?",
        euros(reference.black_scholes(spot, strike, rate, volatility, years, kind).price),
        word=word, spot=Euros(spot), strike=Euros(strike), rate=Share(rate), volatility=Share(volatility),
        years=Figure(years),
    )  # fmt: skip


def put_call_parity(rng: Random) -> Question:
    spot, strike, rate, volatility, years = _contract(rng)
    call = round(reference.black_scholes(spot, strike, rate, volatility, years, "call").price, 2)
    return asked(
        "A European call on a share without dividends costs {call}: spot {spot}, strike {strike}, continuous "
        "risk-free rate {rate}, {years} years to expiry. What must the put with the same strike and expiry cost?",
        "Un call européen sur une action sans dividende coûte {call} : cours {spot}, prix d'exercice {strike}, taux "
        "sans risque continu {rate}, échéance dans {years} an(s). Combien doit coûter le put de mêmes prix "
        "d'exercice et échéance ?",
        euros(reference.put_by_parity(call, spot, strike, rate, years)),
        call=Euros(call), spot=Euros(spot), strike=Euros(strike), rate=Share(rate), years=Figure(years),
    )  # fmt: skip


def option_delta(rng: Random) -> Question:
    spot, strike, rate, volatility, years = _contract(rng)
    kind, word = _kind(rng)
    return asked(
        "What is the Black-Scholes delta of a European {word} option without dividends, as a number between -1 and "
        "1: spot {spot}, strike {strike}, continuous rate {rate}, volatility {volatility}, {years} years?",
        "Quel est le delta de Black-Scholes d'une option {word} européenne sans dividende, en nombre entre -1 et 1 : "
        "cours {spot}, prix d'exercice {strike}, taux continu {rate}, volatilité {volatility}, {years} an(s) ?",
        NumberKey(name="delta", value=reference.black_scholes(spot, strike, rate, volatility, years, kind).delta),
        word=word, spot=Euros(spot), strike=Euros(strike), rate=Share(rate), volatility=Share(volatility),
        years=Figure(years),
    )  # fmt: skip


def option_greek(rng: Random) -> Question:
    spot, strike, rate, volatility, years = _contract(rng)
    found = reference.black_scholes(spot, strike, rate, volatility, years, "call")
    is_gamma = rng.random() < 0.5
    word = (
        Wording("gamma (per euro)", "le gamma (par euro)")
        if is_gamma
        else Wording("vega (per 1.00 of volatility)", "le véga (pour 1,00 de volatilité)")
    )
    return asked(
        "What is the Black-Scholes {word} of a European option without dividends: spot {spot}, strike {strike}, "
        "continuous rate {rate}, volatility {volatility}, {years} years?",
        "Quel est {word} de Black-Scholes d'une option européenne sans dividende : cours {spot}, prix d'exercice "
        "{strike}, taux continu {rate}, volatilité {volatility}, {years} an(s) ?",
        NumberKey(name="gamma" if is_gamma else "vega", value=found.gamma if is_gamma else found.vega),
        word=word, spot=Euros(spot), strike=Euros(strike), rate=Share(rate), volatility=Share(volatility),
        years=Figure(years),
    )  # fmt: skip


def forward_price(rng: Random) -> Question:
    spot, rate, income = float(rng.randint(40, 8000)), rng.randint(12, 32) / 400, rng.randint(0, 6) / 400
    years = rng.choice((0.5, 0.75, 1.0, 1.5, 2.0))
    return asked(
        "An index stands at {spot} points. The continuous risk-free rate is {rate} and its continuous dividend yield "
        "is {income}. What is its theoretical forward price for {years} years, in points?",
        "Un indice cote {spot} points. Le taux sans risque continu est de {rate} et son rendement de dividende "
        "continu est de {income}. Quel est son prix à terme théorique à {years} an(s), en points ?",
        NumberKey(name="forward", value=reference.forward_price(spot, rate, income, years), relative=0.0003),
        spot=Figure(spot), rate=Share(rate), income=Share(income), years=Figure(years),
    )  # fmt: skip


def sharpe_ratio(rng: Random) -> Question:
    portfolio, risk_free, volatility = rng.randint(-8, 40) / 200, rng.randint(2, 9) / 200, rng.randint(10, 50) / 200
    return asked(
        "A fund returned {portfolio} over the year with a volatility of {volatility}; the risk-free rate was "
        "{risk_free}. What is its Sharpe ratio?",
        "Un fonds a rapporté {portfolio} sur l'année avec une volatilité de {volatility} ; le taux sans risque était "
        "de {risk_free}. Quel est son ratio de Sharpe ?",
        NumberKey(name="sharpe", value=reference.sharpe_ratio(portfolio, risk_free, volatility)),
        portfolio=Share(portfolio), risk_free=Share(risk_free), volatility=Share(volatility),
    )  # fmt: skip


def beta(rng: Random) -> Question:
    market = rng.sample([number / 200 for number in range(-10, 13)], 5)
    asset = [round(rng.uniform(0.4, 1.8) * one + rng.uniform(-0.02, 0.02), 3) for one in market]
    return asked(
        "Monthly returns of the market: {market}. Returns of a share in the same months: {asset}. What is the "
        "share's beta, by least squares?",
        "Rendements mensuels du marché : {market}. Rendements d'une action les mêmes mois : {asset}. Quel est le "
        "bêta de l'action, par les moindres carrés ?",
        NumberKey(name="beta", value=reference.beta(asset, market)),
        market=Shares(market), asset=Shares(asset),
    )  # fmt: skip


def expected_return(rng: Random) -> Question:
    risk_free, market, slope = rng.randint(2, 10) / 200, rng.randint(11, 24) / 200, rng.randint(-4, 40) / 20
    return asked(
        "The risk-free rate is {risk_free} and the market is expected to return {market}. What return does the CAPM "
        "expect of a share with a beta of {slope}, in percent?",
        "Le taux sans risque est de {risk_free} et le rendement attendu du marché de {market}. Quel rendement le "
        "MEDAF (CAPM) attend-il d'une action de bêta {slope}, en pourcentage ?",
        points(reference.expected_return(risk_free, slope, market)),
        risk_free=Share(risk_free), market=Share(market), slope=Figure(slope),
    )  # fmt: skip


def portfolio_volatility(rng: Random) -> Question:
    weight, first, second = rng.randint(2, 18) / 20, rng.randint(8, 60) / 200, rng.randint(8, 60) / 200
    correlation = rng.randint(-8, 18) / 20
    return asked(
        "A portfolio holds {weight} in an asset with a volatility of {first} and the rest in one with a volatility "
        "of {second}. Their correlation is {correlation}. What is the portfolio's volatility, in percent?",
        "Un portefeuille est investi à {weight} dans un actif de volatilité {first} et pour le reste dans un actif "
        "de volatilité {second}. Leur corrélation est de {correlation}. Quelle est la volatilité du portefeuille, en "
        "pourcentage ?",
        points(reference.two_asset_volatility(weight, first, second, correlation)),
        weight=Share(weight), first=Share(first), second=Share(second), correlation=Figure(correlation),
    )  # fmt: skip
