"""The suites of finance: what is asked in both languages, and how an answer is judged."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from tests.unit.evaluation.data_pack import pack
from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError
from unified_intelligence.evaluation.finance.french_facts import FACTS
from unified_intelligence.evaluation.finance.keys import NumberKey, is_meant
from unified_intelligence.evaluation.finance.marks import plain
from unified_intelligence.evaluation.finance.numbers import Language, readings
from unified_intelligence.evaluation.finance.parametric import FAMILIES, questions
from unified_intelligence.evaluation.finance.question import Euros, Figure, Question, Share, written
from unified_intelligence.evaluation.finance.scoring import Expected, judge
from unified_intelligence.evaluation.suite import Answer, Choice, Sample
from unified_intelligence.evaluation.suites import build

LANGUAGES: tuple[Language, ...] = ("en", "fr")


def shown(key: NumberKey, value: float, language: Language) -> str:
    """The value as somebody who writes that language ends an answer."""
    if key.percent:
        number = written(Share(round(value / 100, 6)), language)
    elif key.unit == "EUR":
        number = written(Euros(round(value, 2)), language)
    else:
        number = written(Figure(round(value, 6)), language)
        number += {"years": {"en": " years", "fr": " ans"}}.get(key.unit, {"en": "", "fr": ""})[language]
    return f"Answer: {number}" if language == "en" else f"Réponse : {number}"


def many() -> Iterator[tuple[str, Question]]:
    for seed in range(6):
        for family, name, question in questions(seed):
            yield f"{family} {seed} {name}", question


def test_the_truth_in_either_language_is_right_and_its_mistakes_are_wrong() -> None:
    count = 0
    for name, question in many():
        for language in LANGUAGES:
            key = question.key
            expected = Expected(keys=(key,), language=language)
            assert judge(expected, shown(key, key.value, language)).right, (name, language, key)
            for factor in (-1, 10, 0.1, 1000):
                wrong = judge(expected, shown(key, key.value * factor, language))
                assert not wrong.right, (name, language, key, factor)
                if factor != 0.1:  # whose cents may be too few to tell
                    assert wrong.error_type == ("wrong sign" if factor == -1 else "wrong scale"), (name, wrong)
            count += 1
    assert count > 1600


def test_no_number_of_the_question_is_its_answer() -> None:
    """Who repeats what was asked must not be right, but for a rare chance."""
    repeated: list[str] = []
    for name, question in many():
        for language in LANGUAGES:
            text = re.sub(r"\d+ (?:euros|shares|days|jours)", "", plain(question.texts[language]))
            if any(is_meant(question.key, reading) for reading in readings(text, language)):
                repeated.append(name)
    assert len(repeated) <= 12, repeated


def test_both_languages_tell_the_same_numbers() -> None:
    for name, question in many():
        numbers = {
            language: sorted(abs(reading.value) for reading in readings(plain(question.texts[language]), language))
            for language in LANGUAGES
        }
        assert numbers["en"] == numbers["fr"], (name, question.texts)


def test_there_are_enough_families_and_a_seed_is_a_seed() -> None:
    suite = build(Choice(name="finance/parametric"))
    assert len(FAMILIES) == 26 and len(suite.samples) == suite.dataset.n == 2 * (26 * 5 + len(FACTS))
    counted = Counter(sample.pair for sample in suite.samples)
    assert set(counted.values()) == {2}, "every question is asked in both languages"
    again, other = (build(Choice(name="finance/parametric", seed=seed)) for seed in (0, 1))
    assert again.dataset == suite.dataset and other.dataset.sha256 != suite.dataset.sha256
    assert again.dataset.ids_sha256 == other.dataset.ids_sha256
    french = build(Choice(name="finance/parametric", language="fr"))
    assert {sample.language for sample in french.samples} == {"fr"} and len(french.samples) == len(suite.samples) // 2


def test_a_fact_names_its_day() -> None:
    suite = build(Choice(name="finance/parametric"))
    facts = [sample for sample in suite.samples if sample.slices[0] == "french_facts"]
    for sample in facts:
        assert "2024" in sample.messages[-1].content
        assert json.dumps(sample.reference).count('"as_of": "2024-12-31"') == 1
    assert len(facts) == 2 * len(FACTS)


@pytest.mark.parametrize("name", ["finance/parametric", "finance/smoke"])
def test_unknown_routes_and_languages_are_refused(name: str) -> None:
    with pytest.raises(UnknownNameError):
        build(Choice(name=name, route="chat-tools"))
    with pytest.raises(UnknownNameError):
        build(Choice(name="finance/financemath", language="fr", data=Path("x")))


ENGLISH = (
    "The interest of each month is added to the sum, and then it earns interest itself, so that the growth speeds up. "
)
FRENCH = (
    "Les intérêts de chaque mois sont ajoutés au capital, puis ils rapportent eux-mêmes, si bien que la somme croît. "
)


def smoke(sample_id: str) -> tuple[Sample, NumberKey]:
    suite = build(Choice(name="finance/smoke"))
    (sample,) = (one for one in suite.samples if one.id == sample_id)
    keys = cast("list[dict[str, Any]]", sample.reference)
    return sample, NumberKey(**keys[0])


def test_the_seven_scenarios() -> None:
    suite = build(Choice(name="finance/smoke"))
    assert Counter(sample.language for sample in suite.samples) == {"en": 3, "fr": 4}
    sample, key = smoke("savings_en")
    answer = f"{ENGLISH}It compounds.\n\n{shown(key, key.value, 'en')}"
    score = suite.score(sample, Answer(text=answer))
    assert score.right and score.gates == {"amount": True, "language": True, "repetition": True}
    assert score.numbers == {"rubric_coverage": 1.0}
    assert suite.score(sample, Answer(text=shown(key, key.value, "en"))).numbers == {"rubric_coverage": 0.0}


@pytest.mark.parametrize(
    ("text", "fault", "failed"),
    [
        (f"{FRENCH * 2}\nAnswer: €15,871.09", "answered in fr", ["language"]),
        (f"{ENGLISH}\nAnswer: €16,871.09", "wrong number", ["amount"]),
        (f"{ENGLISH}\nAnswer: -€15,871.09", "wrong sign", ["amount"]),
        (f"{ENGLISH}\nAnswer: €15.87", "wrong scale", ["amount"]),
        (f"{ENGLISH}", "no number", ["amount"]),
        (f"{ENGLISH * 12}\nAnswer: €15,871.09", "repeats itself", ["repetition"]),
        (f"<think>{FRENCH * 9}</think>{ENGLISH}\nAnswer: €15,871.09", "", []),
        (f"{FRENCH * 12}\nAnswer: €1", "wrong number", ["amount", "language", "repetition"]),
    ],
)
def test_every_gate_is_shown_and_all_must_be_passed(text: str, fault: str, failed: list[str]) -> None:
    suite = build(Choice(name="finance/smoke"))
    sample, _ = smoke("savings_en")
    score = suite.score(sample, Answer(text=text))
    assert (score.error_type, [name for name, passed in score.gates.items() if not passed]) == (fault, failed)
    assert score.right == (not failed)


def test_what_must_not_be_said() -> None:
    suite = build(Choice(name="finance/smoke"))
    sample, key = smoke("pea_fr")
    right = f"Un PEA est fait d'actions. {shown(key, key.value, 'fr')}"
    assert suite.score(sample, Answer(text=right)).right
    said = suite.score(sample, Answer(text=f"On peut acheter des cryptomonnaies dans un PEA ! {right}"))
    assert not said.right and said.error_type == "says what it must not" and not said.gates["never"]


def test_financemath() -> None:
    folder = pack("finance")
    suite = build(Choice(name="finance/financemath", data=folder))
    assert len(suite.samples) == 200 and suite.dataset.licence == "MIT"
    rows = json.loads((folder / "financemath_validation.json").read_text())
    rng = Random(3)
    for row, sample in zip(rows, suite.samples, strict=True):
        truth = float(row["ground_truth"])

        def verdict(value: float, unit: str = "", sample: Sample = sample) -> bool:
            return suite.score(sample, Answer(text=f"So {rng.randint(2, 9)} steps.\nAnswer: {value:,.6g}{unit}")).right

        assert verdict(truth) and verdict(truth, " dollars"), row["question_id"]
        if truth:
            assert not verdict(-truth) and not verdict(truth * 100) and not verdict(truth / 1000), row["question_id"]
            assert verdict(truth * 100, "%") != verdict(truth, "%"), row["question_id"]


def test_financemath_must_be_the_pinned_one(tmp_path: Path) -> None:
    (tmp_path / "financemath_validation.json").write_text("[]")
    with pytest.raises(ConfigurationError, match="is not that of FinanceMath"):
        build(Choice(name="finance/financemath", data=tmp_path))
    with pytest.raises(ConfigurationError, match="downloads are forbidden"):
        build(Choice(name="finance/financemath", offline=True))
