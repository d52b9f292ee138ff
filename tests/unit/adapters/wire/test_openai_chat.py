"""Answers in all the forms servers give them."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import pytest

from unified_intelligence.adapters.wire.openai_chat import AnswerReader
from unified_intelligence.entities.errors import (
    AnswerRefusedError,
    ContextLengthError,
    ProtocolError,
    QuotaExceededError,
    ServerFailedError,
    StreamInterruptedError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import (
    Event,
    Generation,
    ReasoningDelta,
    TextDelta,
    Timings,
    TokenLogprob,
    Usage,
    collect,
)
from unified_intelligence.entities.tools import ToolCall

WORDS = "Ça va ?\n\n <b>12,50 €</b> \u2028🙂👩‍🚀 "
TIMES = Timings(0.5, 1.0)


def piece(delta: dict[str, Any] | None, reason: str | None = None, **more: Any) -> tuple[str, bytes]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason, **more}
    return "", json.dumps({"id": "x", "choices": [choice], "unknown": {"a": [1]}, "usage": None}).encode()


def data(**fields: Any) -> tuple[str, bytes]:
    return "", json.dumps(fields).encode()


END = piece({}, "stop")
DONE = ("", b"[DONE]")


def events_of(*pieces: tuple[str, bytes]) -> list[Event]:
    reader, said = AnswerReader("http://h/v1", ["sk-canary"]), list[Event]()
    for one in pieces:
        said += reader.read([one])
        if reader.done:
            break
    return [*said, *reader.last_words(), reader.finished(TIMES)]


def answer_of(*pieces: tuple[str, bytes]) -> Generation:
    return collect(events_of(*pieces))


def test_words_come_as_they_were_cut() -> None:
    events = events_of(piece({"role": "assistant", "content": ""}), *(piece({"content": c}) for c in WORDS), END, DONE)
    assert events[:-1] == [TextDelta(letter) for letter in WORDS]
    assert collect(events) == Generation(text=WORDS, finish_reason="stop", timings=TIMES)


@pytest.mark.parametrize("ends", [(END, DONE), (END,), (DONE,)], ids=["both", "a reason", "[DONE]"])
def test_an_answer_is_complete_with_a_reason_or_done(ends: tuple[tuple[str, bytes], ...]) -> None:
    assert answer_of(piece({"content": WORDS}), *ends).text == WORDS


def test_nothing_after_done_counts() -> None:
    reader = AnswerReader()
    said = reader.read([piece({"content": "é"}), END, DONE, piece({"content": " fantôme"}), ("", b"{bad")])
    assert said == [TextDelta("é")]
    assert reader.done


def test_an_answer_that_stops_early_is_interrupted_with_what_came() -> None:
    with pytest.raises(StreamInterruptedError) as stopped:
        events_of(piece({"content": "Ça va"}), piece({"content": " 🙂"}))
    assert stopped.value.partial == "Ça va 🙂"


@pytest.mark.parametrize("pieces", [(), (DONE,), (data(choices=[]), DONE), (data(choices=None), DONE)])
def test_no_answer_at_all_is_told(pieces: tuple[tuple[str, bytes], ...]) -> None:
    with pytest.raises(ProtocolError, match="empty answer") as told:
        events_of(*pieces)
    assert told.value.passing


@pytest.mark.parametrize(
    ("given", "reason"),
    [("stop", "stop"), ("length", "length"), ("tool_calls", "tool_calls"), ("function_call", "tool_calls"),
     ("content_filter", "content_filter"), ("eos", "stop"), ("eos_token", "stop"), ("stop_sequence", "stop"),
     ("end_turn", "stop"), ("MAX_TOKENS", "length"), ("max_tokens", "length"), ("tool_use", "tool_calls"),
     ("SAFETY", "content_filter"), ("STOP", "stop")],
)  # fmt: skip
def test_reasons(given: str, reason: str) -> None:
    assert answer_of(piece({"content": "x"}), piece({}, given)).finish_reason == reason


@pytest.mark.parametrize("reason", ["error", "abort", "insufficient_system_resource", "<b>sk-canary</b>"])
def test_an_end_that_is_none_is_an_interruption_with_what_came(reason: str) -> None:
    with pytest.raises(StreamInterruptedError, match="http://h/v1 ended the answer") as stopped:
        events_of(piece({"content": WORDS}), piece({}, reason), DONE)
    assert stopped.value.partial == WORDS
    assert "canary" not in str(stopped.value)


THOUGHT = "Hmm… <i>réfléchissons</i> 🤔"
TAGGED = f"\n <think>\n{THOUGHT}</think>\n\n{WORDS}<think>nur Text</think>"


@pytest.mark.parametrize("size", range(1, 20))
def test_a_thought_between_tags_is_split_off_wherever_it_is_cut(size: int) -> None:
    pieces = [piece({"content": TAGGED[i : i + size]}) for i in range(0, len(TAGGED), size)]
    answer = answer_of(*pieces, END)
    assert (answer.reasoning, answer.text) == (THOUGHT, f"{WORDS}<think>nur Text</think>")


@pytest.mark.parametrize("text", ["<thin", "  \n", "< 5 €", "<thinking>", "x <think>y</think>"])
def test_what_only_looks_like_a_thought_is_text(text: str) -> None:
    for size in range(1, len(text) + 1):
        pieces = [piece({"content": text[i : i + size]}) for i in range(0, len(text), size)]
        answer = answer_of(*pieces, END)
        assert (answer.text, answer.reasoning) == (text, "")


def test_a_thought_that_never_ends_is_reasoning() -> None:
    answer = answer_of(piece({"content": "<think>a"}), piece({"content": "b</thi"}, "length"))
    assert (answer.text, answer.reasoning, answer.finish_reason) == ("", "ab</thi", "length")


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_in_a_field_of_its_own(field: str) -> None:
    events = events_of(
        piece({field: "Hmm ", "content": None}), piece({field: "🤔"}), piece({"content": "<think>"}), END
    )
    assert events[:-1] == [ReasoningDelta("Hmm "), ReasoningDelta("🤔"), TextDelta("<think>")]


def call(
    index: int | None, call_id: str | None = None, name: str | None = None, arguments: Any = None
) -> dict[str, Any]:
    return {"index": index, "id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_calls_in_pieces() -> None:
    answer = answer_of(
        piece({"tool_calls": [call(0, "a", "pay", "")]}),
        piece({"tool_calls": [call(0, None, None, '{"to": "Zoé ')]}),
        piece({"tool_calls": [call(1, "b", "look", "{}"), call(0, None, None, '🙂"}')]}),
        piece({}, "stop"),
    )
    assert answer.tool_calls == (ToolCall("a", "pay", '{"to": "Zoé 🙂"}'), ToolCall("b", "look", "{}"))
    assert answer.finish_reason == "tool_calls"


def test_calls_whose_index_is_missing_or_given_twice() -> None:
    for first, second in ((None, None), (0, 0)):
        answer = answer_of(
            piece({"tool_calls": [call(first, "a", "pay", '{"n": ')]}),
            piece({"tool_calls": [call(first, None, None, "1}")]}),
            piece({"tool_calls": [call(second, "b", "pay", '{"n": 2}')]}),
            END,
        )
        assert answer.tool_calls == (ToolCall("a", "pay", '{"n": 1}'), ToolCall("b", "pay", '{"n": 2}'))


def test_a_call_without_an_id_and_one_whose_arguments_are_an_object() -> None:
    answer = answer_of(piece({"tool_calls": [call(0, None, "pay", {"à": "Zoé"})]}), END)
    assert answer.tool_calls == (ToolCall("call_0", "pay", '{"à":"Zoé"}'),)
    assert answer_of(piece({"function_call": {"name": "f", "arguments": "{}"}}), END).tool_calls[0].name == "f"


def test_usage_comes_after_the_end() -> None:
    usage = {
        "prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12,
        "completion_tokens_details": {"reasoning_tokens": 3, "other": 1}, "prompt_tokens_details": {"cached_tokens": 2},
    }  # fmt: skip
    assert answer_of(piece({"content": "x"}), END, data(choices=[], usage=usage), DONE).usage == Usage(5, 7, 3, 2)
    assert answer_of(piece({"content": "x"}), END, data(choices=[], usage={}), DONE).usage is None
    bare = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": None}
    assert answer_of(piece({"content": "x"}, "stop"), data(usage=bare, choices=[])).usage == Usage(5, 7)


def test_probabilities() -> None:
    token = {"token": "é", "logprob": -0.5, "bytes": [195], "top_logprobs": [{"token": "e", "logprob": None}]}
    event, *_ = events_of(piece({"content": "é"}, logprobs={"content": [token]}), END)
    assert event == TextDelta("é", (TokenLogprob("é", -0.5, (TokenLogprob("e", -inf),)),))
    event, *_ = events_of(piece({"content": "é"}, logprobs={"content": None}), END)
    assert event == TextDelta("é")


def test_other_choices_are_passed_over() -> None:
    other = json.dumps({"choices": [{"index": 1, "delta": {"content": "autre"}, "finish_reason": "stop"}]}).encode()
    assert answer_of(piece({"content": "é"}), ("", other), DONE).text == "é"


NO_PIECES = (
    b"{bad", b"[1]", b"null", b'"text"', b'{"choices":[{"delta":{"content":5}}]}', b"\xff\xfe",
    b"[" * 100_000, b'{"choices":' + b"[" * 100_000,
)  # fmt: skip


@pytest.mark.parametrize("bad", NO_PIECES)
def test_what_is_no_piece_of_an_answer(bad: bytes) -> None:
    with pytest.raises(ProtocolError) as told:
        events_of(("", bad))
    assert told.value.passing
    assert len(told.value.message) < 400
    with pytest.raises(ProtocolError) as later:
        events_of(piece({"content": "é"}), ("", bad))
    assert not later.value.passing


@pytest.mark.parametrize(
    ("sent", "kind", "words"),
    [
        (data(error={"message": "CUDA out of memory <b>", "type": "server_error"}), ServerFailedError, "CUDA out of"),
        (data(error={"message": "assez", "code": "insufficient_quota"}), QuotaExceededError, "assez"),
        (data(error={"message": "maximum context length is 4096 tokens", "code": 400}), ContextLengthError, "4096"),
        (data(error="Model not loaded"), ServerFailedError, "Model not loaded"),
        (data(object="error", message="not for sk-canary", code=400), UnifiedIntelligenceError, "not for [key]"),
        (data(detail="nothing here"), ServerFailedError, "nothing here"),
        (("error", b'{"message": "Arr\xc3\xaat"}'), ServerFailedError, "Arrêt"),
        (("error", b"plain words"), ServerFailedError, "plain words"),
    ],
)
def test_an_error_where_an_answer_was_due(sent: tuple[str, bytes], kind: type[Exception], words: str) -> None:
    for before in ((), (piece({"content": "é"}),)):
        with pytest.raises(kind) as told:
            events_of(*before, sent)
        assert words in str(told.value)
        assert "sk-canary" not in str(told.value)


def test_a_refusal_and_a_filter_that_leaves_nothing() -> None:
    with pytest.raises(AnswerRefusedError, match="Non, désolé"):
        events_of(piece({"refusal": "Non, "}), piece({"refusal": "désolé"}), END)
    with pytest.raises(AnswerRefusedError, match="filter"):
        events_of(piece({"content": ""}), piece({}, "content_filter"))


def test_a_whole_document() -> None:
    message = {"role": "assistant", "content": TAGGED, "tool_calls": None}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}
    reader = AnswerReader()
    events = reader.read_whole(b"\xef\xbb\xbf" + json.dumps(body).encode())
    answer = collect([*events, *reader.last_words(), reader.finished(TIMES)])
    assert (answer.reasoning, answer.text, answer.usage) == (
        THOUGHT, f"{WORDS}<think>nur Text</think>", Usage(1, 0),
    )  # fmt: skip


def test_a_torn_last_piece_is_an_interruption() -> None:
    reader = AnswerReader()
    reader.read([piece({"content": "é"})])
    with pytest.raises(StreamInterruptedError) as torn:
        reader.read_rest([("", b'{"choices":[{"del')])
    assert torn.value.partial == "é"
