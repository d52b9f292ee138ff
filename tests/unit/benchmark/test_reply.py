"""What is a token and when it came: the replies that other clients get wrong."""

from __future__ import annotations

import pytest

from tests.unit.benchmark.replies import DONE, HEAD, chunk, event, read, usage

WORDS = ["Ça va ", "à 5 %,\n", "a\u2028b ", "🙂 日本"]


def test_a_role_is_no_token() -> None:
    row = read((1, HEAD + chunk(event(role="assistant", content=""))), (200, chunk(event(content="Ça"))), (201, DONE))
    assert (row.ttft_ms, row.events, row.error) == (200, 1, "")


def test_every_piece_has_the_time_of_its_segment() -> None:
    segments = [(100.0 + 10 * i, chunk(event(content=word))) for i, word in enumerate(WORDS)]
    row = read((0, HEAD), *segments, (140, chunk(event(finish="stop")) + chunk(usage(4)) + DONE))
    assert row.text == "".join(WORDS)
    assert (row.ttft_ms, row.e2e_ms, row.gaps_ms) == (100, 130, [10, 10, 10])
    assert (row.tokens, row.counted_by, row.prompt_tokens, row.tpot_ms) == (4, "usage", 9, 10)
    assert (row.error, row.finish) == ("", "stop")


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_counts_and_is_told_apart(name: str) -> None:
    row = read(
        (50, HEAD + chunk(event(**{name: "Je pense"}))),
        (90, chunk(event(content="Voilà"))),
        (91, chunk(event(finish="stop")) + DONE),
    )
    assert (row.ttft_ms, row.visible_ms, row.reasoning_events, row.events) == (50, 90, 1, 2)
    assert (row.reasoning, row.text) == ("Je pense", "Voilà")


def test_an_answer_of_calls_only_is_an_answer() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"é": 1}'}}
    row = read((30, HEAD + chunk(event(tool_calls=[call]))), (31, chunk(event(finish="tool_calls")) + DONE))
    assert (row.error, row.events, row.ttft_ms, row.finish) == ("", 1, 30, "tool_calls")
    assert "é" in row.tools


def test_events_of_one_segment_are_one_arrival() -> None:
    three = b"".join(event(content=word) for word in WORDS[:3])
    row = read((10, HEAD + chunk(three)), (40, chunk(three)), (41, chunk(event(finish="stop") + usage(6)) + DONE))
    assert (row.events, row.arrivals, row.first_events, row.gaps_ms) == (6, 2, 3, [30])
    assert row.tpot_ms == 6


def test_a_split_event_came_with_its_last_byte() -> None:
    whole = event(content="déjà vu")
    for cut in range(1, len(whole)):
        row = read((10, HEAD + chunk(whole[:cut])), (25, chunk(whole[cut:])), (26, chunk(event(finish="stop")) + DONE))
        assert (row.ttft_ms, row.text) == (25, "déjà vu"), cut


def test_a_chunk_that_is_split_anywhere_is_read() -> None:
    data = chunk(event(content="a")) + chunk(event(content="b")) + chunk(event(finish="stop")) + DONE
    for cut in range(1, len(data)):
        row = read((10, HEAD + data[:cut]), (20, data[cut:]))
        assert (row.text, row.error) == ("ab", ""), cut
        assert row.ttft_ms in {10, 20}


def test_lines_may_end_as_on_windows() -> None:
    row = read(
        (10, HEAD + chunk(event(content="un", end="\r\n\r\n"))),
        (20, chunk(event(content=" deux", end="\r\n\r\n"))),
        (21, chunk(event(finish="stop", end="\r\n\r\n")) + DONE),
    )
    assert (row.text, row.gaps_ms, row.error) == ("un deux", [10], "")


def test_without_usage_events_are_counted_and_said_to_be() -> None:
    row = read((1, HEAD + chunk(event(content="a"))), (2, chunk(event(content="b", finish="stop")) + DONE))
    assert (row.tokens, row.counted_by) == (2, "events")


def test_the_wait_that_a_server_tells() -> None:
    head = HEAD.replace(b"\r\n\r\n", b"\r\nServer-Timing: db;dur=3, queue;dur=12.5\r\n\r\n")
    row = read((20, head + chunk(event(content="a", finish="stop")) + DONE))
    assert (row.queue_ms, row.error) == (12.5, "")


@pytest.mark.parametrize(
    ("segments", "failure", "kind"),
    [
        ([(1, HEAD + chunk(event(content="a")))], ("", ""), "cut"),
        ([(1, HEAD + chunk(event(content="a")))], ("timeout", "late"), "timeout"),
        ([(1, HEAD + chunk(event(finish="stop")) + DONE)], ("", ""), "empty"),
        ([(1, HEAD + chunk(b'data: {"error": {"message": "m\xc3\xa9moire"}}\n\n') + DONE)], ("", ""), "error_event"),
        ([(1, HEAD + chunk(b"data: {oops\n\n") + DONE)], ("", ""), "unreadable"),
        ([(1, HEAD.replace(b"\r\n\r\n", b"\r\nContent-Type: application/json\r\n\r\n") + DONE)], ("", ""), "no_stream"),
        ([(1, b'HTTP/1.1 429 Slow\r\nContent-Length: 19\r\n\r\n{"error":"pas vite"}')], ("", ""), "http_429"),
    ],
)  # fmt: skip
def test_what_is_no_answer_has_its_kind(
    segments: list[tuple[float, bytes]], failure: tuple[str, str], kind: str
) -> None:
    row = read(*segments, failure=failure)
    assert row.error == kind
    assert row.message
