"""What the model sees of a question, and the way back to what was typed."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import get_args

import pytest

from unified_intelligence.embedded.reading import FieldKind, Reading, fold
from unified_intelligence.tools.types import Kind


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Élève À l’Hôtel", "eleve a l'hotel"),
        ("ŒUVRE ß İstanbul", "œuvre ß istanbul"),
        ("a\u00a0b\u202fc\td\ne", "a b c d\ne"),
        ("🙂 Ça", "🙂 ca"),
    ],
)
def test_folding_keeps_every_character_in_its_place(text: str, folded: str) -> None:
    assert fold(text) == folded
    assert len(fold(text)) == len(text)


@pytest.mark.parametrize(
    ("question", "kind", "literals"),
    [
        ("What is 15% of 240?", "number", ["240"]),
        ("What is 15% of 240?", "rate", ['"15%"', "240"][:1]),
        ("Prêt de 250 k€ sur vingt ans à 3,2 %", "number", ["250000"]),
        ("Prêt de 250 k€ sur vingt ans à 3,2 %", "years", ['"20 years"']),
        ("spot 100, strike 105, vol 0.2, rate 5%", "rate", ["0.2", '"5%"']),
        ("from 12 March 2024 to today", "date", ['"2024-03-12"', '"today"', '"today"']),
        ("Convertis 5 miles en km", "unit", ['"miles"', '"km"']),
        ("combien font 15 fois 3 ?", "expression", ['"15 fois 3"']),
        ("between 2024-03-12 and 2024-05-01", "expression", []),
        ("C'est quoi la VaR ?", "term", ['"var"']),
        ("3 cats and 4.5 dogs", "integer", ["3"]),
    ],
)
def test_candidates(question: str, kind: FieldKind, literals: list[str]) -> None:
    assert [candidate.literal for candidate in Reading.of(question).candidates(kind)[0]] == literals


def test_a_copied_text_comes_out_as_it_was_typed() -> None:
    reading = Reading.of("Réserve une table chez « Léa’s Café » le 3 mai 2025 pour Zoë")
    values = {candidate.value for candidate in reading.candidates("text")[0]}
    assert {"Léa’s Café", "Zoë", "3 mai 2025"} <= values


def test_a_rate_without_a_sign_is_read_in_percent_points() -> None:
    points = Reading.of("10000 at 5 for 10 years").candidates("rate")[1]
    assert ("5", "5%") in [(candidate.literal, candidate.value) for candidate in points]


def test_quotes_and_line_breaks_are_never_copied() -> None:
    reading = Reading.of('say "hello there" to\nBob')
    assert all(
        '"' not in candidate.literal[1:-1] and "\\n" not in candidate.literal
        for candidate in reading.candidates("text")[0]
    )


def test_the_figure_of_a_quantity_leaves_its_unit_free() -> None:
    reading = Reading.of("how many years in 10 months")
    (figure,) = reading.candidates("number")[1]
    assert reading.text[figure.start : figure.end] == figure.literal == "10"
    assert any(unit.literal == '"months"' and unit.start >= figure.end for unit in reading.candidates("unit")[0])


def test_figures_of_a_list_stand_side_by_side_with_their_units() -> None:
    reading = Reading.of("3%, 5% and 6 months, then 7")
    figures = reading.candidates("figure")[0]
    joined = [reading.joins(one, other) for one, other in pairwise(figures)]
    assert [figure.value for figure in figures] == [3, 5, 6, 7]
    assert joined == [True, True, False]


@pytest.mark.parametrize(
    "question",
    [
        "1 " * 2000,
        "1+" * 2000,
        "5% " * 1300,
        '"a" ' * 1000,
        '"' + " " * 3990 + "«b",
        "l'été " * 660,
        "le 3 mai 2025 " * 280,
    ],
    ids=lambda question: repr(question[:12]),
)
def test_the_pieces_of_a_long_question_are_found_in_seconds(question: str) -> None:
    """It took minutes where each piece was sought from the beginning."""
    started = time.perf_counter()
    reading = Reading.of(question)
    for kind in (*get_args(Kind), "text", "figures"):
        reading.candidates(kind)
    assert time.perf_counter() - started < 10
