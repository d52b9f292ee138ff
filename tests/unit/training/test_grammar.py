"""The notation of the phrasings, and that every line written in it means something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from training.embedded.built_in_examples import LANGUAGES, PHRASINGS, WORDS
from training.embedded.grammar import Choice, GrammarError, Sequence, Slot, expand, parse, read_patterns
from unified_intelligence.tools.registry import BUILT_IN

FREE = {"w", "n", "money", "pct", "date", "term", "name"}  # slots of sentences that no tool answers
WITHOUT_TOOL = {"out_of_scope", "contrast", "contexts"}
FORMS = {"", "adj", "bare"}


def sentences(line: str) -> set[str]:
    random = Random(0)
    return {"".join(str(piece) for piece in expand(parse(line), random)) for _ in range(60)}


def slots(sequence: Sequence) -> Iterator[Slot]:
    for part in sequence.parts:
        if isinstance(part, Choice):
            for branch in part.branches:
                yield from slots(branch)
        elif isinstance(part, Slot):
            yield part
            yield from slots(part.surface or Sequence(()))


def test_choices_nest_and_may_be_empty() -> None:
    assert sentences("a( (b|c(d|))|)!") == {"a!", "a b!", "a c!", "a cd!"}


def test_slots() -> None:
    assert parse("{years~adj}").parts == (Slot("years", "adj"),)
    assert parse("{w:countries} été").parts == (Slot("w", "countries"), " été")
    assert parse("{direction=increase:}").parts == (Slot("direction", "", "increase", Sequence(())),)


def test_a_worded_argument_is_followed_by_its_words() -> None:
    said = {tuple(expand(parse("{option_type=call:(call|call option)}"), Random(seed))) for seed in range(20)}
    assert {words for _, words in said} == {"call", "call option"}
    assert {slot.value for slot, _ in said if isinstance(slot, Slot)} == {"call"}


@pytest.mark.parametrize(
    "line", ["(a|b", "a)", "a}", "{rate", "{w:countries", "{a=b:(c|d}", "{a=b:c", "((a)", "(a))", "{", "("]
)
def test_what_does_not_parse_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(GrammarError) as refused:
        parse(line)
    assert line in str(refused.value)


def test_comments_blank_lines_and_question_marks_in_front_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "patterns.txt"
    path.write_text("# a comment\n\n? (a|b)\n  c  \n", encoding="utf-8")
    assert read_patterns(path) == (parse("(a|b)"), parse("c"))


@pytest.mark.parametrize("path", sorted(PHRASINGS.rglob("*.txt")), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_pattern_parses_and_every_slot_exists(path: Path) -> None:
    patterns = read_patterns(path)
    assert len(patterns) >= 10
    known = {} if path.stem in WITHOUT_TOOL else {one.name: one for one in BUILT_IN[path.stem].parameters}
    for slot in (slot for pattern in patterns for slot in slots(pattern)):
        if not known:
            assert slot.name in FREE, slot
            assert slot.name != "w" or (WORDS / path.parent.name / f"{slot.form}.txt").is_file(), slot
            continue
        assert slot.name in known, slot
        assert slot.form in FORMS, slot
        if slot.value is not None and known[slot.name].choices:
            assert slot.value in known[slot.name].choices, slot


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_tool_has_phrasings(language: str) -> None:
    assert {path.stem for path in (PHRASINGS / language).glob("*.txt")} == {*BUILT_IN, *WITHOUT_TOOL}
