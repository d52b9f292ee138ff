"""What a lone "a mile", a "minus" in words and a French "250.000" come to, and what is left as it was typed."""

import pytest

from unified_intelligence.tools.quantities import Language, normalise

READ: list[tuple[Language, str, str]] = [
    ("fr", "emprunter 250.000 € sur 20 ans", "emprunter 250000 € sur 20 years"),
    ("fr", "250.000 euros, 3.000 km et -2.000 $", "250000 euros, 3000 km et -2000 $"),
    ("fr", "1.250.000 €, 1.000,5", "1250000 €, 1000.5"),
    ("fr", "combien de pieds dans un mile ?", "combien de pieds dans 1 mile ?"),
    ("fr", "combien de mètres dans un kilomètre", "combien de mètres dans 1 kilomètre"),
    ("fr", "combien de ml dans une tasse", "combien de ml dans 1 tasse"),
    ("fr", "un demi-mile en km", "0.5 mile en km"),
    ("en", "how many feet in a mile", "how many feet in 1 mile"),
    ("en", "How many minutes in an hour?", "How many minutes in 1 hour?"),
    ("en", "how many cm are in one inch", "how many cm are in 1 inch"),
    ("en", "a pound in kg", "1 pound in kg"),
    ("en", "half a mile in km", "0.5 mile in km"),
    ("en", "a return of minus 5%", "a return of -5%"),
    ("en", "returns of minus 5%, 3% and minus two percent", "returns of -5%, 3% and -2%"),
    ("en", "minus 40 fahrenheit to celsius", "-40 fahrenheit to celsius"),
    ("en", "minus $500", "$-500"),
    ("en", "15 times minus 3", "15 times -3"),
    ("fr", "un rendement de moins 3 %", "un rendement de -3%"),
    ("fr", "5 %, moins 3 % et moins cinq pour cent", "5%, -3% et -5%"),
    ("fr", "moins 12", "-12"),
    ("fr", "32,5x2 et 1.5x2", "32.5x2 et 1.5x2"),
]
KEPT: list[tuple[Language, str]] = [
    ("fr", "un chien, un kilo de pommes et 1.25 €"),
    ("fr", "15 moins 3"),
    ("fr", "au moins 3%"),
    ("fr", "plus ou moins 5%"),
    ("fr", "le prix moins 20%"),
    ("fr", "10 euros moins 3"),
    ("fr", "moins de 3%"),
    ("en", "a cup of tea, a second opinion"),
    ("en", "$15 an hour, 8 hours a day"),
    ("en", "wait a second"),
    ("en", "what is 15 minus 3"),
    ("en", "5% minus 2%"),
    ("en", "the price minus 20%"),
    ("en", "plus or minus 5%"),
    ("en", "a half"),
]


@pytest.mark.parametrize(("language", "text", "expected"), READ)
def test_it_is_read(language: Language, text: str, expected: str) -> None:
    read = normalise(text, language)
    assert read.text == expected
    assert normalise(expected, language).text == expected
    assert read.original(0, len(read.text)) == text


@pytest.mark.parametrize(("language", "text"), KEPT)
def test_it_is_left_alone(language: Language, text: str) -> None:
    assert normalise(text, language).text == text


def test_three_zeros_are_decimals_of_a_percentage_and_in_english() -> None:
    assert normalise("un taux de 5.000 %", "fr").text == "un taux de 5%"
    assert normalise("250.000 €", "en").text == "250 €"


def test_a_negative_figure_has_its_value_and_its_span() -> None:
    read = normalise("un rendement de moins 3 %", "fr")
    (found,) = read.quantities
    assert (found.kind, found.value, found.text) == ("percent", -3.0, "-3%")
    assert read.original(found.start, found.end) == "moins 3 %"
