"""Which pages slots have: what is shared is there once, and nobody writes what somebody else reads."""

from __future__ import annotations

from random import Random

import pytest

from unified_intelligence.engine.pages import Change, Places, Tables


def test_a_beginning_in_common_is_there_once_until_somebody_writes_into_its_last_page() -> None:
    tables = Tables(4)
    assert tables.hold([Places(0, 0, 10)]) == []
    tables.share(0, 1, 6)
    assert tables.held == 3 and tables.table(1) == tables.table(0)[:2]
    assert tables.room({0: 10, 1: 9}) == 5, "a page for its own last places, and one for a copy"
    assert tables.growth([Places(1, 6, 9)]) == 2
    assert tables.hold([Places(1, 6, 9)]) == [Change(4, 2, 2, wiped=False)]
    assert list(tables.table(0)) == [1, 2, 3] and list(tables.table(1)) == [1, 4, 5]
    tables.cut(0)
    assert tables.held == 3 and not tables.is_shared(1)
    assert tables.hold([Places(2, 0, 5)]) == [] and list(tables.table(2)) == [2, 3], "the lowest that are free"


def test_pages_that_may_hold_no_numbers_are_wiped_when_they_are_written_next() -> None:
    tables = Tables(4)
    tables.hold([Places(0, 0, 11)])
    tables.cut(0, 5, unsound=True)
    assert tables.hold([Places(1, 0, 4)]) == [Change(3, 0, 3, wiped=True)]
    assert tables.hold([Places(0, 5, 6)]) == [Change(2, 1, 2, wiped=True)]
    assert tables.hold([Places(0, 6, 9)]) == []


@pytest.mark.parametrize("start", [-1, 6, 100])
def test_places_before_which_something_is_missing_are_refused(start: int) -> None:
    tables = Tables(4)
    tables.hold([Places(0, 0, 5)])
    with pytest.raises(IndexError):
        tables.hold([Places(0, start, start + 1)])


def test_conversations_of_any_length_fill_nearly_all_of_the_memory_they_hold() -> None:
    random, tables = Random(1), Tables(64)
    lengths = [random.randint(64, 2048) for _ in range(32)]
    for slot, length in enumerate(lengths):
        tables.hold([Places(slot, 0, length)])
    assert sum(lengths) / (64 * tables.held) > 0.95
    for slot in range(32):
        tables.cut(slot)
    assert not tables.held
