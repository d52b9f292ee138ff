"""Interest, savings, loans, and rates seen over another period.

Rates are fractions (0.05 for 5%), durations are years, money is in whatever currency came in.
"""

import math
from typing import Literal

from unified_intelligence.tools.finance.checks import (
    MONTHS_A_YEAR,
    annuity,
    duration_or_none,
    finite,
    gain,
    growth,
    not_negative,
    positive,
    rate_above,
    whole_months,
)
from unified_intelligence.tools.registry import Outcome, ToolError
from unified_intelligence.tools.types import Number, Rate, Years

Compounding = Literal["annually", "semiannually", "quarterly", "monthly", "daily"]
Period = Literal["daily", "weekly", "monthly", "quarterly", "semiannual"]
_COMPOUNDINGS: dict[Compounding, int] = {
    "annually": 1,
    "semiannually": 2,
    "quarterly": 4,
    "monthly": MONTHS_A_YEAR,
    "daily": 365,
}
_PERIODS: dict[Period, int] = {"daily": 365, "weekly": 52, "monthly": MONTHS_A_YEAR, "quarterly": 4, "semiannual": 2}


def compound_interest(principal: Number, rate: Rate, years: Years, compounding: Compounding = "annually") -> Outcome:
    """What a sum grows to when its interest earns interest.

    principal: the sum at the start
    rate: nominal yearly rate
    years: how long it grows
    compounding: how often interest is added

    Returns future_value, interest (money) and effective_rate (fraction a year).
    Raises ToolError for a negative sum or duration, or a rate that loses 100% or more in one period.
    Source: Brealey, Myers & Allen, Principles of Corporate Finance.
    """
    not_negative("principal", principal)
    duration_or_none(years)
    times = _COMPOUNDINGS[compounding]
    value = principal * growth(rate / times, times * years)
    return finite(
        "A = P (1 + r/n)^(n t)",
        ("daily_365",) if compounding == "daily" else (),
        future_value=value,
        interest=value - principal,
        effective_rate=gain(rate / times, times),
    )


def simple_interest(principal: Number, rate: Rate, years: Years) -> Outcome:
    """Interest on a sum, paid out and never added to it.

    principal: the sum lent or invested
    rate: yearly rate
    years: how long it runs

    Returns interest and total (money).
    Raises ToolError for a negative sum or duration, or a rate of -100% or less.
    Source: Ross, Westerfield & Jordan, Fundamentals of Corporate Finance.
    """
    not_negative("principal", principal)
    duration_or_none(years)
    rate_above("rate", rate)
    interest = principal * rate * years
    return finite("I = P r t", interest=interest, total=principal + interest)


def savings_plan(payment: Number, rate: Rate, years: Years, initial: Number = 0) -> Outcome:
    """What monthly saving grows to.

    payment: the sum saved at the end of each month
    rate: nominal yearly rate, a twelfth of it each month
    years: how long one saves
    initial: the sum there at the start

    Returns future_value, contributions (everything paid in) and interest (money).
    Raises ToolError for negative sums, less than a month, or a rate of -100% or less.
    Source: Ross, Westerfield & Jordan, Fundamentals of Corporate Finance (annuity future value).
    """
    not_negative("monthly payment", payment)
    not_negative("initial sum", initial)
    rate_above("rate", rate)
    months, rounded = whole_months(years)
    monthly = rate / MONTHS_A_YEAR
    grown = growth(monthly, months)
    value = initial * grown + payment * annuity(monthly, months) * grown
    paid = initial + payment * months
    return finite(
        "FV = V0 (1 + i)^n + M ((1 + i)^n - 1) / i, i = r/12",
        ("end_of_month", "monthly_nominal_rate", *rounded),
        future_value=value,
        contributions=paid,
        interest=value - paid,
    )


def loan_payment(principal: Number, rate: Rate, years: Years) -> Outcome:
    """The monthly payment of a loan paid back in equal instalments.

    principal: the sum borrowed
    rate: nominal yearly rate, a twelfth of it each month
    years: how long it is paid back

    Returns payment (money a month), total_paid, total_interest (money) and payments (how many).
    Raises ToolError for a sum that is not positive, less than a month, or a rate of -100% or less.
    Source: Ross, Westerfield & Jordan, Fundamentals of Corporate Finance (loan amortisation).
    """
    positive("principal", principal)
    rate_above("rate", rate)
    months, rounded = whole_months(years)
    payment = principal / annuity(rate / MONTHS_A_YEAR, months)
    return finite(
        "M = P i / (1 - (1 + i)^-n), i = r/12",
        ("monthly_payments", "monthly_nominal_rate", *rounded),
        payment=payment,
        total_paid=payment * months,
        total_interest=payment * months - principal,
        payments=months,
    )


def borrowing_capacity(payment: Number, rate: Rate, years: Years) -> Outcome:
    """How much can be borrowed for a monthly payment.

    payment: the sum paid each month
    rate: nominal yearly rate, a twelfth of it each month
    years: how long it is paid back

    Returns principal, total_paid, total_interest (money) and payments (how many).
    Raises ToolError for a payment that is not positive, less than a month, or a rate of -100% or less.
    Source: Ross, Westerfield & Jordan, Fundamentals of Corporate Finance (annuity present value).
    """
    positive("monthly payment", payment)
    rate_above("rate", rate)
    months, rounded = whole_months(years)
    principal = payment * annuity(rate / MONTHS_A_YEAR, months)
    return finite(
        "P = M (1 - (1 + i)^-n) / i, i = r/12",
        ("monthly_payments", "monthly_nominal_rate", *rounded),
        principal=principal,
        total_paid=payment * months,
        total_interest=payment * months - principal,
        payments=months,
    )


def present_value(future_value: Number, rate: Rate, years: Years) -> Outcome:
    """What a sum received later is worth today.

    future_value: the sum received later
    rate: discount rate, compounded once a year
    years: when it is received

    Returns present_value and discount (money).
    Raises ToolError for a negative duration or a rate of -100% or less.
    Source: Brealey, Myers & Allen, Principles of Corporate Finance.
    """
    duration_or_none(years)
    value = future_value * growth(rate, -years)
    return finite("PV = FV / (1 + r)^t", ("annual_compounding",), present_value=value, discount=future_value - value)


def annualise_rate(rate: Rate, period: Period) -> Outcome:
    """The effective yearly rate of a rate earned over a shorter period.

    rate: the rate of one period
    period: how long the period is

    Returns annual_rate (compounded) and nominal_rate (times the number of periods), fractions a year.
    Raises ToolError for a rate of -100% or less.
    Source: Ross, Westerfield & Jordan, Fundamentals of Corporate Finance (effective annual rate).
    """
    times = _PERIODS[period]
    return finite(
        "R = (1 + r)^n - 1",
        ("daily_365",) if period == "daily" else (),
        annual_rate=gain(rate, times),
        nominal_rate=rate * times,
    )


def doubling_time(rate: Rate) -> Outcome:
    """How long a sum takes to double.

    rate: yearly rate, compounded once a year

    Returns years (exact) and rule_of_72 (the years the rule of 72 gives).
    Raises ToolError for a rate that is not positive: such a sum never doubles.
    Source: Ross, Westerfield & Jordan, Fundamentals of Corporate Finance (number of periods).
    """
    if not rate > 0:
        raise ToolError(f"At a rate of {rate * 100:g}% a sum never doubles: the rate must be above zero.")
    return finite(
        "t = ln 2 / ln(1 + r)", ("annual_compounding",), years=math.log(2) / math.log1p(rate), rule_of_72=0.72 / rate
    )


def real_rate(nominal_rate: Rate, inflation: Rate) -> Outcome:
    """The rate left once inflation is taken out.

    nominal_rate: the yearly rate received
    inflation: the yearly rise of prices

    Returns real_rate and approximation (nominal rate minus inflation), fractions a year.
    Raises ToolError for a rate or an inflation of -100% or less.
    Source: Fisher, The Theory of Interest (1930).
    """
    rate_above("nominal rate", nominal_rate)
    rate_above("inflation", inflation)
    return finite(
        "r = (1 + i) / (1 + π) - 1",
        real_rate=(nominal_rate - inflation) / (1 + inflation),
        approximation=nominal_rate - inflation,
    )
