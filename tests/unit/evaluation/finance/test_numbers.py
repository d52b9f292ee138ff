"""The result of an answer: found where people put it, read as they write it, wrong where sign or scale are."""

from collections.abc import Iterator

import pytest

from tests.unit.evaluation.finance.number_traps import TRAPS
from unified_intelligence.evaluation.finance.final_answer import final_number
from unified_intelligence.evaluation.finance.keys import NumberKey, is_given
from unified_intelligence.evaluation.finance.numbers import Language

Case = tuple[NumberKey, Language, str, bool]


def cases() -> Iterator[Case]:
    for traps in TRAPS:
        for texts, right in ((traps.right, True), (traps.wrong, False)):
            for text in texts:
                case: Case = (traps.key, traps.language, text, right)
                yield case


def test_there_are_enough_traps() -> None:
    found = list(cases())
    assert len(found) >= 300 and len({(key.value, language, text) for key, language, text, _ in found}) == len(found)
    assert sum(right for *_, right in found) >= 200


@pytest.mark.parametrize(("key", "language", "text", "right"), list(cases()))
def test_a_trap(key: NumberKey, language: Language, text: str, *, right: bool) -> None:
    found = final_number(text, language, lambda reading: True)
    assert is_given(key, text, language) == right, found
