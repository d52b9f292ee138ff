"""Streams of Gradio read into events: typed ones, growing conversations, and what was recorded of older versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unified_intelligence.adapters.wire.gradio_conversation import Shape, history, last_answer
from unified_intelligence.adapters.wire.gradio_events import AnswerOfSpace, GrowingAnswer, TypedAnswer
from unified_intelligence.adapters.wire.gradio_offer import Offer, Parameter, read_config, read_offer
from unified_intelligence.adapters.wire.gradio_requests import generate_body, respond_body
from unified_intelligence.adapters.wire.sse import EventStream
from unified_intelligence.entities.errors import (
    ContextLengthError,
    InvalidRequestError,
    MalformedToolCallError,
    ModelError,
    ProtocolError,
    QuotaExceededError,
    StreamInterruptedError,
)
from unified_intelligence.entities.generation import (
    ChoiceFormat,
    Event,
    Finished,
    GenerationConfig,
    JsonFormat,
    NamedTool,
    Notice,
    ReasoningDelta,
    TextDelta,
    Timings,
    TokenLogprob,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import Message, read_messages
from unified_intelligence.entities.tools import ToolCall, ToolSpec

RECORDED = sorted((Path(__file__).parents[3] / "recorded_gradio").glob("*.json"))
NOW = Timings(0.1, 0.2)
END = {"type": "end", "finish_reason": "stop", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


def stream(*events: object, complete: bool = True) -> bytes:
    """What an app sends whose function yields these; the last one comes over again at the end."""
    sent = [("generating", event) for event in events] + [("complete", events[-1])] * complete
    return "".join(f"event: {name}\ndata: {json.dumps([event])}\n\n" for name, event in sent).encode()


def read(reader: AnswerOfSpace, data: bytes) -> list[Event]:
    events = EventStream()
    said = [*reader.read(events.feed(data)), *reader.read(events.end())]
    reader.last_words()
    return [*said, reader.finished(NOW)]


def delta(text: str, **more: object) -> dict[str, object]:
    return {"type": "delta", "text": text, **more}


def test_typed_events_are_ours() -> None:
    token = {"token": "Ça", "logprob": -0.5, "alternatives": [{"token": "ca", "logprob": -1.5}]}
    *said, end = read(TypedAnswer("u"), stream(
        {"type": "notice", "text": "A GPU is being\nallocated"}, {"type": "reasoning", "text": "Hmm… 🤔\n"},
        delta("Ça", logprobs=[token]), delta(" va ?\u2028"), delta(""),
        {"type": "tool_call", "index": 1, "id": "c", "name": "add", "arguments": '{"a":'},
        {"type": "tool_call", "index": 1, "arguments": " 1}"}, END,
    ))  # fmt: skip
    assert said == [
        Notice("A GPU is being allocated"), ReasoningDelta("Hmm… 🤔\n"),
        TextDelta("Ça", (TokenLogprob("Ça", -0.5, (TokenLogprob("ca", -1.5),)),)), TextDelta(" va ?\u2028"),
        ToolCallDelta(1, "c", "add", '{"a":'), ToolCallDelta(1, "", "", " 1}"),
    ]  # fmt: skip
    assert end == Finished("stop", Usage(3, 2), NOW)


def test_the_same_piece_twice_is_said_twice_and_the_last_one_over_again_is_not() -> None:
    said = read(TypedAnswer(), stream(delta("ha"), delta("ha"), END))
    assert said[:-1] == [TextDelta("ha"), TextDelta("ha")]
    again = read(TypedAnswer(), stream(delta("a"), END, END, delta("late"), END))
    assert again[:-1] == [TextDelta("a")]


def test_an_answer_in_one_piece_comes_with_complete_only() -> None:
    data = f"event: complete\ndata: {json.dumps([END])}\n\n".encode()
    assert read(TypedAnswer(), data) == [Finished("stop", Usage(3, 2), NOW)]


def test_what_nobody_knows_is_passed_over() -> None:
    data = b"event: heartbeat\ndata: null\n\nevent: of a later version\ndata: {\n\n"
    assert read(TypedAnswer(), data + stream({"type": "picture", "text": "x"}, delta("é"), END))[:-1] == [
        TextDelta("é")
    ]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (stream(delta("partie")), StreamInterruptedError),
        (stream(delta("partie"), complete=False), StreamInterruptedError),
        (stream(delta("partie"), {**END, "finish_reason": "abort"}), StreamInterruptedError),
        (b"event: complete\ndata: []\n\n", ProtocolError),
        (b"", ProtocolError),
        (b"event: generating\ndata: {\n\n", ProtocolError),
        (b"event: generating\ndata: [{}]\n\n", ProtocolError),
        (stream(delta("partie"), {"type": "error", "kind": "context_length", "message": "m"}), ContextLengthError),
        (stream(delta("a"), {"type": "tool_call", "arguments": "{"}, END), MalformedToolCallError),
        (b'event: error\ndata: {"error": null}\n\n', ModelError),
    ],
)
def test_what_is_no_whole_answer_is_raised(data: bytes, kind: type[Exception]) -> None:
    reader = TypedAnswer("u")
    with pytest.raises(kind) as raised:
        read(reader, data)
    assert type(raised.value) is kind
    assert reader.partial == ("partie" if b"partie" in data else "a" if b'"a"' in data else "")


def test_an_error_after_the_end_changes_nothing() -> None:
    assert read(TypedAnswer(), stream(delta("a"), END, complete=False) + b"event: error\ndata: null\n\n")[:-1] == [
        TextDelta("a")
    ]


CONVERSATIONS: dict[Shape, list[Any]] = {
    "pairs": [["a", "b"], ["Ça ?", "Oui 🙂\n"]],
    "messages": [{"role": "user", "content": "Ça ?"}, {"role": "assistant", "content": "Oui 🙂\n", "metadata": None}],
    "parts": [
        {"role": "user", "content": [{"type": "text", "text": "Ça ?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Oui "}, {"type": "text", "text": "🙂\n"}]},
    ],
}


@pytest.mark.parametrize("shape", CONVERSATIONS)
def test_the_last_answer_is_found_in_each_shape(shape: Shape) -> None:
    found = last_answer(["", CONVERSATIONS[shape]])
    assert found is not None
    assert found == ("", "Oui 🙂\n")


def test_a_thought_of_its_own_is_reasoning_and_a_file_is_no_text() -> None:
    turns = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "Hmm…", "metadata": {"title": "Thinking"}},
        {"role": "assistant", "content": [{"type": "file", "file": {"path": "x"}}, {"type": "text", "text": "42"}]},
    ]
    assert last_answer([turns]) == ("Hmm…", "42")
    assert last_answer(["", "a text alone"]) == ("", "a text alone")
    assert last_answer([[["question", None]]]) == ("", "")
    assert last_answer([7, None, [7]]) is None


def test_a_history_has_the_shape_that_is_wanted() -> None:
    turns = [Message("user", "a"), Message("assistant", "b"), Message("user", "c")]
    assert history(turns, "pairs") == [["a", "b"], ["c", None]]
    assert history(turns[:1], "messages") == [{"role": "user", "content": "a"}]
    assert history(turns[:1], "parts") == [{"role": "user", "content": [{"type": "text", "text": "a"}]}]
    with pytest.raises(InvalidRequestError, match="tools"):
        history([Message("tool", "1", tool_call_id="c")], "parts")


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["Ou", "Oui", "Oui !"], ["Ou", "i", " !"]),
        (["Voici\n", "Voici", "Voici\nle"], ["Voici\n", "le"]),
        (["a\nb", "a\n  b\nc"], ["a\nb", "\nc"]),
        (["a\nb\n", "a\n  b\nc"], ["a\nb\n", "c"]),
        (["tout"], ["tout"]),
    ],
)
def test_of_a_growing_text_the_new_part_is_told(texts: list[str], told: list[str]) -> None:
    frames = [["", [["?", text]]] for text in texts]
    data = "".join(f"event: generating\ndata: {json.dumps(frame)}\n\n" for frame in frames)
    data += f"event: complete\ndata: {json.dumps(frames[-1])}\n\n"
    assert read(GrowingAnswer(), data.encode())[:-1] == [TextDelta(text) for text in told]


def test_words_that_are_taken_back_interrupt() -> None:
    frames = [["", [["?", text]]] for text in ("Un instant…", "La réponse")]
    data = "".join(f"event: generating\ndata: {json.dumps(frame)}\n\n" for frame in frames)
    with pytest.raises(StreamInterruptedError, match="took back") as raised:
        read(GrowingAnswer(), data.encode())
    assert raised.value.partial == "Un instant…"


def offer_of(recorded: dict[str, Any]) -> Offer:
    return read_offer(
        read_config(json.dumps(recorded["config"]).encode(), "u"), json.dumps(recorded["info"]).encode(), "u"
    )


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in RECORDED])
def test_what_older_versions_sent_is_understood(path: Path) -> None:
    recorded = json.loads(path.read_text(encoding="utf-8"))
    offer = offer_of(recorded)
    version, _, kind = path.stem.partition("-")
    assert offer.version == version
    assert offer.prefix == ("" if version.startswith("4") else "/gradio_api")
    assert offer.shape == ("parts" if version.startswith("6") else kind or "pairs")
    said = read(GrowingAnswer("u"), recorded["answer"].encode())
    text = "".join(event.text for event in said if isinstance(event, TextDelta))
    assert text.replace("\n ", "\n") == "Ça va ?\n12,50 €  🙂\u2028fin [0|sois bref|0.5|77]"
    with pytest.raises(ModelError, match="does not say why"):
        read(GrowingAnswer("u"), recorded["bug"].encode())
    with pytest.raises(QuotaExceededError if version.startswith("6") else ModelError):
        read(GrowingAnswer("u"), recorded["quota"].encode())
    asked = respond_body(read_messages("Ça ?"), GenerationConfig(temperature=0.5), offer, "u")
    assert json.loads(asked) == {"data": ["Ça ?", [], "be brief", 0.5, 512]}


def test_there_are_recordings_of_three_versions() -> None:
    assert {path.stem.partition(".")[0] for path in RECORDED} == {"4", "5", "6"}


GENERATE = (Parameter("messages"), Parameter("config"))
CALLS = Offer("6.31.0", "/gradio_api", {"generate": GENERATE}, "parts")


def test_every_field_is_sent_under_its_own_name() -> None:
    tool = ToolSpec("add", "adds", {"type": "object"})
    config = GenerationConfig(
        max_tokens=9, temperature=0.0, top_k=3, stop=("\u2028",), thinking=False, thinking_budget=7, logprobs=2,
        response_format=JsonFormat({"type": "object"}, strict=True), tools=(tool,), tool_choice=NamedTool("add"),
    )  # fmt: skip
    turns = [
        Message("user", "é"),
        Message("assistant", "", (ToolCall("c", "add", "{}"),)),
        Message("tool", "1", tool_call_id="c"),
    ]
    sent = json.loads(generate_body(turns, config, CALLS, "u"))
    assert sent["messages"][2] == {"role": "tool", "content": "1", "tool_call_id": "c"}
    assert sent["config"] == {
        "max_tokens": 9, "temperature": 0.0, "top_k": 3, "stop": ["\u2028"], "thinking": False, "thinking_budget": 7,
        "logprobs": 2, "tool_choice": {"type": "function", "function": {"name": "add"}},
        "tools": [{
            "type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}},
        }],
        "response_format": {
            "type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}, "strict": True},
        },
    }  # fmt: skip
    choice = json.loads(
        generate_body(turns[:1], GenerationConfig(response_format=ChoiceFormat(("a", "b"))), CALLS, "u")
    )
    assert choice["config"] == {"structured_outputs": {"choice": ["a", "b"]}}


def test_arguments_go_in_order_where_names_are_not_taken() -> None:
    swapped = Offer("5.49.1", "/gradio_api", {"generate": GENERATE[::-1]}, "pairs")
    assert json.loads(generate_body(read_messages("é"), None, swapped, "u")) == {
        "data": [{}, [{"role": "user", "content": "é"}]]
    }
    unknown = Offer("5.49.1", "", {"generate": (*GENERATE, Parameter("colour"))}, "pairs")
    with pytest.raises(ProtocolError, match="colour"):
        generate_body(read_messages("é"), None, unknown, "u")


@pytest.mark.parametrize(
    ("turns", "config", "why"),
    [
        ([Message("user", "a")], GenerationConfig(seed=1, top_k=2), "seed, top_k"),
        ([Message("user", "a")], GenerationConfig(top_p=0.5), "top_p"),
        ([Message("user", "a"), Message("assistant", "b"), Message("tool", "c")], None, "tools"),
    ],
)
def test_what_respond_cannot_be_asked_is_refused(
    turns: list[Message], config: GenerationConfig | None, why: str
) -> None:
    offer = Offer("5.49.1", "", {"respond": (Parameter("message"), Parameter("history", True, []))}, "pairs")
    with pytest.raises(InvalidRequestError, match=why):
        respond_body(turns, config, offer, "u")


@pytest.mark.parametrize("body", [b"{}", b"[]", b"no json", b"<html>hello</html>", b'{"version": ""}'])
def test_what_is_no_gradio_app_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_config(body, "u")
