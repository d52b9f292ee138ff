"""What the chat window shows of an answer."""

from __future__ import annotations

from typing import Any

from unified_intelligence.gradio_space.conversation import ShownAnswer, question, said_in, stopped, text_of, title_of

END: dict[str, Any] = {
    "type": "end", "finish_reason": "stop",
    "usage": {"prompt_tokens": 5, "completion_tokens": 21, "reasoning_tokens": 4},
    "timings": {"first_event": 0.5, "total": 2.5},
}  # fmt: skip


def shown(*events: dict[str, Any]) -> ShownAnswer:
    answer = ShownAnswer("Waiting for a GPU")
    for event in events:
        answer.add(event)
    return answer


def status(message: dict[str, Any]) -> object:
    return message["metadata"].get("status")


def test_the_window_says_what_it_waits_for() -> None:
    (waiting,) = shown().messages()
    assert title_of(waiting) == "Waiting for a GPU" and status(waiting) == "pending"
    (told,) = shown({"type": "notice", "text": "The Space wakes up"}).messages()
    assert title_of(told) == "The Space wakes up"


def test_reasoning_is_a_block_of_its_own_and_closes_when_the_answer_begins() -> None:
    answer = shown({"type": "reasoning", "text": "hm, "}, {"type": "reasoning", "text": "ça 🎉"})
    (thinking,) = answer.messages()
    assert text_of(thinking) == "hm, ça 🎉" and status(thinking) == "pending"
    answer.add({"type": "delta", "text": "oui"})
    thought, said = answer.messages()
    assert status(thought) == "done" and text_of(said) == "oui" and title_of(said) == ""


def test_figures_come_with_the_end() -> None:
    *_, figures = shown({"type": "delta", "text": "oui"}, END).messages()
    first, rate, tokens = title_of(figures).split(" · ")
    assert first.endswith("ms to the first token") and (rate, tokens) == ("10 tokens/s", "21 tokens")
    assert "Tokens read: 5" in text_of(figures) and "reasoning: 4" in text_of(figures)
    assert status(figures) == "done"
    *_, cut = shown({"type": "delta", "text": "oui"}, {**END, "finish_reason": "length"}).messages()
    assert "greatest length" in text_of(cut) and status(cut) is None  # open, so that it is read


def test_calls_are_blocks_with_what_they_were_made_with() -> None:
    pieces = ('{"city": "Zürich', ' ```", "a": 1}')
    events = [{"type": "tool_call", "index": 0, "id": "", "name": "", "arguments": piece} for piece in pieces]
    other = {"type": "tool_call", "index": 1, "id": "2", "name": "x" * 99, "arguments": "no JSON"}
    answer = shown(
        {"type": "reasoning", "text": "hm"}, {**events[0], "id": "1", "name": "get_weather"}, events[1], other
    )
    thought, call, second = answer.messages()
    assert status(thought) == "done" and title_of(call) == "Call of get_weather"
    assert text_of(call) == '````json\n{\n  "city": "Zürich ```",\n  "a": 1\n}\n````'
    assert title_of(second) == f"Call of {'x' * 60}" and text_of(second) == "```json\nno JSON\n```"
    assert said_in(answer.messages()) == []


def test_a_failure_is_told_with_what_to_do() -> None:
    error = {"type": "error", "message": "It broke.", "hint": "Try again."}
    *_, failed = shown({"type": "delta", "text": "ou"}, error).messages()
    assert title_of(failed) == "No answer" and text_of(failed) == "It broke. Try again."


def test_the_model_is_told_only_what_was_said() -> None:
    answer = shown({"type": "reasoning", "text": "hm"}, {"type": "delta", "text": "oui"}, END).messages()
    parts = {"role": "user", "content": [{"type": "text", "text": "et "}, {"type": "text", "text": "toi ?"}]}
    assert said_in([question("ça va ?"), *answer, parts]) == [
        {"role": "user", "content": "ça va ?"},
        {"role": "assistant", "content": "oui"},
        {"role": "user", "content": "et toi ?"},
    ]


def test_a_stopped_answer_is_under_way_no_more() -> None:
    assert [title_of(message) for message in stopped([question("a"), *shown().messages()])] == ["", "Stopped"]
    thinking = shown({"type": "reasoning", "text": "hm"}).messages()
    _, thought, end = stopped([question("a"), *thinking])
    assert text_of(thought) == "hm" and status(thought) == "done" and title_of(end) == "Stopped"
