"""Bytes to events, whatever the cuts, the ends of lines and the extras."""

from __future__ import annotations

import pytest

from unified_intelligence.adapters.wire.sse import LONGEST, EventStream, ServerSentEvent
from unified_intelligence.entities.errors import ProtocolError

WORDS = "Ça va\u2028très  bien\u0085 🙂👩‍🚀 "
SENT = (
    "\ufeff: hello\n"
    f"data: {WORDS}\n"
    "\n"
    "event: note\n"
    "id: 7\n"
    "retry: 10\n"
    "data:sans espace\n"
    "data:  deux\n"
    "data\n"
    "\n"
    ": ping\n"
    "\n"
    "event: lost\n"
    "\n"
    "data: [DONE]\n"
    "\n"
)
READ = [("", WORDS), ("note", "sans espace\n deux\n"), ("", "[DONE]")]


def read(*chunks: bytes) -> list[tuple[str, str]]:
    stream, events = EventStream(), list[ServerSentEvent]()
    for chunk in chunks:
        events += stream.feed(chunk)
    return [(name, data.decode()) for name, data in [*events, *stream.end()]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_cut_gives_the_same_events(end: str) -> None:
    sent = SENT.replace("\n", end).encode()
    assert read(sent) == READ
    assert read(*(sent[i : i + 1] for i in range(len(sent)))) == READ
    for cut in range(len(sent)):
        assert read(sent[:cut], sent[cut:]) == READ


def test_an_event_comes_as_soon_as_its_blank_line_does() -> None:
    stream = EventStream()
    assert stream.feed(b"data: 1\n") == []
    assert stream.feed(b"\ndata: 2\n\nda") == [("", b"1"), ("", b"2")]
    assert stream.feed(b": ping\n\n") == []


def test_a_comment_is_no_event() -> None:
    stream = EventStream()
    assert stream.feed(b": ping\n\n: ping\n\n") == []
    assert stream.feed(b"data: x\n\n") == [("", b"x")]


def test_the_last_event_may_lack_its_blank_line() -> None:
    assert read(b"data: un\n\ndata: deux") == [("", "un"), ("", "deux")]
    assert read(b"data: un\n\n") == [("", "un")]
    assert read() == []


@pytest.mark.parametrize("piece", [b"x", b"data: y", b": z"])
def test_a_line_that_does_not_end_is_refused_before_it_is_large(piece: bytes) -> None:
    stream, size = EventStream(), 1024 * 1024
    stream.feed(b"data: begin\n\n" + piece)
    for _ in range(LONGEST // size - 1):
        assert stream.feed(b"x" * size) == []
    with pytest.raises(ProtocolError, match="8 MiB") as refused:
        stream.feed(b"x" * size)
    assert refused.value.hint


def test_an_event_of_endless_lines_is_refused() -> None:
    stream, line = EventStream(), b"data: " + b"x" * 100_000 + b"\n"
    assert stream.feed(line * 80) == []
    with pytest.raises(ProtocolError, match="8 MiB"):
        stream.feed(line * 10)
