"""Figures as a person reads them, in both languages."""

import math

import pytest

from unified_intelligence.tools.numbers_format import (
    format_date,
    format_duration,
    format_money,
    format_number,
    format_percent,
)
from unified_intelligence.tools.quantities import Language, normalise

N = "\u202f"


@pytest.mark.parametrize(
    ("value", "english", "french"),
    [
        (16288.946267, "16,288.95", f"16{N}288,95"),
        (10000.0, "10,000", f"10{N}000"),
        (1234567.5, "1,234,567.5", f"1{N}234{N}567,5"),
        (999, "999", "999"),
        (0.0, "0", "0"),
        (-0.0, "0", "0"),
        (-1234.5, "-1,234.5", f"-1{N}234,5"),
        (0.05, "0.05", "0,05"),
        (0.0123456, "0.01235", "0,01235"),
        (1e-20, "0", "0"),
        (1e15, "1,000,000,000,000,000", f"1{N}000{N}000{N}000{N}000{N}000"),
        (0.1 + 0.2, "0.3", "0,3"),
        (100, "100", "100"),
    ],
)
def test_numbers_are_grouped_and_rounded(value: float, english: str, french: str) -> None:
    assert format_number(value, "en") == english
    assert format_number(value, "fr") == french


def test_decimals_are_kept_when_asked_for() -> None:
    assert format_number(2.5, "en", decimals=2) == "2.50"
    assert format_number(1999.999, "fr", decimals=0) == f"2{N}000"
    assert format_number(-0.001, "en", decimals=2) == "0.00"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="cannot be shown"):
        format_number(value, "en")
    with pytest.raises(ValueError, match="cannot be shown"):
        format_money(value, "EUR", "fr")
    with pytest.raises(ValueError, match="cannot be shown"):
        format_duration(value, "fr")


@pytest.mark.parametrize(
    ("fraction", "english", "french"),
    [
        (0.05, "5%", f"5{N}%"),
        (0.035, "3.5%", f"3,5{N}%"),
        (0.07, "7%", f"7{N}%"),
        (-0.0225, "-2.25%", f"-2,25{N}%"),
        (12.5, "1,250%", f"1{N}250{N}%"),
        (0.0005, "0.05%", f"0,05{N}%"),
        (0.0, "0%", f"0{N}%"),
    ],
)
def test_a_fraction_is_shown_in_percent(fraction: float, english: str, french: str) -> None:
    assert format_percent(fraction, "en") == english
    assert format_percent(fraction, "fr") == french


@pytest.mark.parametrize(
    ("value", "currency", "english", "french"),
    [
        (16288.946, "EUR", "€16,288.95", f"16{N}288,95{N}€"),
        (16288.9, "USD", "$16,288.90", f"16{N}288,90{N}$"),
        (10000, "GBP", "£10,000", f"10{N}000{N}£"),
        (-500.5, "USD", "-$500.50", f"-500,50{N}$"),
        (1500.4, "JPY", "¥1,500", f"1{N}500{N}¥"),
        (500, "CHF", "CHF 500", f"500{N}CHF"),
        (-0.25, "CHF", "-CHF 0.25", f"-0,25{N}CHF"),
        (12.3, "", "12.30", "12,30"),
        (-0.001, "EUR", "€0.00", f"0,00{N}€"),
    ],
)
def test_money_takes_its_symbol_or_code(value: float, currency: str, english: str, french: str) -> None:
    assert format_money(value, currency, "en") == english
    assert format_money(value, currency, "fr") == french


@pytest.mark.parametrize(
    ("years", "english", "french"),
    [
        (10, "10 years", "10 ans"),
        (1, "1 year", "1 an"),
        (1.5, "18 months", "18 mois"),
        (1 / 12, "1 month", "1 mois"),
        (2.5, "2 years and 6 months", "2 ans et 6 mois"),
        (25 / 12, "2 years and 1 month", "2 ans et 1 mois"),
        (90 / 365, "90 days", "90 jours"),
        (1 / 365, "1 day", "1 jour"),
        (14.2067, "14.21 years", "14,21 ans"),
        (0, "0 years", "0 an"),
    ],
)
def test_durations_use_the_unit_that_is_whole(years: float, english: str, french: str) -> None:
    assert format_duration(years, "en") == english
    assert format_duration(years, "fr") == french


def test_dates_are_written_out() -> None:
    assert format_date("2024-03-12", "en") == "March 12, 2024"
    assert format_date("2024-03-12", "fr") == "12 mars 2024"
    assert format_date("2025-08-01", "fr") == "1er août 2025"


@pytest.mark.parametrize(
    "iso", ["", "today", "2024-13-01", "2024-02-30", "2024-03-00", "2024/03/12", "2024-03", "²-1-1"]
)
def test_what_is_no_iso_date_is_refused(iso: str) -> None:
    with pytest.raises(ValueError, match="is not a date"):
        format_date(iso, "fr")


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("value", [16288.95, 10000.0, -3.5, 0.05, 250.0, 1234567.0])
def test_what_is_shown_can_be_asked_again(value: float, language: Language) -> None:
    (read,) = normalise(format_money(value, "EUR", language, decimals=2), language).quantities
    assert (read.value, read.unit) == (value, "EUR")
    (percent,) = normalise(format_percent(value, language), language).quantities
    assert percent.kind == "percent"
    assert math.isclose(percent.value, value * 100)
