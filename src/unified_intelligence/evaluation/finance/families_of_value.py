"""Families of questions on the value of money over time: interest, annuities, loans, projects, bonds, companies."""

from __future__ import annotations

from random import Random

from unified_intelligence.evaluation.finance import reference
from unified_intelligence.evaluation.finance.keys import NumberKey
from unified_intelligence.evaluation.finance.question import Euros, Figure, Question, Share, Wording, asked


def euros(value: float) -> NumberKey:
    return NumberKey(name="amount", value=value, unit="EUR")


def points(fraction: float) -> NumberKey:
    return NumberKey(name="rate", value=fraction * 100, percent="points")


def _rate(rng: Random, low: int, high: int) -> float:
    """A fraction between `low` and `high` quarters of a percent."""
    return rng.randint(low, high) / 400


def compound_interest(rng: Random) -> Question:
    principal, rate, years = rng.randint(4, 160) * 250.0, _rate(rng, 4, 30), rng.randint(2, 25)
    times, word = rng.choice([
        (1, Wording("every year", "chaque année")),
        (4, Wording("every quarter", "chaque trimestre")),
        (12, Wording("every month", "chaque mois")),
    ])  # fmt: skip
    return asked(
        "{principal} is invested for {years} years at a nominal rate of {rate} a year, and interest is added {word}. "
        "What is it worth at the end?",
        "{principal} sont placés pendant {years} ans au taux nominal annuel de {rate}, les intérêts étant "
        "capitalisés {word}. Quelle est la valeur acquise à la fin ?",
        euros(reference.future_value(principal, rate, years, times)),
        principal=Euros(principal), rate=Share(rate), years=Figure(years), word=word,
    )  # fmt: skip


def present_value(rng: Random) -> Question:
    amount, rate, years = rng.randint(10, 400) * 500.0, _rate(rng, 6, 36), rng.randint(2, 20)
    return asked(
        "What is {amount} that will be received in {years} years worth today, at a discount rate of {rate} a year?",
        "Quelle est la valeur actuelle de {amount} à recevoir dans {years} ans, au taux d'actualisation de {rate} "
        "par an ?",
        euros(reference.present_value(amount, rate, years)),
        amount=Euros(amount), rate=Share(rate), years=Figure(years),
    )  # fmt: skip


def savings(rng: Random) -> Question:
    payment, rate, years = rng.randint(5, 120) * 100.0, _rate(rng, 4, 28), rng.randint(3, 30)
    return asked(
        "At the end of each year {payment} is put into an account that earns {rate} a year. What is in it right "
        "after the last of {years} payments?",
        "À la fin de chaque année, on verse {payment} sur un compte rémunéré à {rate} par an. Quel est le solde "
        "juste après le dernier de {years} versements ?",
        euros(reference.annuity_future_value(payment, rate, years)),
        payment=Euros(payment), rate=Share(rate), years=Figure(years),
    )  # fmt: skip


def annuity(rng: Random) -> Question:
    payment, rate, years = rng.randint(5, 120) * 100.0, _rate(rng, 6, 32), rng.randint(3, 30)
    return asked(
        "An annuity pays {payment} at the end of each year for {years} years. What is it worth today at {rate} a year?",
        "Une rente verse {payment} à la fin de chaque année pendant {years} ans. Que vaut-elle aujourd'hui au taux "
        "de {rate} par an ?",
        euros(reference.annuity_present_value(payment, rate, years)),
        payment=Euros(payment), rate=Share(rate), years=Figure(years),
    )  # fmt: skip


def loan_instalment(rng: Random) -> Question:
    principal, rate, years = rng.randint(10, 700) * 500.0, _rate(rng, 4, 36), rng.randint(2, 25)
    return asked(
        "{principal} is borrowed at a nominal rate of {rate} a year and paid back in {months} equal monthly "
        "instalments, the monthly rate being a twelfth of the yearly one. How much is one instalment?",
        "On emprunte {principal} au taux nominal annuel de {rate}, remboursés en {months} mensualités constantes, le "
        "taux mensuel étant le douzième du taux annuel. Quel est le montant d'une mensualité ?",
        euros(reference.instalment(principal, rate, years * 12)),
        principal=Euros(principal), rate=Share(rate), months=Figure(years * 12),
    )  # fmt: skip


def _project(rng: Random) -> tuple[float, list[float]]:
    cost = rng.randint(40, 400) * 1000.0
    return cost, [round(cost * rng.uniform(0.18, 0.48), -2) for _ in range(rng.randint(3, 5))]


def net_present_value(rng: Random) -> Question:
    cost, incomes = _project(rng)
    rate = _rate(rng, 16, 48)
    shown = [Euros(income) for income in incomes]
    names = [f"{{flow{year}}}" for year in range(len(incomes))]
    return asked(
        f"A project costs {{cost}} today and brings in {', '.join(names)} at the end of the following years, in this "
        f"order. "
        "What is its net present value at {rate} a year?",
        f"Un projet coûte {{cost}} aujourd'hui et rapporte {', '.join(names)} à la fin des années suivantes, dans "
        f"cet ordre. "
        "Quelle est sa valeur actuelle nette au taux de {rate} par an ?",
        euros(reference.net_present_value(rate, [-cost, *incomes])),
        cost=Euros(cost), rate=Share(rate), **{f"flow{year}": flow for year, flow in enumerate(shown)},
    )  # fmt: skip


def internal_rate(rng: Random) -> Question:
    cost, incomes = _project(rng)
    names = [f"{{flow{year}}}" for year in range(len(incomes))]
    return asked(
        f"A project costs {{cost}} today and brings in {', '.join(names)} at the end of the following years, in this "
        f"order. "
        "What is its internal rate of return, in percent a year?",
        f"Un projet coûte {{cost}} aujourd'hui et rapporte {', '.join(names)} à la fin des années suivantes, dans "
        f"cet ordre. "
        "Quel est son taux de rentabilité interne, en pourcentage annuel ?",
        points(reference.internal_rate([-cost, *incomes])),
        cost=Euros(cost), **{f"flow{year}": Euros(flow) for year, flow in enumerate(incomes)},
    )  # fmt: skip


def bond_price(rng: Random) -> Question:
    face, coupon, market, years = 1000.0, _rate(rng, 4, 28), _rate(rng, 6, 30), rng.randint(2, 15)
    return asked(
        "A bond with a face value of {face} pays a yearly coupon of {coupon} and is paid back in {years} years. What "
        "is its price today, right after a coupon, if its yield to maturity is {market}?",
        "Une obligation de nominal {face} verse un coupon annuel de {coupon} et sera remboursée dans {years} ans. "
        "Quel est son prix aujourd'hui, juste après un coupon, si son taux de rendement actuariel est de {market} ?",
        euros(reference.bond_price(face, coupon, market, years)),
        face=Euros(face), coupon=Share(coupon), market=Share(market), years=Figure(years),
    )  # fmt: skip


def bond_duration(rng: Random) -> Question:
    coupon, market, years = _rate(rng, 8, 28), _rate(rng, 6, 30), rng.randint(3, 15)
    macaulay = rng.random() < 0.5
    kind = Wording("Macaulay", "de Macaulay") if macaulay else Wording("modified", "modifiée (sensibilité)")
    formula = reference.macaulay_duration if macaulay else reference.modified_duration
    return asked(
        "What is the {kind} duration, in years, of a bond with a yearly coupon of {coupon}, {years} years to "
        "maturity and a yield to maturity of {market}?",
        "Quelle est la duration {kind}, en années, d'une obligation à coupon annuel de {coupon}, de maturité {years} "
        "ans et de taux actuariel {market} ?",
        NumberKey(name="duration", value=formula(1000.0, coupon, market, years), unit="years"),
        kind=kind, coupon=Share(coupon), market=Share(market), years=Figure(years),
    )  # fmt: skip


def growth_rate(rng: Random) -> Question:
    start, years = rng.randint(20, 400) * 50.0, rng.randint(2, 12)
    end = round(start * rng.uniform(0.7, 2.6), -1)
    return asked(
        "A fund was worth {start}; after {years} years it is worth {end}. What is its compound annual growth rate, in "
        "percent?",
        "Un fonds valait {start} ; au bout de {years} ans, il vaut {end}. Quel est son taux de croissance annuel "
        "composé, en pourcentage ?",
        points(reference.growth_rate(start, end, years)),
        start=Euros(start), end=Euros(end), years=Figure(years),
    )  # fmt: skip


def real_rate(rng: Random) -> Question:
    nominal, inflation = _rate(rng, 4, 32), _rate(rng, 2, 28)
    return asked(
        "An investment earns {nominal} a year while prices rise by {inflation} a year. What is its exact real "
        "return, in percent?",
        "Un placement rapporte {nominal} par an tandis que les prix augmentent de {inflation} par an. Quel est son "
        "rendement réel exact, en pourcentage ?",
        points(reference.real_rate(nominal, inflation)),
        nominal=Share(nominal), inflation=Share(inflation),
    )  # fmt: skip


def share_price(rng: Random) -> Question:
    dividend, required, growth = rng.randint(10, 90) / 10, _rate(rng, 28, 48), _rate(rng, 2, 16)
    return asked(
        "A share will pay a dividend of {dividend} in a year, which then grows by {growth} a year for ever. What is "
        "it worth today if investors require {required} a year?",
        "Une action versera un dividende de {dividend} dans un an, qui croîtra ensuite de {growth} par an "
        "indéfiniment. Que vaut-elle aujourd'hui si les investisseurs exigent {required} par an ?",
        euros(reference.perpetuity_value(dividend, required, growth)),
        dividend=Euros(dividend), growth=Share(growth), required=Share(required),
    )  # fmt: skip


def cost_of_capital(rng: Random) -> Question:
    equity, debt = rng.randint(2, 90) * 10.0, rng.randint(2, 60) * 10.0
    of_equity, of_debt = _rate(rng, 28, 52), _rate(rng, 8, 26)
    return asked(
        "A company is financed by {equity} million euros of equity, which costs {of_equity} a year, and {debt} "
        "million euros of debt, which costs {of_debt} before tax. The tax rate is {tax}. What is its weighted "
        "average cost of capital, in percent?",
        "Une société est financée par {equity} millions d'euros de fonds propres, qui coûtent {of_equity} par an, et "
        "{debt} millions d'euros de dette, qui coûte {of_debt} avant impôt. Le taux d'imposition est de {tax}. Quel "
        "est son coût moyen pondéré du capital, en pourcentage ?",
        points(reference.weighted_cost(equity, debt, of_equity, of_debt, 0.25)),
        equity=Figure(equity), debt=Figure(debt), of_equity=Share(of_equity), of_debt=Share(of_debt), tax=Share(0.25),
    )  # fmt: skip
