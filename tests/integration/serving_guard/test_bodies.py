"""How much a client may send, and how slowly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.serving_guard.guarded_server import all_of, ask, guarded_server, until
from unified_intelligence.serving.body_limit import BodyLimits

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
MIB = 1024 * 1024
PROGRAM = Path(__file__).parent / "guarded_program.py"


def _error(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def test_a_length_beyond_the_limit_is_refused_before_anything_is_sent() -> None:
    with guarded_server() as server, server.connect() as own:
        own.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (8 * MIB + 1))
        assert _error(all_of(own)) == (413, "request_too_large")
        assert until(server.lines)
        assert server.lines()[0]["error"] == "request_too_large"


def test_a_chunked_body_is_refused_where_it_passes_the_limit() -> None:
    with guarded_server(body=BodyLimits(bytes=1000)) as server, server.connect() as own:
        own.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(11):
            own.sendall(b"64\r\n" + b" " * 100 + b"\r\n")
        assert _error(all_of(own)) == (413, "request_too_large")


def test_a_body_of_the_limit_is_read() -> None:
    with guarded_server(body=BodyLimits(bytes=400)) as server:
        frame = len(ask(server.url, "").request.read())
        assert ask(server.url, "a" * (400 - frame)).json()["choices"][0]["message"]["content"] == "a" * (400 - frame)
        assert ask(server.url, "a" * (401 - frame)).status_code == 413


def test_a_body_that_comes_too_slowly_is_refused() -> None:
    with guarded_server(body=BodyLimits(seconds=1)) as server, server.connect() as own:
        own.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        begun = time.monotonic()
        assert _error(all_of(own)) == (408, "request_timeout")
        assert 0.8 < time.monotonic() - begun < 10


def test_who_is_refused_and_goes_on_sending_is_let_go_after_a_while() -> None:
    with guarded_server() as server, server.connect() as own:
        own.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (200 * MIB))
        begun = time.monotonic()
        with pytest.raises(OSError, match=r"reset|pipe"):
            _drip(own)
        assert 4 < time.monotonic() - begun < 20


def _drip(own: socket.socket) -> None:
    for _ in range(600):
        own.sendall(b"  ")
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_200_mib_are_refused_without_being_kept(framing: str) -> None:
    with subprocess.Popen(
        [sys.executable, str(PROGRAM)], stdout=subprocess.PIPE, text=True, env=environment()
    ) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert ask(url).status_code == 200
        before = _peak(server.pid)
        own = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])))
        with own:
            own.settimeout(30)
            answer = _upload(own, framing)
        grown = _peak(server.pid) - before
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert _error(answer) == (413, "request_too_large")
    assert grown < 32 * MIB


def _upload(own: socket.socket, framing: str) -> bytes:
    length = b"Content-Length: %d\r\n\r\n" % (200 * MIB)
    own.sendall(HEAD + (length if framing == "length" else b"Transfer-Encoding: chunked\r\n\r\n"))
    piece = b" " * MIB if framing == "length" else b"100000\r\n" + b" " * MIB + b"\r\n"
    try:
        for _ in range(200):
            own.sendall(piece)
    except OSError:  # closed after the answer, which is read below
        pass
    return all_of(own)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def _peak(pid: int) -> int:
    """The most memory the process ever held, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
