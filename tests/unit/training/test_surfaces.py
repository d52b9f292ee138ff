"""What is drawn for an argument is read back by the program: the words and the figures never disagree."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from random import Random

import pytest

from training.embedded import surfaces
from training.embedded.built_in_examples import LANGUAGES
from training.embedded.surfaces import Language, NoSuchSurfaceError, literal_of
from unified_intelligence.embedded.reading import Reading
from unified_intelligence.tools.calculator import evaluate
from unified_intelligence.tools.quantities import normalise, to_rate, to_years
from unified_intelligence.tools.units import UNITS, unit_key

DRAWS = 400


def literals(draw: Callable[[Random], str], kind: str, language: Language) -> list[object]:
    """The values of many draws; a twentieth may be unreadable, as those are dropped from the training."""
    random, found = Random(7), list[object]()
    for _ in range(DRAWS):
        try:
            found.append(json.loads(literal_of(kind, draw(random), language)))
        except NoSuchSurfaceError:
            continue
    assert len(found) >= 0.95 * DRAWS
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("value", [7, 12.5, 950, 1234.5, 20000, 999999, 1234567])
def test_a_number_is_read_back_however_it_is_grouped(value: float, language: Language) -> None:
    written = {surfaces.grouped(Random(seed), value, language) for seed in range(40)}
    assert len(written) > 1 or value < 1000
    for text in written:
        assert [quantity.value for quantity in normalise(text, language).quantities] == [value], text


@pytest.mark.parametrize("language", LANGUAGES)
def test_amounts_are_plain_numbers_within_bounds(language: Language) -> None:
    for value in literals(lambda random: surfaces.amount(random, language, 10, 50000), "number", language):
        assert isinstance(value, int | float)
        assert 1 <= value <= 1_000_000  # round amounts in words do not keep to the bounds


@pytest.mark.parametrize("language", LANGUAGES)
def test_rates_are_percentages(language: Language) -> None:
    for value in literals(lambda random: surfaces.percent(random, language, 0.1, 30), "rate", language):
        assert isinstance(value, str)
        assert value.endswith("%")
        assert 0 < to_rate(value) <= 0.31


@pytest.mark.parametrize(("language", "form"), [("en", ""), ("en", "adj"), ("fr", "")])
def test_durations_are_durations(language: Language, form: str) -> None:
    for value in literals(lambda random: surfaces.duration(random, language, form), "years", language):
        assert 0 < to_years(value) <= 40


@pytest.mark.parametrize("form", ["", "bare"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_dates_are_dates_or_words_for_them(language: Language, form: str) -> None:
    random = Random(2)
    for _ in range(DRAWS):
        words = surfaces.written_date(random, language, form)
        dates = Reading.of(words, language).candidates("date")[0][:-1]  # the last is the unsaid today
        assert len(dates) == 1, words
        assert form != "bare" or not words.startswith("le ")


@pytest.mark.parametrize("language", LANGUAGES)
def test_arithmetic_is_found_whole_and_has_a_value(language: Language) -> None:
    random, found = Random(5), 0
    for _ in range(DRAWS):
        words = surfaces.expression(random, language)
        reading = Reading.of(f"{'combien font' if language == 'fr' else 'what is'} {words} ?", language)
        offered = [str(candidate.value) for candidate in reading.candidates("expression")[0]]
        try:
            meant = evaluate(words.replace(",", "."))
            found += any(math.isclose(evaluate(one), meant, rel_tol=1e-9, abs_tol=1e-9) for one in offered)
        except ValueError:  # a power too large, a division by zero
            found += 1
    assert found >= 0.97 * DRAWS


@pytest.mark.parametrize("language", LANGUAGES)
def test_units_come_in_pairs_of_one_dimension_and_are_known(language: Language) -> None:
    random = Random(1)
    for _ in range(DRAWS):
        one, other = (unit_key(name) for name in surfaces.unit_pair(random, language))
        assert one != other
        assert UNITS[one].dimension == UNITS[other].dimension


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("rate", "nothing"),
        ("number", "5 and 6"),
        ("rates", "5%"),
        ("date", "10"),
        ("number", "3 May 2025"),
        ("years", ""),
    ],
)
def test_words_that_hold_not_one_quantity_have_no_literal(kind: str, words: str) -> None:
    with pytest.raises(NoSuchSurfaceError):
        literal_of(kind, words, "en")


def test_lists_are_written_without_blanks() -> None:
    assert literal_of("rates", "5 %, -2% and 1.5 percent", "en") == '["5%","-2%","1.5%"]'
    assert literal_of("numbers", "300, 1 400 et 500 €", "fr") == "[300,1400,500]"
