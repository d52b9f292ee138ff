"""What a client can do with a connection and its headers, over raw sockets."""

from __future__ import annotations

import json
import socket
import statistics
import time

import httpx2
import pytest

from tests.integration.serving_guard.guarded_server import (
    ANSWER,
    CHAT,
    all_of,
    answer_on,
    ask,
    guarded_server,
    question,
    told,
    until,
)
from unified_intelligence.serving.http_protocol import ConnectionLimits
from unified_intelligence.serving.run import Serving

HOST = b"Host: localhost\r\n"


def _sent(raw: bytes) -> bytes:
    with guarded_server() as server, server.connect() as own:
        own.sendall(raw)
        return all_of(own)


def test_300_connections_that_never_finish_their_headers_are_let_go_and_others_are_served_meanwhile() -> None:
    with guarded_server() as server:
        begun = time.monotonic()
        open_ones = [server.connect() for _ in range(300)]
        try:
            for own in open_ones[:-30]:  # the last ones say nothing at all
                own.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"X-Slow: ")
            waits = [_health(server.url) for _ in range(40)]
            assert statistics.quantiles(waits, n=20)[-1] < 1.0
            time.sleep(4)
            for own in open_ones[:150]:
                own.sendall(b"a")  # a byte now and then buys no time
            for own in open_ones:
                assert all_of(own) == b""
            assert time.monotonic() - begun < 15
            assert until(lambda: not server.server.server_state.connections)
        finally:
            for own in open_ones:
                own.close()


def _health(url: str) -> float:
    begun = time.monotonic()
    assert httpx2.get(url + "/health", timeout=10).status_code == 200
    return time.monotonic() - begun


def test_a_second_request_on_a_connection_has_no_more_time_for_its_headers() -> None:
    limits = ConnectionLimits(header_seconds=1.0)
    with guarded_server(serving=Serving(port=0, connections=limits)) as server, server.connect() as own:
        own.sendall(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer_on(own).startswith(b"HTTP/1.1 200")
        own.sendall(b"GET /health HTTP/1.1\r\nX-Slow: ")
        begun = time.monotonic()
        assert all_of(own) == b""
        assert 0.5 < time.monotonic() - begun < 8


def test_blank_lines_do_not_hold_a_connection() -> None:
    limits = ConnectionLimits(header_seconds=0.5)
    with guarded_server(serving=Serving(port=0, connections=limits)) as server, server.connect() as own:
        own.sendall(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer_on(own).startswith(b"HTTP/1.1 200")
        own.sendall(b"\r\n")
        assert all_of(own) == b""


def test_an_idle_connection_may_be_used_again() -> None:
    limits = ConnectionLimits(header_seconds=0.3)
    with guarded_server(serving=Serving(port=0, connections=limits)) as server, httpx2.Client() as client:
        assert client.get(server.url + "/health").status_code == 200
        time.sleep(1)
        assert client.get(server.url + "/health").status_code == 200
        assert until(lambda: server.server.server_state.total_requests == 2)
        assert len(server.server.server_state.connections) == 1


def test_an_answer_that_is_ready_comes_in_one_piece() -> None:
    with guarded_server() as server, server.connect() as own:
        for _ in range(5):
            own.sendall(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
            head, _, body = own.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert json.loads(body) == {"status": "ok"}


def test_a_long_answer_outlives_the_time_for_headers() -> None:
    limits = ConnectionLimits(header_seconds=0.3)
    from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter

    with guarded_server(EchoAdapter(delay=0.2), serving=Serving(port=0, connections=limits)) as server:
        assert told(ask(server.url, stream=True).text) == ANSWER


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="length and chunks"),
        pytest.param(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400, id="chunks and length"),
        pytest.param(b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400, id="two lengths"),
        pytest.param(b"Content-Length: +4\r\n\r\nabcd", 400, id="a length with a sign"),
        pytest.param(b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, id="an unknown encoding"),
        pytest.param(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, id="twice"),
        pytest.param(b"X-A: b\rX-Injected: c\r\n\r\n", 400, id="a bare CR"),
        pytest.param(b"X-A: b\x00c\r\n\r\n", 400, id="a NUL"),
        pytest.param(b"X-Request-Id: \x1b[31mred\r\n\r\n", 400, id="an escape"),
        pytest.param(b"X-A : b\r\n\r\n", 400, id="a blank before the colon"),
        pytest.param(b"X-A: b\r\n folded\r\n\r\n", 400, id="a folded line"),
        pytest.param(HOST + b"\r\n", 400, id="two hosts"),
        pytest.param(b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400, id="two keys"),
        pytest.param(b"X-Long: " + b"a" * 100_000 + b"\r\n\r\n", 431, id="one long header"),
        pytest.param(b"X-Endless: " + b"a" * 300_000, 431, id="a header without an end"),
        pytest.param(b"X-Many: a\r\n" * 101 + b"\r\n", 431, id="many headers"),
    ],
)
def test_headers_that_are_refused(raw: bytes, status: int) -> None:
    answer = _sent(
        b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + raw + b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"connection: close" in head.lower()
    assert answer.count(b"HTTP/1.1") == 1, "what followed must not be taken for another request"
    assert b'"error"' in body
    assert b"\r\nserver:" not in head.lower()


@pytest.mark.parametrize("encoding", [b"gzip, chunked", b"gzip", b"identity"])
def test_a_body_comes_in_chunks_or_with_a_length_and_in_no_other_encoding(encoding: bytes) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: " + encoding + b"\r\n\r\n"
    answer = _sent(head + b"2\r\n{}\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") and b"The only Transfer-Encoding here is chunked." in answer


@pytest.mark.parametrize("control", [b"\x01", b"\x0b", b"\x1f", b"\x7f", b"\n"])
def test_a_header_with_a_control_character_is_refused(control: bytes) -> None:
    answer = _sent(b"GET /health HTTP/1.1\r\n" + HOST + b"X-A: b" + control + b"c\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") and b'"code":"bad_request"' in answer


def test_a_long_path_is_refused() -> None:
    assert _sent(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n").startswith(b"HTTP/1.1 431 ")


def test_a_request_without_a_host_is_refused() -> None:
    assert _sent(b"GET /health HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_what_is_no_http_is_refused() -> None:
    assert _sent(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").startswith(b"HTTP/1.1 400 ")


def test_what_follows_a_chunked_body_is_no_header_and_has_an_end() -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    assert _sent(head + b"X-Trailer: " + b"a" * 300_000).startswith(b"HTTP/1.1 4")
    with guarded_server(keys=_keys("geheim")) as server, server.connect() as own:
        own.sendall(head + b"Authorization: Bearer geheim\r\n\r\n")
        assert answer_on(own).startswith(b"HTTP/1.1 401 ")


def _keys(*keys: str) -> object:
    from unified_intelligence.serving.authentication import Keys

    return Keys(keys)


def test_connections_beyond_the_limit_are_told_so() -> None:
    limits = ConnectionLimits(connections=3)
    with guarded_server(serving=Serving(port=0, connections=limits)) as server:
        kept = [server.connect() for _ in range(3)]
        assert until(lambda: len(server.server.server_state.connections) == 3)
        with server.connect() as own:
            assert all_of(own).startswith(b"HTTP/1.1 503 ")
        for own in kept:
            own.close()
        assert until(lambda: not server.server.server_state.connections)
        assert httpx2.get(server.url + "/health").status_code == 200


def test_a_client_that_does_not_read_is_let_go_and_its_turn_is_free() -> None:
    limits = ConnectionLimits(read_seconds=1.0)
    with guarded_server(serving=Serving(port=0, connections=limits)) as server:
        own = socket.socket()
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own.connect(("127.0.0.1", server.port))
        with own:
            body = json.dumps(question("wörd " * 400_000, stream=True)).encode()
            own.sendall(b"POST %s HTTP/1.1\r\n%sContent-Type: application/json\r\n" % (CHAT.encode(), HOST))
            own.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
            assert until(lambda: server.service.admission.running == 1)
            assert until(lambda: server.service.admission.running == 0, 20)
            assert until(lambda: not server.server.server_state.connections)
        assert server.lines()[-1]["finish_reason"] == "abort"


def test_requests_sent_ahead_are_answered_in_their_order() -> None:
    body = json.dumps(question("eins zwei 🎉")).encode()
    with guarded_server() as server, server.connect() as own:
        post = b"POST %s HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        health, last = b"GET /health HTTP/1.1\r\n" + HOST, b"Connection: close\r\n\r\n"
        own.sendall(post % (CHAT.encode(), HOST, len(body)) + body + health + b"\r\n" + health + last)
        answer = all_of(own)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert answer.index(b"zwei") < answer.index(b'"ok"') < answer.rindex(b'"ok"')


def test_a_body_that_nobody_wants_does_not_become_the_next_request() -> None:
    hidden = b"GET /version HTTP/1.1\r\n" + HOST + b"\r\n"
    with guarded_server(keys=_keys("geheim")) as server, server.connect() as own:
        own.sendall(b"POST /v1/models HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % (len(hidden) + 1))
        assert answer_on(own).startswith(b"HTTP/1.1 401")
        own.sendall(hidden)
        assert all_of(own) == b""


def test_a_piece_does_not_wait_for_the_next_one() -> None:
    with guarded_server() as server, server.connect() as own:
        own.sendall(b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer_on(own).startswith(b"HTTP/1.1 200")
        (connection,) = server.server.server_state.connections
        accepted = connection.transport.get_extra_info("socket")  # type: ignore[union-attr]
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
