"""The formats a history has had, and a conversation in each."""

from __future__ import annotations

from typing import Any

import pytest

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.gradio_space.legacy import asked_in, continued, format_of

TURNS = [{"role": "user", "content": "ça va ? 🎉"}, {"role": "assistant", "content": "oui\n"}]
PAIRS: list[Any] = [["ça va ? 🎉", "oui\n"]]
TEXTS: list[Any] = [{**turn, "metadata": None} for turn in TURNS]
PARTS: list[Any] = [{"role": turn["role"], "content": [{"type": "text", "text": turn["content"]}]} for turn in TURNS]
THOUGHT: dict[str, Any] = {"role": "assistant", "content": "hm", "metadata": {"title": "Reasoning"}}


@pytest.mark.parametrize(("history", "form"), [([], "pairs"), (PAIRS, "pairs"), (TEXTS, "messages"), (PARTS, "parts")])
def test_a_history_is_continued_in_its_own_format(history: list[Any], form: str) -> None:
    found = format_of(history)
    assert found == form
    longer = continued("et toi ?", history, "fünf", found)
    assert longer[: len(history)] == history
    assert format_of(longer) == form
    read = asked_in("?", longer, "")
    assert read[-3:-1] == [{"role": "user", "content": "et toi ?"}, {"role": "assistant", "content": "fünf"}]


@pytest.mark.parametrize("history", [PAIRS, TEXTS, PARTS, [*PARTS, THOUGHT]])
def test_the_model_is_told_what_was_said(history: list[Any]) -> None:
    question = {"role": "user", "content": "et toi ?"}
    assert asked_in("et toi ?", history, " ") == [*TURNS, question]
    assert asked_in("et toi ?", history, "Bref.")[0] == {"role": "system", "content": "Bref."}


def test_a_question_without_its_answer_yet() -> None:
    assert asked_in("b", [["a", None]], "") == [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]


@pytest.mark.parametrize("history", [None, "a", [["a"]], [["a", "b"], {"role": "user", "content": "c"}], [1]])
def test_another_history_is_refused(history: object) -> None:
    with pytest.raises(InvalidRequestError, match="chat_history is a list"):
        format_of(history)
