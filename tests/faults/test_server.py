"""The server of the scenarios does what it says, seen from a bare socket."""

from __future__ import annotations

import json
import socket
from contextlib import suppress

import pytest

from tests.faults.answers import ANSWER, PARTIAL
from tests.faults.scenarios import REFUSED, Play, played

BODY = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "Ça va ? 🙂"}]}).encode()
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Length: %d\r\n\r\n%s"


def received(play: Play, times: int = 1, most: int = 1 << 16) -> list[bytes]:
    """What the server sends to each of some requests, on connections of their own; silence of 0.5 s ends one."""
    answers: list[bytes] = []
    for _ in range(times):
        with socket.create_connection(("127.0.0.1", play.server.port), timeout=0.5) as connection:
            connection.sendall(POST % (len(BODY), BODY))
            answers.append(b"")
            with suppress(OSError):
                while len(answers[-1]) < most and (data := connection.recv(65536)):
                    answers[-1] += data
    return answers


def contents(stream: bytes) -> str:
    """The text of a chunked stream of whole events."""
    lines = [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: {")]
    choices = [choice for line in lines for choice in json.loads(line)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def test_a_healthy_answer_is_whole_and_the_request_is_kept() -> None:
    with played("control: healthy") as play:
        (stream,) = received(play)
        (request,) = play.server.requests
    assert contents(stream) == ANSWER
    assert stream.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert (request.method, request.path, request.json["model"]) == ("POST", "/v1/chat/completions", "m")
    assert request.headers["authorization"] == "Bearer k"
    assert request.body == BODY


def test_attempts_are_counted_over_connections() -> None:
    with played("status 500 twice") as play:
        statuses = [answer.split(b" ")[1] for answer in received(play, 4)]
        assert statuses == [b"500", b"500", b"200", b"200"]
        assert len(play.server.gaps) == 3
        assert play.server.connections == 4


def test_a_reset_is_a_reset_and_a_close_is_a_close() -> None:
    for name, error in (("reset before headers", ConnectionResetError), ("closed before headers", None)):
        with played(name) as play, socket.create_connection(("127.0.0.1", play.server.port), timeout=5) as connection:
            connection.sendall(POST % (len(BODY), BODY))
            if error is None:
                assert connection.recv(10) == b""
            else:
                with pytest.raises(error):
                    connection.recv(10)


@pytest.mark.parametrize("name", ["reset mid-stream", "stalled stream", "truncated, properly closed"])
def test_the_first_words_come_before_the_fault(name: str) -> None:
    with played(name) as play:
        assert contents(received(play)[0]) == PARTIAL


def test_nobody_listens_where_refused() -> None:
    with played(REFUSED) as play, pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(play.url.split(":")[2].split("/")[0])), timeout=5)
