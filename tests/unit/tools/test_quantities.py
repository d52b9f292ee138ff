"""Questions as people type them, in both languages, and the canonical text that the model is shown."""

import random
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from unified_intelligence.tools.quantities import (
    Language,
    NormalisedText,
    Quantity,
    detect_language,
    normalise,
)

EN_NUMBERS = [
    ("$10,000", "$10000"),
    ("10 000 dollars", "10000 dollars"),
    ("10\u00a0000 and 10\u202f000", "10000 and 10000"),
    ("3,500 and 3,5", "3500 and 3.5"),
    ("1.500 and 1.500.000", "1.5 and 1500000"),
    ("€10.000,50 or $1,234.56", "€10000.5 or $1234.56"),
    ("1'500 or 1\u2019500\u2019000", "1500 or 1500000"),
    ("10k, 10K€ and 25 k€", "10000, 10000 € and 25000 €"),
    ("1.2M, 3M€, 1.2 million", "1200000, 3000000 €, 1200000"),
    ("2bn, $1.5bn, $5m, £3 million", "2000000000, $1500000000, $5000000, £3000000"),
    ("ten thousand, twenty-five, two hundred and fifty", "10000, 25, 250"),
    ("a million, half a million, a thousand", "1000000, 500000, 1000"),
    ("one million two hundred thousand dollars", "1200000 dollars"),
    ("two and a half million", "2500000"),
    ("a million and a half", "1500000"),
    ("fifteen hundred, a hundred", "1500, 100"),
    ("one hundred and twenty-three thousand four hundred and fifty-six", "123456"),
    ("three point five percent", "3.5%"),
    ("0.50, .5, 1e6, 007", "0.5, 0.5, 1000000, 007"),
    ("1,500km in miles, 5km", "1500km in miles, 5km"),
    ("300K in celsius", "300K in celsius"),
    ("ten 200", "ten 200"),
]
FR_NUMBERS = [
    ("10 000 €", "10000 €"),
    ("10\u202f000\u00a0€ à 3,5\u202f%", "10000 € à 3.5%"),
    ("2 millions d'euros", "2000000 euros"),
    ("2 millions d\u2019euros", "2000000 euros"),
    ("3 milliards de dollars, 1,5 M€", "3000000000 dollars, 1500000 €"),
    ("dix mille, vingt-cinq, quatre-vingt-dix, deux cents", "10000, 25, 90, 200"),
    ("un million, mille, mille deux cent trente-quatre", "1000000, 1000, 1234"),
    ("quatre-vingt-dix-sept mille", "97000"),
    ("soixante et onze, vingt-et-un, quatre vingts", "71, 21, 80"),
    ("cent cinquante mille euros", "150000 euros"),
    ("prêt d'un million et demi d'euros", "prêt d'1500000 euros"),
    ("quatre-vingt-dix-neuf virgule neuf pour cent", "99.9%"),
    ("0,5 et 10.000,50", "0.5 et 10000.5"),
    ("1 200 et 1 500", "1200 et 1500"),
    ("125 500 euros", "125500 euros"),
    ("neuf fois huit, mais un vélo neuf", "9 fois 8, mais un vélo neuf"),
    ("500 Mo en Go", "500 Mo en Go"),
]
PERCENTS: list[tuple[Language, str, str]] = [
    ("en", "5 %, 5 percent, 5 per cent, 5 pct", "5%, 5%, 5%, 5%"),
    ("fr", "3,5 pour cent, 5 pourcent, 5 POUR CENT", "3.5%, 5%, 5%"),
    ("en", "50 bps, 50 basis points, 12.5bp", "0.5%, 0.5%, 0.125%"),
    ("fr", "50 points de base, 25 pb", "0.5%, 0.25%"),
    ("en", "-3% or \u22122,5 %", "-3% or -2.5%"),
    ("en", "a 5-percent coupon of 5%.", "a 5% coupon of 5%."),
    ("fr", "vingt et un pour cent de cent", "21% de 100"),
    ("fr", "un pour cent", "1%"),
]
DURATIONS: list[tuple[Language, str, str]] = [
    ("en", "a 10-year bond, 30 year, 5-yr, 10y, 7yrs", "a 10 years bond, 30 years, 5 years, 10 years, 7 years"),
    ("fr", "18 mois, dix ans, 10 années, 10 annees, 2 semaines", "18 months, 10 years, 10 years, 10 years, 2 weeks"),
    ("en", "over a decade, a decade and a half", "over 10 years, 15 years"),
    ("fr", "sur une décennie", "sur 10 years"),
    ("en", "half a year", "6 months"),
    ("fr", "six mois; un an", "6 months; 1 years"),
    ("en", "a year and a half", "1.5 years"),
    ("en", "one and a half years", "1.5 years"),
    ("fr", "un an et demi, deux ans et demi", "1.5 years, 2.5 years"),
    ("en", "2 years and 6 months", "2.5 years"),
    ("en", "2 years and 7 months", "31 months"),
    ("en", "2 years and 18 months", "2 years and 18 months"),
    ("fr", "2 ans et 6 mois", "2.5 years"),
    ("en", "in a year, 500 a year, twice a month, per year", "in 1 years, 500 a year, twice a month, per year"),
    ("fr", "200 par an, VaR à un jour", "200 par an, VaR à 1 days"),
    ("en", "one year", "1 years"),
    ("en", "$10 an hour, 24 hours", "$10 an hour, 24 hours"),
]
DATES: list[tuple[Language, str, str]] = [
    ("en", "2024-03-12", "2024-03-12"),
    ("fr", "12/03/2024 et 12.03.2024", "2024-03-12 et 2024-03-12"),
    ("en", "12/03/2024 and 25/12/2024", "2024-12-03 and 2024-12-25"),
    ("en", "12 March 2024, March 12, 2024, March 12th 2024", "2024-03-12, 2024-03-12, 2024-03-12"),
    ("en", "the 12th of March 2024", "2024-03-12"),
    ("fr", "le 3 mai 2025, 1er janvier 2024, 12 MARS 2024", "2025-05-03, 2024-01-01, 2024-03-12"),
    ("fr", "le trois mai 2025, le premier août 2024", "2025-05-03, 2024-08-01"),
    ("fr", "entre le 1er fevrier 2024 et le 15 déc. 2024", "entre 2024-02-01 et 2024-12-15"),
]
UNTOUCHED: list[tuple[Language, str]] = [
    ("en", "GPT4 S3 Qwen3 H200 utf8 v1.2.3 192.168.1.10 14:30 0x1F 550e8400-e29b COVID-19 401k 10-K"),
    ("en", "see https://example.org/1,000/12/03/2024?q=ten for more"),
    ("en", "12 * (3 + 4) - 2^10 / 5"),
    ("en", "12-5, 12 - 5, 12 \u2212 5, 10-20"),
    ("en", "once a second, one of them, no one, two-factor, two thirds, twenty-first, second"),
    ("en", "Three Mile Island, Chapter Eleven, zero-coupon bond"),
    ("en", "the 31/02/2024 and 5 May"),
    ("fr", "une action neuve, un put, l'un, zéro coupon, combien pour cent ?, mille-feuille"),
    ("fr", "C\u2019est quoi un call ?\n\n🚀 Réponds-moi, s\u2019il te plaît\u202f!"),
    ("en", "1st 2nd 3rd 4th 2e 3ème"),
    ("en", "2x\u00b2 - 3x + 1, then 3x\u0663"),
    ("en", ""),
    ("en", " \n\t "),
]


@pytest.mark.parametrize(("text", "canonical"), EN_NUMBERS)
def test_english_numbers(text: str, canonical: str) -> None:
    assert normalise(text, "en").text == canonical


@pytest.mark.parametrize(("text", "canonical"), FR_NUMBERS)
def test_french_numbers(text: str, canonical: str) -> None:
    assert normalise(text, "fr").text == canonical


@pytest.mark.parametrize(("language", "text", "canonical"), PERCENTS + DURATIONS + DATES)
def test_percents_durations_and_dates(language: Language, text: str, canonical: str) -> None:
    assert normalise(text, language).text == canonical


@pytest.mark.parametrize(("language", "text"), UNTOUCHED)
def test_what_is_not_a_quantity_is_left_alone(language: Language, text: str) -> None:
    assert normalise(text, language).text == text


@pytest.mark.parametrize("text", ["GPT4", "v1.2.3", "10.0.0.1", "at 14:30", "0x1F", "COVID-19", "1st", "31/02/2024"])
def test_identifiers_hold_no_quantity(text: str) -> None:
    assert normalise(text, "en").quantities == ()


LISTS: list[tuple[Language, str, list[str]]] = [
    ("en", "300, 400 and 500", ["300", "400", "500"]),
    ("fr", "300, 400 et 500", ["300", "400", "500"]),
    ("en", "300; 400; 500", ["300", "400", "500"]),
    ("en", "100 200 300", ["100", "200", "300"]),
    ("fr", "100 200 300", ["100", "200", "300"]),
    ("en", "10,000, 20,000 and 30,000", ["10000", "20000", "30000"]),
    ("fr", "0,5, 1,2, -0,3", ["0.5", "1.2", "-0.3"]),
    ("en", "-2%, 1.5%, 0.3%", ["-2%", "1.5%", "0.3%"]),
    ("en", "-1%,2%,-3%", ["-1%", "2%", "-3%"]),
    ("en", "[-100, 30, 40.5]", ["-100", "30", "40.5"]),
    ("en", "1,2,3", ["1", "2", "3"]),
    ("fr", "-1 000 ; 300 ; 400\n-50", ["-1000", "300", "400", "-50"]),
    ("en", "(500) and (-500)", ["500", "-500"]),
    ("en", "12-5, 12 - 5, 12 -5", ["12", "5", "12", "5", "12", "5"]),
    ("en", "12 * (3 + 4), 3x4", ["12", "3", "4", "3", "4"]),
    ("en", "by 20. Or in 1990?", ["20", "1990"]),
    ("en", "CAC 40 and 5km", ["40", "5"]),
    ("en", "100 + -5", ["100", "-5"]),
]


@pytest.mark.parametrize(("language", "text", "expected"), LISTS)
def test_lists_and_signs(language: Language, text: str, expected: list[str]) -> None:
    assert [found.text for found in normalise(text, language).quantities] == expected


CURRENCIES: list[tuple[Language, str, float, str]] = [
    ("en", "$10,000", 10000.0, "USD"),
    ("en", "-$1,000", -1000.0, "USD"),
    ("en", "$-1000", -1000.0, "USD"),
    ("en", "USD 1,000", 1000.0, "USD"),
    ("fr", "10 000\u202f€", 10000.0, "EUR"),
    ("fr", "-2,5 M d'euros", -2500000.0, "EUR"),
    ("en", "£3bn", 3e9, "GBP"),
    ("en", "¥500", 500.0, "JPY"),
    ("fr", "500 CHF", 500.0, "CHF"),
    ("fr", "50 livres", 50.0, "GBP"),
    ("en", "ten dollars", 10.0, "USD"),
    ("en", "500 apples", 500.0, ""),
]


@pytest.mark.parametrize(("language", "text", "value", "unit"), CURRENCIES)
def test_a_number_knows_its_currency(language: Language, text: str, value: float, unit: str) -> None:
    (found,) = normalise(text, language).quantities
    assert (found.kind, found.value, found.unit) == ("number", value, unit)


def test_quantities_stand_where_they_say() -> None:
    found = normalise("Place 10 000 € à 3,5 % pendant 18 mois dès le 3 mai 2025 🚀", "fr")
    assert found.text == "Place 10000 € à 3.5% pendant 18 months dès 2025-05-03 🚀"
    assert found.quantities == (
        Quantity("number", 10000.0, "EUR", "10000", 6, 11),
        Quantity("percent", 3.5, "", "3.5%", 16, 20),
        Quantity("duration", 18.0, "months", "18 months", 29, 38),
        Quantity("date", 0.0, "", "2025-05-03", 43, 53),
    )
    assert all(found.text[part.start : part.end] == part.text for part in found.quantities)


def test_the_users_own_characters_are_found_again() -> None:
    text = "🚀 Place 10k€ à\u00a03,5 pour cent\ndurant deux ans et demi, dès le trois mai 2025 !"
    found = normalise(text, "fr")
    assert found.text == "🚀 Place 10000 € à\u00a03.5%\ndurant 2.5 years, dès 2025-05-03 !"
    originals = [found.original(part.start, part.end) for part in found.quantities]
    assert originals == ["10k", "3,5 pour cent", "deux ans et demi", "le trois mai 2025"]
    assert found.original(0, len(found.text)) == text
    inside = found.text.index("years")
    assert found.original(inside, inside + 3) == "deux ans et demi"
    assert found.original(inside - 11, inside + 2) == "durant deux ans et demi"
    assert found.original(2, 7) == "Place"
    tail = found.text.index("!")
    assert found.original(tail, tail + 1) == "!"


def test_a_text_without_edits_is_its_own_original() -> None:
    assert NormalisedText("déjà vu", ()).original(0, 4) == "déjà"
    assert normalise("déjà vu", "fr").original(5, 7) == "vu"


ALL: list[tuple[Language, str]] = [
    *[("en", text) for text, _ in EN_NUMBERS],
    *[("fr", text) for text, _ in FR_NUMBERS],
    *[(language, text) for language, text, _ in PERCENTS + DURATIONS + DATES],
    *[(language, text) for language, text, _ in LISTS],
    *UNTOUCHED,
]


@pytest.mark.parametrize(("language", "text"), ALL)
def test_normalising_twice_changes_nothing(language: Language, text: str) -> None:
    once = normalise(text, language)
    twice = normalise(once.text, language)
    assert (twice.text, twice.quantities) == (once.text, once.quantities)
    assert once.original(0, len(once.text)) == text


def test_any_mixture_is_stable_and_aligned() -> None:
    pieces = [word for _, text in ALL for word in text.split(" ")] + [
        "\u202f",
        "\u00a0",
        "\n",
        "-",
        ",",
        ".",
        "et",
        "and",
    ]
    for seed in range(1500):
        draw = random.Random(seed)
        text = "".join(draw.choice(pieces) + draw.choice(["", " ", " "]) for _ in range(draw.randint(1, 8)))
        language: Language = draw.choice(["en", "fr"])
        once = normalise(text, language)
        assert normalise(once.text, language).text == once.text, text
        assert once.original(0, len(once.text)) == text
        for part in once.quantities:
            assert once.text[part.start : part.end] == part.text
            assert once.original(part.start, part.end) in text


ADVERSARIAL = (
    "1|1 |1,|1.|1 111 |ten |a |million |deux cent |-|-1 | |12 March |1'111|quatre-vingt-|and a half |(|1e|le |x|3x|1-"
)
MORE = "1 years and |half a |point five |10 €|trois virgule zéro |https://|one million |2 years 6 months |🚀 é"
NEWEST = "a mile in km |moins 5 |minus minus |250.000 |half a mile |a to in |"


@pytest.mark.parametrize("unit", [*ADVERSARIAL.split("|"), *MORE.split("|"), *NEWEST.split("|")[:-1]])
def test_long_repetitive_texts_take_linear_time(unit: str) -> None:
    text = (unit * 20_000)[:20_000]
    start = time.process_time()
    for language in ("en", "fr"):
        normalise(text, language)
        detect_language(text)
    assert time.process_time() - start < 3.0  # about 0.2 s; quadratic would be minutes


def test_a_question_takes_less_than_a_blink() -> None:
    text = "If I invest $10,000 at 5 percent for ten years, compounded monthly, how much is left after 18 months? " * 2
    normalise(text, "en")
    fastest = min(_seconds(lambda: normalise(text, "en")) for _ in range(20))
    assert fastest < 0.003  # measured 0.0004; the margin is for busy machines


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def test_importing_compiles_no_pattern() -> None:
    code = (
        "import re, dataclasses\n"
        "def refuse(*_): raise SystemExit('compiled at import')\n"
        "re.compile = refuse\n"
        "import unified_intelligence.tools.quantities, unified_intelligence.tools.numbers_format\n"
        "print('quiet')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert (done.stdout, done.stderr) == ("quiet\n", "")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("C'est quoi un call ?", "fr"),
        ("C\u2019est quoi un call ?", "fr"),
        ("calcule 15% de 240", "fr"),
        ("TVA 20 % sur 150", "fr"),
        ("combien font 3 x 4", "fr"),
        ("Racine carrée de 144", "fr"),
        ("10 000 € sur 10 ans", "fr"),
        ("valeur actuelle nette", "fr"),
        ("what is a put", "en"),
        ("how much is $10k at 5% for 10 years", "en"),
        ("15% of 240", "en"),
        ("tip on a $84 bill", "en"),
        ("hello 👋", "en"),
    ],
)
def test_the_language_of_a_question(text: str, language: Language) -> None:
    assert detect_language(text, "fr" if language == "en" else "en") == language


@pytest.mark.parametrize("text", ["VaR ?", "WACC", "12 * (3 + 4)", "", "🚀"])
def test_a_text_that_says_nothing_has_the_default_language(text: str) -> None:
    assert detect_language(text) == "en"
    assert detect_language(text, "fr") == "fr"


@pytest.mark.parametrize("text", ["2x² - 3x + 1 = 0", "3x²", "5x③", "2x٣"])
def test_a_raised_or_foreign_digit_is_no_factor(text: str) -> None:
    """Python calls them digits, too; only 0 to 9 are read."""
    assert normalise(text, "en").text == text
