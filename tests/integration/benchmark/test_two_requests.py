"""Two requests an answer where the connection ends after each of them, and where the second has nobody to answer it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from time import sleep
from typing import ClassVar

import pytest

from tests.loopback import answering
from unified_intelligence.benchmark import crew
from unified_intelligence.benchmark.connection import resolve
from unified_intelligence.benchmark.crew import Sending, Watch, shares_of
from unified_intelligence.benchmark.plan import Load, Target
from unified_intelligence.benchmark.row import Row

TEXT = "Été — 20 €\n🙂\u2028fin"
FINISHED = {"type": "end", "finish_reason": "stop", "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
MESSAGES = (
    {"msg": "estimation", "rank": 0, "queue_size": 1, "rank_eta": None},
    {"msg": "process_starts", "eta": None},
    {"msg": "process_generating", "output": {"data": [{"type": "delta", "text": TEXT}]}, "success": True},
    {"msg": "process_completed", "output": {"data": [FINISHED]}, "success": True},
    {"msg": "close_stream"},
)


class App(BaseHTTPRequestHandler):
    """HTTP/1.0: each answer ends with its connection."""

    begun: ClassVar[str] = ""
    stream: ClassVar[int] = 200
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.begun.encode())

    def do_GET(self) -> None:
        self.asked.append(f"{self.path} {self.headers['x-hf-authorization']}")
        self.send_response(self.stream)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for message in MESSAGES if self.stream == 200 else ():
            sleep(0.02)
            self.wfile.write(f"data: {json.dumps(message, ensure_ascii=False)}\n\n".encode())


@pytest.fixture
def port() -> Iterator[int]:
    App.begun, App.stream, App.asked = '{"event_id": "e1"}', 200, []
    with answering(App) as url:
        yield int(url.rpartition(":")[2])


def rows_of(port: int) -> list[Row]:
    target = Target(
        host="127.0.0.1", port=port, path="/call/x", events="/queue/data?session_hash=",
        headers={"X-HF-Authorization": "Bearer hf_e"},
    )  # fmt: skip
    address = resolve(target.host, target.port)[0]
    load = Load(concurrency=2, requests=4)
    return crew.send(shares_of(load, target, address, ["{}"], Sending("test", 1, 10.0)), Watch()).rows


def test_a_connection_for_each_request_is_enough(port: int) -> None:
    for row in rows_of(port):
        assert (row.error, row.text, row.tokens, row.counted_by) == ("", TEXT, 2, "usage")
        assert row.sent < row.joined < row.started < row.first < row.ended
        assert row.queue_ms is not None and 20 < row.queue_ms < 1000
        assert row.connect_ms is not None
    assert set(App.asked) == {"/queue/data?session_hash=e1 Bearer hf_e"}


def test_who_names_no_event_is_unreadable(port: int) -> None:
    App.begun = "<html>ça dort</html>"
    assert {row.error for row in rows_of(port)} == {"unreadable"}
    assert App.asked == []


def test_an_event_that_nobody_knows_any_more(port: int) -> None:
    App.stream = 404
    rows = rows_of(port)
    assert {(row.error, row.status, row.text) for row in rows} == {("http_404", 404, "")}
    assert all(row.joined for row in rows)
