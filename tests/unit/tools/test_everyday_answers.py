"""What a person reads of arithmetic, units, dates, terms and help, in good English and French."""

import json
import re
from importlib.resources import files
from typing import cast, get_args

import pytest

from unified_intelligence.tools.about import Topic
from unified_intelligence.tools.answer import render
from unified_intelligence.tools.numbers_format import format_significant
from unified_intelligence.tools.quantities import Language
from unified_intelligence.tools.registry import Outcome, built_in, tool_from
from unified_intelligence.tools.unit_table import UNITS

LANGUAGES: tuple[Language, ...] = ("en", "fr")


def answer(tool: str, language: Language, **arguments: object) -> str:
    asked = built_in(tool)
    bound = asked.bind(arguments)
    return render(asked, bound, asked.run(bound), language).replace("\u202f", "_").replace("\u00a0", "_")


@pytest.mark.parametrize(
    ("expression", "english", "french"),
    [
        ("12 * (3 + 4)", "12 * (3 + 4) = **84**", "12 * (3 + 4) = **84**"),
        ("12.5 times 3", "12.5 * 3 = **37.5**", "12,5 * 3 = **37,5**"),
        ("0.1 + 0.2", "0.1 + 0.2 = **0.3**", "0,1 + 0,2 = **0,3**"),
        ("10 / 3", "10 / 3 = **3.333333333**", "10 / 3 = **3,333333333**"),
        ("2^50", "2^50 = **1,125,899,906,842,624**", "2^50 = **1_125_899_906_842_624**"),
        ("2^64", "2^64 = **1.844674407 × 10¹⁹**", "2^64 = **1,844674407 × 10¹⁹**"),
    ],
)
def test_calculate(expression: str, english: str, french: str) -> None:
    assert answer("calculate", "en", expression=expression) == english
    assert answer("calculate", "fr", expression=expression) == french


@pytest.mark.parametrize(
    ("value", "source", "target", "english", "french"),
    [
        (5, "miles", "km", "5 miles = **8.047 km**", "5_miles = **8,047_km**"),
        (1, "foot", "inch", "1 foot = **12 inches**", "1_pied = **12_pouces**"),
        (1.5, "mile", "m", "1.5 miles = **2,414.02 m**", "1,5_mile = **2_414,02_m**"),
        (12345.678, "m", "km", "12,345.678 m = **12.345678 km**", "12_345,678_m = **12,345678_km**"),
        (100, "f", "c", "100 °F = **37.78 °C**", "100_°F = **37,78_°C**"),
        (98.6, "f", "c", "98.6 °F = **37 °C**", "98,6_°F = **37_°C**"),
        (1, "mm", "light year", "1 mm = **1.057 × 10⁻¹⁹ light-years**", "1_mm = **1,057 × 10⁻¹⁹_année-lumière**"),
    ],
)
def test_convert_units(value: float, source: str, target: str, english: str, french: str) -> None:
    given = {"value": value, "from_unit": source, "to_unit": target}
    assert answer("convert_units", "en", **given) == english
    assert answer("convert_units", "fr", **given) == french


def test_what_a_unit_is_taken_for_is_said() -> None:
    asked = {"value": 1, "from_unit": "gallon", "to_unit": "l"}
    assert answer("convert_units", "en", **asked).endswith("\n\nNote: US measures are meant, not imperial ones")
    assert "\n\nÀ noter_: ce sont les mesures américaines" in answer("convert_units", "fr", **asked)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_unit_has_a_name_in_both_numbers(language: Language) -> None:
    path = files("unified_intelligence.tools").joinpath("answers", f"{language}.json")
    words = json.loads(path.read_text(encoding="utf-8"))["convert_units"]["values"]
    assert set(words) == set(UNITS)


def test_days_between() -> None:
    given = {"start": "2024-03-12", "end": "2024-05-25"}
    assert answer("days_between", "en", **given) == (
        "**74 days** from Tuesday, March 12, 2024 to Saturday, May 25, 2024.\n\nNote: the last day is not counted"
    )
    assert answer("days_between", "fr", **given).startswith("**74_jours** du mardi 12 mars 2024 au samedi 25 mai 2024.")
    backward = {"start": "2024-03-02", "end": "2024-03-01"}
    assert answer("days_between", "en", **backward).startswith("**-1 day**: Friday, March 1, 2024 comes before Sat")
    assert answer("days_between", "fr", **backward).startswith("**-1_jour**_: le vendredi 1er mars 2024 vient avant")
    same = {"start": "2024-03-01", "end": "2024-03-01"}
    assert answer("days_between", "en", **same) == "**0 days**: both dates are Friday, March 1, 2024."
    assert answer("days_between", "fr", **same) == "**0_jour**_: les deux dates sont le vendredi 1er mars 2024."


def test_shift_date_and_weekday() -> None:
    given = {"start": "2024-01-31", "duration": "1 month", "direction": "after"}
    assert answer("shift_date", "en", **given).startswith(
        "**Thursday, February 29, 2024** is 1 month after Wednesday, January 31, 2024.\n\nNote: "
    )
    assert answer("shift_date", "fr", **{**given, "duration": "3 weeks", "direction": "before"}) == (
        "**Mercredi 10 janvier 2024**_: c'est 3_semaines avant le mercredi 31 janvier 2024."
    )
    assert answer("weekday", "en", date="2024-03-12") == "**Tuesday** is the day of the week on March 12, 2024."
    assert answer("weekday", "fr", date="2024-03-01") == "**Vendredi**_: c'est le jour de la semaine du 1er mars 2024."


def test_define() -> None:
    assert answer("define", "en", term="VaR").startswith("**Value at Risk (VaR)**: The loss that")
    assert answer("define", "fr", term="VaR").startswith("**Valeur en risque (VaR)**_: Perte qu'un")
    assert "\n" not in answer("define", "en", term="VaR")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", get_args(Topic))
def test_about_is_the_text_alone(topic: Topic, language: Language) -> None:
    tool = built_in("about")
    outcome = tool.run({"topic": topic})
    assert render(tool, {"topic": topic}, outcome, language) == outcome.figures[f"text_{language}"]


def test_words_agree_with_what_they_count() -> None:
    one = {"fixed_costs": 10, "unit_price": 20, "unit_cost": 10}
    assert answer("break_even", "en", **one).startswith("**1** unit must be sold")
    assert answer("break_even", "fr", **one).startswith("**1** unité à vendre")
    assert answer("break_even", "en", **{**one, "fixed_costs": 20}).startswith("**2** units must be sold")
    assert answer("doubling_time", "fr", rate="60%").startswith("**1,47_an** pour doubler")


def test_a_tool_that_answers_in_words_is_not_touched() -> None:
    def shout(text: str) -> Outcome:
        return Outcome({"loud": text.upper()})

    tool = tool_from(shout)
    bound = cast("dict[str, object]", {"text": "a {b} c|d"})
    assert re.match(r"\*\*A \{B\} C\|D\*\*", render(tool, bound, tool.run(bound), "en"))


@pytest.mark.parametrize(
    ("value", "digits", "decimals", "text"),
    [
        (8.04672000001, 4, 2, "8.047"),
        (1609.344, 4, 2, "1,609.34"),
        (0.0001234567, 4, 2, "0.0001235"),
        (1.0572340000000001e-19, 4, 2, "1.057 × 10⁻¹⁹"),
        (-2.0, 4, 2, "-2"),
        (0.0, 4, 2, "0"),
        (-0.0, 4, 0, "0"),
        (9007199254740992.0, 4, 0, "9,007,199,254,740,992"),
        (1e16, 4, 0, "1 × 10¹⁶"),
    ],
)
def test_significant_digits(value: float, digits: int, decimals: int, text: str) -> None:
    assert format_significant(value, "en", digits=digits, decimals=decimals) == text
