"""What the evaluation page reads and shows: samples in several forms, rows in which nothing of a model is markup."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unified_intelligence.entities.errors import InvalidRequestError

pytest.importorskip("fastapi", reason="The extra 'space' is not installed")

HARD = "Ça va ? <b>🎉</b>\u2028fin"


def read(text: str) -> list[dict[str, Any]]:
    from unified_intelligence.gradio_space.eval_samples import read_samples

    return read_samples(text)


def test_a_line_is_a_question_or_a_sample() -> None:
    messages = [{"role": "system", "content": "é"}, {"role": "user", "content": HARD}]
    lines = [
        f"  {HARD}  ", "", json.dumps({"id": 7, "question": HARD, "expected": "x"}, ensure_ascii=False),
        json.dumps({"sample_id": "s", "messages": messages, "epoch": 2, "generation": {"max_tokens": 9}}),
    ]  # fmt: skip
    asked = [{"role": "user", "content": HARD}]
    samples = [
        {"sample_id": "1", "messages": asked},
        {"sample_id": "7", "messages": asked},
        {"sample_id": "s", "messages": messages, "epoch": 2, "generation": {"max_tokens": 9}},
    ]
    assert read("\r\n".join(lines)) == samples
    assert read(json.dumps([HARD, *map(json.loads, lines[2:])])) == samples


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "no samples"), (" \n", "no samples"), ("é\n{", "Line 2"), ("[1]", "Sample 1"), ('{"q": 1}', "Line 1"),
     ("[", "The list"), ("é\n" * 1001, "1001"), ('{"messages": "é"}', "Line 1")],
)  # fmt: skip
def test_what_is_no_sample_is_refused_by_its_place(text: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        read(text)


def record(**own: object) -> dict[str, Any]:
    return {
        "sample_id": "1", "epoch": 1, "outcome": "answered", "text": HARD, "reasoning": "", "tool_calls": [],
        "usage": {"completion_tokens": 12}, "latency_s": 1.25, "error": None, **own,
    }  # fmt: skip


def test_a_row_shows_all_of_a_sample_and_nothing_as_markup() -> None:
    from unified_intelligence.gradio_space.eval_table import table

    call = {"id": "c", "function": {"name": "add", "arguments": '{"a": "<i>"}'}}
    error = {"type": "quota_exceeded", "message": "Nothing <left>.", "hint": "Wait."}
    shown = table(
        [record(), record(sample_id="<2>", text="", tool_calls=[call]), record(outcome="error", text="", error=error)],
        {("1", 1): "Wie <u>geht</u> es?"},
    )
    assert shown.count("<tr>") == 4 and "12" in shown and "1.2" in shown
    for part in ("&lt;b&gt;🎉", "&lt;2&gt;", "add({", "&lt;i&gt;", "Nothing &lt;left&gt;. Wait.", "Wie &lt;u&gt;"):
        assert part in shown
    assert not any(tag in shown for tag in ("<b>", "<2>", "<left>", "<u>"))


def test_a_long_run_shows_its_last_rows_and_says_so() -> None:
    from unified_intelligence.gradio_space.eval_table import MOST_ROWS, table

    shown = table([record(sample_id=f"n{number}") for number in range(MOST_ROWS + 5)], {})
    assert shown.count("<tr>") == 1 + MOST_ROWS and f"of {MOST_ROWS + 5}" in shown and ">n0<" not in shown


def test_the_state_counts_what_there_is() -> None:
    from unified_intelligence.gradio_space.eval_table import state

    shown = state({"planned": 9, "answered": 4, "truncated": 1, "malformed": 0, "error": 2}, "7 < 9", "<wrong>")
    assert 'max="9" value="7"' in shown and "malformed" not in shown and "7 &lt; 9" in shown
    assert "&lt;wrong&gt;" in shown
