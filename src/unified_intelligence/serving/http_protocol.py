"""HTTP/1.1 on one connection, with an end to everything a client could draw out.

uvicorn's parser and request cycle do the work. What is added: headers have a size, a number and a time; a message that
two readers could cut differently is refused; a client that does not read is let go; and a connection that is closed on
a client still sending is closed so that the client can read why.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from httptools import HttpParserError
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from unified_intelligence.serving.errors import INVALID, SERVER, Failure

_ONLY_ONCE = (b"host", b"content-length", b"transfer-encoding", b"authorization")
_MOST_TOGETHER = 32 * 1024  # bytes held back until the loop's next turn


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Seconds, bytes and counts.

    `header_seconds` runs from a connection's or a request's first byte to the end of its headers; `read_seconds` is how
    long a client may leave unread what waits for it; `linger_seconds` how long a refused client may go on sending.
    """

    connections: int = 768
    header_seconds: float = 10.0
    header_bytes: int = 64 * 1024
    header_lines: int = 100
    read_seconds: float = 60.0
    linger_seconds: float = 5.0


class _WayOut:
    """What a request cycle writes to and closes; how is the protocol's to decide."""

    def __init__(self, protocol: GuardedHttpProtocol) -> None:
        self.write = protocol.write_soon
        self.is_closing = protocol.transport.is_closing
        self.close = protocol.close_gently


class GuardedHttpProtocol(HttpToolsProtocol):
    limits = ConnectionLimits()

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._header_timer: asyncio.TimerHandle | None = None
        self._reading_timer: asyncio.TimerHandle | None = None
        self._linger_timer: asyncio.TimerHandle | None = None
        self._refusal = (400, "bad_request", "The request is not valid HTTP.")
        self._in_headers = self._in_message = False
        self._size = self._lines = 0  # of this message's header lines
        self._unclaimed = 0  # bytes fed since a part of a body came out
        self._body_came = False
        self._outgoing: list[bytes] = []
        self._outgoing_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refusal = (503, "server_busy", "The server has too many connections.")
            self.send_400_response("")
            return
        self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._header_timer, self._reading_timer, self._linger_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._linger_timer is not None:
            return
        self._body_came = False
        super().data_received(data)
        if self._linger_timer is not None:
            return
        self._unclaimed = 0 if self._body_came or not self._in_message else self._unclaimed + len(data)
        if self._unclaimed > self.limits.header_bytes:
            self._refuse_headers("The headers are longer than {} bytes.", self.limits.header_bytes)
            self.send_400_response("")
        elif self._header_timer is None and not self._in_message and self._answered():
            self._expect_headers()

    def on_message_begin(self) -> None:
        self._in_headers = self._in_message = True
        self._size = self._lines = self._unclaimed = 0
        if self._header_timer is None:
            self._expect_headers()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        self._size += len(name) + len(value) + 4
        if self._lines > self.limits.header_lines:
            raise self._refuse_headers("There are more than {} headers.", self.limits.header_lines)
        if self._size + len(self.url) > self.limits.header_bytes:
            raise self._refuse_headers("The headers are longer than {} bytes.", self.limits.header_bytes)
        if self._in_headers:  # what follows a chunked body must not pass for a header of the request
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_headers = False
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
        self._refuse_ambiguous()
        super().on_headers_complete()
        self.cycle.transport = cast("asyncio.Transport", _WayOut(self))

    def on_body(self, body: bytes) -> None:
        self._body_came = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._send_outgoing()
        super().on_response_complete()
        if self._in_message and not self._in_headers and self._answered():
            self.close_gently()  # what is left of its body would be taken in without an end

    def write_soon(self, data: bytes) -> None:
        """What is written in one turn of the loop goes out in one piece: to hand it to the system costs most."""
        if not self._outgoing:
            self.loop.call_soon(self._send_outgoing)
        self._outgoing.append(data)
        self._outgoing_size += len(data)
        if self._outgoing_size > _MOST_TOGETHER:
            self._send_outgoing()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's one sentence says less
        """Says why in OpenAI's shape, reads no further, and closes."""
        if not self._answered():
            if self.cycle.response_started or self.pipeline:
                self._close()
                return
            self.cycle.disconnected = True  # what was begun on half a message has nobody to answer
            self.cycle.message_event.set()
        status, code, message = self._refusal
        if not self.transport.is_closing():
            body = Failure(status, message, INVALID if status < 500 else SERVER, None, code).body()
            self._send_outgoing()
            head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
            self.transport.write(STATUS_LINE[status] + head + body)
        self._in_message = True
        self.close_gently()

    def close_gently(self) -> None:
        """While more is being sent to us, closes our direction only.

        A socket that is closed on unread bytes is reset, and takes with it the answer that says why.
        """
        if not self._in_message or self.transport.is_closing():
            self._close()
        elif self._linger_timer is None:
            self._send_outgoing()
            self._linger_timer = self.loop.call_later(self.limits.linger_seconds, self._close)
            self._unset_keepalive_if_required()
            self.flow.resume_reading()
            if self.transport.can_write_eof():
                self.transport.write_eof()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reading_timer is not None and not self.transport.is_closing():
            self._reading_timer.cancel()
            self._reading_timer = None

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def _answered(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is None or cycle.response_complete

    def _expect_headers(self) -> None:
        self._header_timer = self.loop.call_later(self.limits.header_seconds, self._headers_late)

    def _headers_late(self) -> None:
        self._header_timer = None
        if self._answered():
            self._close()
        else:  # an answer to the request before is still on its way
            self._expect_headers()

    def _expect_reading(self) -> None:
        if self._reading_timer is None and self.transport.get_write_buffer_size():
            self._reading_timer = self.loop.call_later(self.limits.read_seconds, self.transport.abort)

    def _send_outgoing(self) -> None:
        outgoing, self._outgoing, self._outgoing_size = self._outgoing, [], 0
        if outgoing and self._linger_timer is None:  # else our direction is closed
            self.transport.write(b"".join(outgoing))

    def _close(self) -> None:
        self._send_outgoing()
        self.transport.close()
        self._expect_reading()

    def _refuse_headers(self, message: str, limit: int) -> HttpParserError:
        self._refusal = (431, "headers_too_large", message.format(limit))
        return HttpParserError(self._refusal[2])

    def _refuse_ambiguous(self) -> None:
        names = [name for name, _ in self.headers]
        twice = [name for name in _ONLY_ONCE if names.count(name) > 1]
        if twice:
            self._refusal = (400, "bad_request", f"The header {twice[0].decode()} occurs more than once.")
        elif b"content-length" in names and b"transfer-encoding" in names:
            self._refusal = (400, "bad_request", "A message has a Content-Length or a Transfer-Encoding, not both.")
        elif b"host" not in names and cast("Any", self.parser).get_http_version() != "1.0":
            self._refusal = (400, "bad_request", "The header Host is missing.")
        elif any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            self._refusal = (400, "bad_request", "The only Transfer-Encoding here is chunked.")
        else:
            return
        raise HttpParserError(self._refusal[2])


def protocol_with(limits: ConnectionLimits) -> type[GuardedHttpProtocol]:
    """The class uvicorn is to make one of for each connection."""

    class Protocol(GuardedHttpProtocol):
        pass

    Protocol.limits = limits
    return Protocol
