"""The messages of Gradio's queue as a row: byte for byte as the app wrote them, cut anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.benchmark.replies import MS, chunk
from unified_intelligence.benchmark.framing import Framing
from unified_intelligence.benchmark.gradio_queue import broke, event_of, events_request
from unified_intelligence.benchmark.plan import Target
from unified_intelligence.benchmark.quota import Spending, gpu_seconds
from unified_intelligence.benchmark.reply import Raw
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.space_reply import read_space_reply
from unified_intelligence.entities.errors import ProtocolError

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
START = 1_000_000 * MS
TEXT = "Été — 20 €\n🙂\u2028fin"


def message(msg: str, **fields: Any) -> bytes:
    return b"data: " + json.dumps({"msg": msg, "event_id": "e1", **fields}, ensure_ascii=False).encode() + b"\n\n"


def made(event: object, msg: str = "process_generating") -> bytes:
    return message(msg, output={"data": [event], "is_generating": True, "duration": 0.1}, success=True)


ESTIMATION = message("estimation", rank=2, queue_size=3, rank_eta=1.5)
STARTS = message("process_starts", eta=0.2)
FINISHED = {
    "type": "end",
    "finish_reason": "stop",
    "usage": {"prompt_tokens": 9, "completion_tokens": 7},
    "timings": {"first_event": 0.2, "total": 0.8},
    "gpu": {"waited": 0.25, "held": 0.9, "lent": 30},
}


LAST = made(FINISHED, "process_completed")


def read(*segments: tuple[float, bytes], failure: tuple[str, str] = ("", "")) -> Row:
    """A reply whose segments came so many ms after the start, of a call that was queued after 5."""
    row = Row(number=0, sent=START, joined=START + 5_000_000)
    buffer, marks = bytearray(), list[tuple[int, int]]()
    framing = Framing()
    for at, data in segments:
        buffer += data
        marks.append((len(buffer), START + round(at * 1e6)))
        framing.ended(buffer)
    return read_space_reply(Raw(row, framing, bytes(buffer), marks, failure))


def test_the_parts_of_an_answer() -> None:
    row = read(
        (6, HEAD + chunk(ESTIMATION)),
        (105, chunk(STARTS)),
        (110, chunk(message("heartbeat")) + chunk(made({"type": "notice", "text": "einen Moment"}))),
        (400, chunk(made({"type": "reasoning", "text": "hm"}))),
        (450, chunk(made({"type": "delta", "text": TEXT}))),
        (
            500,
            chunk(made(FINISHED)) + chunk(made(FINISHED, "process_completed")) + chunk(message("close_stream")) + END,
        ),
    )
    assert (row.error, row.text, row.reasoning, row.finish) == ("", TEXT, "hm", "stop")
    assert (row.ahead, row.eta_ms, row.queue_ms, row.join_ms) == (2, 1500, 100, 5)
    assert (row.gpu_wait_ms, row.gpu_ms, row.compute_ms) == (250, 900, 800)
    assert (row.ttft_ms, row.visible_ms, row.e2e_ms, row.gaps_ms, row.events) == (400, 450, 450, [50], 2)
    assert (row.tokens, row.counted_by, row.prompt_tokens) == (7, "usage", 9)


def test_a_reply_that_is_cut_anywhere_is_read_or_said_to_be_cut() -> None:
    data = HEAD + chunk(STARTS) + chunk(made({"type": "delta", "text": TEXT})) + chunk(LAST)
    whole = read((10, data + END))
    assert (whole.error, whole.text) == ("", TEXT)
    for cut in range(len(HEAD), len(data) - 3):
        assert read((10, data[:cut]), (20, data[cut:] + END)).text == TEXT
        assert read((10, data[:cut])).error in {"cut", "unreadable"}


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (message("unexpected_error", message="404: Not Found", session_not_found=True), "expired"),
        (message("unexpected_error", message="Server stopped unexpectedly."), "app_stopped"),
        (message("process_completed", output={"error": None}, success=False), "app_error"),
        (
            message("process_completed", output={"error": "Trop long.", "title": "uic:context_length"}, success=False),
            "context_length",
        ),
        (made({"type": "error", "kind": "model", "message": "müde"}), "model"),
        (made(FINISHED, "process_completed"), "empty"),
        (made({"type": "delta", "text": "a"}, "process_completed"), "cut"),
    ],
)  # fmt: skip
def test_what_is_no_answer_has_its_kind(last: bytes, kind: str) -> None:
    row = read((6, HEAD + chunk(STARTS)), (9, chunk(last) + END))
    assert row.error == kind
    assert row.message
    assert broke(HEAD + chunk(last)) is (kind not in {"empty", "cut"})


REFUSALS = [
    (
        "ZeroGPU quota exceeded",
        "You have exceeded your free ZeroGPU quota (60s requested).",
        "quota_exceeded",
    ),
    ("ZeroGPU quota exceeded", "You have exceeded your ZeroGPU runs limit.", "quota_exceeded"),
    ("ZeroGPU quota exceeded", "Space app has reached its GPU limit. Try re-running", "no_token"),
    ("ZeroGPU quota exceeded", "No GPU was available after 60s.", "gpu_unavailable"),
    ("ZeroGPU queue timeout", "No GPU was available after 60s. Retry later", "gpu_unavailable"),
    ("ZeroGPU client error", "Expired ZeroGPU proxy token", "gpu_unavailable"),
    ("ZeroGPU pending credits exceeded", "You have too many ZeroGPU credits allocated", "rate_limited"),
    (
        "ZeroGPU illegal duration",
        "The requested GPU duration is larger than the maximum allowed",
        "too_long_for_gpu",
    ),
    ("ZeroGPU worker error", "GPU task aborted", "gpu_worker"),
    ("Error", "Élément introuvable", "app_error"),
    ("", "You have exceeded your Pro ZeroGPU quota (60s requested", "quota_exceeded"),
]


@pytest.mark.parametrize(("title", "text", "kind"), REFUSALS)
def test_zero_gpus_words_are_kinds(title: str, text: str, kind: str) -> None:
    said = message("process_completed", output={"error": text, "title": title}, success=False)
    row = read((6, HEAD + chunk(STARTS)), (9, chunk(said) + END))
    assert (row.error, text in row.message) == (kind, True)


def test_a_full_queue_is_told_from_a_server_that_is_away() -> None:
    body = b'{"detail":"Queue is full. Max size is 1 and size is 1."}'
    head = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: %d\r\n\r\n"
    row = read((6, head % len(body) + body))
    assert (row.error, row.status, row.message) == ("queue_full", 503, "Queue is full. Max size is 1 and size is 1.")
    assert read((6, head % 4 + b"away")).error == "http_503"


def test_a_chat_grows_in_each_of_its_shapes() -> None:
    shapes: list[Callable[[str], object]] = [
        lambda said: [["Hallo", said]],
        lambda said: [{"role": "user", "content": "Hallo"}, {"role": "assistant", "content": said}],
        lambda said: [{"role": "assistant", "content": [{"type": "text", "text": said}]}],
    ]
    for shape in shapes:
        pieces = [
            (10.0 * at, chunk(message("process_generating", output={"data": ["", shape(said)]}, success=True)))
            for at, said in enumerate(("Été", "Été\n— 🙂"), 1)
        ]
        last = message("process_completed", output={"data": ["", shape("Été\n— 🙂")]}, success=True)
        row = read((6, HEAD + chunk(STARTS)), *pieces, (25, chunk(last) + END))
        assert (row.error, row.text, row.events, row.gaps_ms, row.counted_by) == ("", "Été\n— 🙂", 2, [10], "events")


def test_the_event_is_read_and_asked_for() -> None:
    assert event_of(b'{"event_id":"a1b2-_"}') == "a1b2-_"
    for body in (b"<html>", b'{"event_id":"a b"}', b'{"event_id":"' + b"a" * 300 + b'"}', b""):
        with pytest.raises(ProtocolError):
            event_of(body)
    target = Target(host="::1", port=7, path="/call/x", headers={"K": "v"}, events="/queue/data?session_hash=")
    request = events_request(target, "a1")
    assert request.startswith(b"GET /queue/data?session_hash=a1 HTTP/1.1\r\nHost: [::1]:7\r\n")
    assert request.endswith(b"\r\nK: v\r\n\r\n")


def test_what_is_spent() -> None:
    told = Row(number=0, joined=1, started=1, ended=10**9, gpu_ms=250.0)
    untold = Row(number=1, joined=1, started=1, ended=1 + 2 * 10**9)
    refused = Row(number=2, joined=1, error="quota_exceeded")
    late = Row(number=3, joined=1, started=1, ended=10**9, error="gpu_unavailable")
    assert [gpu_seconds(row) for row in (told, untold, refused, late)] == [0.25, 2.0, 0.0, 0.0]
    budget = Spending(budget=1.0, at_once=2)
    assert [budget.add(told), budget.add(told), budget.add(told)] == [False, True, False]  # two more are under way
    assert budget.seconds == 0.5 and not budget.refused
    quota = Spending()
    assert [quota.add(untold), quota.add(refused), quota.add(refused)] == [False, True, False] and quota.refused
    nobody = Spending()
    assert nobody.add(Row(number=4, error="no_token")) and "--key env:HF_TOKEN" in nobody.ended
