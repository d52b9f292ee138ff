"""The verdict on an answer to a question of finance: gates, each of them shown, all of which must be passed.

Nothing is blended into one quality: an answer in the wrong language with the right number is wrong, and says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from unified_intelligence.entities.errors import UnknownNameError
from unified_intelligence.evaluation.finance.final_answer import final_number
from unified_intelligence.evaluation.finance.keys import NumberKey, fits, is_given, is_meant
from unified_intelligence.evaluation.finance.numbers import Language
from unified_intelligence.evaluation.finance.prose import Rubric, language_of, repeats
from unified_intelligence.evaluation.suite import Dataset, Sample, Score, Scorer, Suite

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Answer, Choice

SCORER: Final = Scorer("finance-gates", "2")
_POWERS: Final = (1, 2, 3, 6, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an answer must have: its numbers, the language of its visible words, and, shown only, what it speaks of."""

    keys: tuple[NumberKey, ...]
    language: Language
    rubric: Rubric = Rubric()  # noqa: RUF009 - frozen


def judge(expected: Expected, text: str) -> Score:
    """The score of an answer that came whole. Gates: the numbers by name, `language`, `repetition` and `never`."""
    gates = {key.name: is_given(key, text, expected.language) for key in expected.keys}
    faults = [_fault(key, text, expected.language) for key in expected.keys if not gates[key.name]]
    said = language_of(text)
    gates["language"] = said in {"", expected.language}
    faults += [] if gates["language"] else [f"answered in {said}"]
    gates["repetition"] = not repeats(text)
    faults += [] if gates["repetition"] else ["repeats itself"]
    numbers: dict[str, float] = {}
    if expected.rubric.terms:
        numbers["rubric_coverage"] = expected.rubric.coverage(text)
    if expected.rubric.never:
        gates["never"] = not expected.rubric.breaks(text)
        faults += [] if gates["never"] else ["says what it must not"]
    return Score(
        right=not faults, error_type=faults[0] if faults else "", gates=gates, numbers=numbers, note="; ".join(faults)
    )


def _fault(key: NumberKey, text: str, language: Language) -> str:
    """What is wrong with the number given: none, its sign, its scale, or its value."""
    found = final_number(text, language, lambda reading: fits(key, reading))
    if found is None:
        return "no number"
    reading = found.reading
    if is_meant(key, replace(reading, value=-reading.value)):
        return "wrong sign"
    for power in _POWERS:
        for factor in (10.0**power, 10.0**-power):
            if is_meant(key, replace(reading, value=reading.value * factor, step=reading.step * factor)):
                return "wrong scale"
    return "wrong number"


class FinanceSuite(Suite):
    """Questions with their expected numbers, judged by gates."""

    scorer = SCORER

    def __init__(self, dataset: Dataset, questions: Sequence[tuple[Sample, Expected]]) -> None:
        self.name, self.dataset = dataset.name, dataset
        self._samples = tuple(sample for sample, _ in questions)
        self._expected = {sample.id: expected for sample, expected in questions}

    @property
    def samples(self) -> Sequence[Sample]:
        return self._samples

    def score(self, sample: Sample, answer: Answer) -> Score:
        return judge(self._expected[sample.id], answer.text)


def languages_of(choice: Choice, offered: Sequence[Language]) -> tuple[Language, ...]:
    """The languages to ask in. Raises UnknownNameError, for a route as well, because there is only one."""
    if choice.route not in {"", "chat"}:
        raise UnknownNameError("route", choice.route, ("chat",), hint="Questions of finance are asked one way.")
    if choice.language and choice.language not in offered:
        raise UnknownNameError("language", choice.language, offered, hint="Questions of other languages are not in it.")
    return tuple(one for one in offered if choice.language in {"", one})
