"""Where a reply ends, wherever its bytes are cut."""

from __future__ import annotations

import pytest

from unified_intelligence.benchmark.framing import Framing
from unified_intelligence.entities.errors import ProtocolError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunked(*chunks: bytes) -> bytes:
    return HEAD + b"".join(b"%x\r\n%s\r\n" % (len(own), own) for own in chunks) + b"0\r\n\r\n"


REPLIES = {
    "chunks": chunked(b"data: d\xc3\xa9j\xc3\xa0\n\n", b"data: [DONE]\n\n"),
    "a body that looks like the end": chunked(b"data: 0\r\n\r\n0\r\n\r\n", b"data: x\r\n\r\n"),
    "a length": b"HTTP/1.1 500 No\r\nContent-Length: 6\r\n\r\n{}\r\n\r\n",
    "no body": b"HTTP/1.1 204 Nothing\r\n\r\n",
}


@pytest.mark.parametrize("name", REPLIES)
def test_the_end_is_seen_at_the_last_byte_and_not_before(name: str) -> None:
    reply, framing, buffer = REPLIES[name], Framing(), bytearray()
    for at, byte in enumerate(reply, 1):
        buffer.append(byte)
        assert framing.ended(buffer) is (at == len(reply)), (name, at)


def test_the_body_is_what_the_chunks_hold() -> None:
    reply = REPLIES["a body that looks like the end"]
    framing = Framing()
    assert framing.ended(bytearray(reply))
    body = b"".join(reply[start:end] for start, end in framing.spans(reply))
    assert body == b"data: 0\r\n\r\n0\r\n\r\ndata: x\r\n\r\n"


def test_a_reply_without_a_length_ends_with_its_connection() -> None:
    framing = Framing()
    buffer = bytearray(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\ndata: 1\n\n")
    assert not framing.ended(buffer)
    assert framing.ended_by_close()
    assert not framing.keep


@pytest.mark.parametrize("bytes_", [b"SSH-2.0-OpenSSH\r\n\r\n", HEAD + b"zz\r\nabc\r\n\r\n"])
def test_what_is_no_http_is_refused(bytes_: bytes) -> None:
    with pytest.raises(ProtocolError):
        Framing().ended(bytearray(bytes_))
