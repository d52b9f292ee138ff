"""When a think block has to be closed; tokens are single characters or whole tags."""

from __future__ import annotations

import pytest

from unified_intelligence.engine.text import TextOfTokens
from unified_intelligence.engine.thinking import Thinking, ThinkingLimit
from unified_intelligence.entities.reasoning import Channel, TagSplitter
from unified_intelligence.profiles.qwen3 import TAGS, answer_share

OPEN, CLOSE, BREAK = 1000, 1001, 1002
_NAMES = {OPEN: "<think>", CLOSE: "</think>", BREAK: "\n\n"}


def thinking(*, most: int | None = None, until: int | None = None, begins: Channel = "text") -> Thinking:
    text = TextOfTokens(lambda tokens: "".join(_NAMES.get(token) or chr(token) for token in tokens))
    return Thinking(ThinkingLimit((CLOSE, BREAK), most, until, OPEN), text, TagSplitter(TAGS, begins))


def written(state: Thinking, answer: list[int]) -> list[int]:
    """The answer as it comes to be, up to where the block is closed."""
    tokens: list[int] = []
    for token in answer:
        if state.due():
            break
        state.add(token)
        tokens.append(token)
    return tokens


THOUGHT = [ord(letter) for letter in "réfléchissons 🤔 encore"]


@pytest.mark.parametrize("most", range(len(THOUGHT)))
def test_no_more_tokens_than_the_budget_stand_between_the_tags(most: int) -> None:
    state = thinking(most=most)
    assert written(state, [OPEN, *THOUGHT]) == [OPEN, *THOUGHT[:most]]
    assert state.due() == (CLOSE, BREAK)
    opened = thinking(most=most, begins="reasoning")
    assert written(opened, THOUGHT) == THOUGHT[:most]


def test_the_budget_is_that_of_all_blocks_together_and_text_costs_nothing() -> None:
    state = thinking(most=5)
    answer = [OPEN, *THOUGHT[:3], CLOSE, BREAK, *THOUGHT, OPEN, *THOUGHT]
    assert written(state, answer) == answer[: -len(THOUGHT) + 2]


def test_it_is_closed_when_so_many_tokens_are_written_in_all() -> None:
    assert len(written(thinking(until=7), [OPEN, *THOUGHT])) == 7
    assert len(written(thinking(until=7, most=3), [OPEN, *THOUGHT])) == 4
    text = [*THOUGHT, *THOUGHT]
    assert written(thinking(until=7, most=0), text) == text


def test_a_block_closed_by_force_is_not_opened_again_but_any_other_may_be() -> None:
    state = thinking(most=2)
    for token in (OPEN, *THOUGHT[:2]):
        assert state.barred == frozenset()
        state.add(token)
    for token in state.due():
        state.add(token)
    assert state.due() == ()
    assert state.barred == {OPEN}
    freely = thinking(most=2)
    written(freely, [OPEN, CLOSE, BREAK])
    assert freely.barred == frozenset()


def test_a_tag_spelled_by_other_tokens_is_the_same_tag() -> None:
    state = thinking(most=30)
    answer = [OPEN, *THOUGHT[:4], *map(ord, "</think>\n\nok"), *THOUGHT, *THOUGHT]
    assert written(state, answer) == answer


@pytest.mark.parametrize(("limit", "kept"), [(16, 16), (64, 16), (100, 25), (4096, 1024)])
def test_a_fair_share_is_kept_for_the_answer(limit: int, kept: int) -> None:
    assert answer_share(limit) == kept
