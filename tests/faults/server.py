"""A server that misbehaves on purpose, written on bare sockets: what a broken server sends is not what a library allows.

One `FaultServer` plays one scenario on a free port of the loopback address and keeps every request it received. What is
sent in answer is decided by the acts of `scenarios`.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

LARGEST_HEAD = 1 << 20
_PIECE = 1 << 20


@dataclass(frozen=True)
class Request:
    """`at` is in seconds of `time.monotonic`, when its last byte had come."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Exchange:
    """One request and the socket on which it is answered. `attempt` counts from 1, over all connections."""

    request: Request
    attempt: int
    server: FaultServer
    socket: socket.socket
    closed: bool = False
    sent: int = 0

    def raw(self, data: bytes) -> None:
        """Bytes as they are. Raises OSError when nobody reads any more."""
        self.socket.sendall(data)
        self.sent += len(data)

    def head(self, status: int | str, headers: Iterable[tuple[str, str]] = ()) -> None:
        lines = [f"HTTP/1.1 {status}{'' if isinstance(status, str) else ' Status'}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.raw("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def whole(self, status: int, body: str | bytes, content_type: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        """An answer with its true length; the connection stays open."""
        data = body.encode() if isinstance(body, str) else body
        self.head(status, [("Content-Type", content_type), ("Content-Length", str(len(data))), *headers])
        self.raw(data)

    def begin_stream(self, headers: Iterable[tuple[str, str]] = ()) -> None:
        self.head(200, [("Content-Type", "text/event-stream"), ("Transfer-Encoding", "chunked"), *headers])

    def piece(self, data: str | bytes) -> None:
        """A chunk of the chunked transfer coding."""
        data = data.encode() if isinstance(data, str) else data
        if data:
            self.raw(b"%x\r\n%s\r\n" % (len(data), data))

    def end_stream(self) -> None:
        self.raw(b"0\r\n\r\n")

    def flood(self, piece: bytes, size: int, *, chunked: bool = True) -> None:
        """`size` bytes of `piece` repeated, as long as somebody reads."""
        block = piece * max(1, _PIECE // len(piece))
        for _ in range(size // len(block)):
            if chunked:
                self.piece(block)
            else:
                self.raw(block)

    def wait(self, seconds: float) -> None:
        """Silence, shorter when the other side hangs up or the server is stopped."""
        deadline = time.monotonic() + seconds
        while not self.server.stopping.is_set() and (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([self.socket], [], [], min(left, 0.05))
            if readable and not self.socket.recv(1, socket.MSG_PEEK):
                raise ConnectionAbortedError("The client has gone.")

    def reset(self) -> None:
        """The connection ends with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.hang_up()

    def hang_up(self) -> None:
        self.closed = True
        self.socket.close()


Act = Callable[[Exchange], None]


@dataclass
class FaultServer:
    """Plays `acts`, one for each attempt; the last one answers all further ones. `pages` answer other paths.

    To a TLS greeting it says in plain text that it does not understand, or with `answers_tls` off nothing at all.
    """

    acts: Sequence[Act]
    pages: Mapping[str, Callable[[FaultServer, Exchange], None]] = field(
        default_factory=dict[str, "Callable[[FaultServer, Exchange], None]"]
    )
    requests: list[Request] = field(default_factory=list[Request])
    others: list[Request] = field(default_factory=list[Request])
    answers_tls: bool = True
    connections: int = 0
    sent: int = 0
    broken: list[BaseException] = field(default_factory=list[BaseException])
    stopping: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, name="fault-server", daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """What a client takes for its base URL."""
        return f"{self.origin}/v1"

    @property
    def gaps(self) -> list[float]:
        """Seconds from each request to the next."""
        times = [request.at for request in self.requests]
        return [after - before for before, after in zip(times, times[1:], strict=False)]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._converse, args=(connection,), name="fault-server", daemon=True)
            with self._lock:
                self.connections += 1
                self._open.add(connection)
                self._threads.append(thread)
            thread.start()

    def _converse(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = _Reader(connection)
        try:
            while (request := reader.request()) is not None:
                exchange = self._answer(request, connection)
                self.sent += exchange.sent
                if exchange.closed:
                    return
            if reader.greeted_in_tls:
                self._misunderstand(connection)
        except OSError:
            pass
        except Exception as error:  # noqa: BLE001 - a fault that the scenario did not mean is told by the test
            self.broken.append(error)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _misunderstand(self, connection: socket.socket) -> None:
        if self.answers_tls:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        while not self.stopping.is_set() and connection.recv(65536):
            pass

    def _answer(self, request: Request, connection: socket.socket) -> Exchange:
        page = next((page for start, page in self.pages.items() if request.path.startswith(start)), None)
        with self._lock:
            kept = self.requests if page is None else self.others
            kept.append(request)
            exchange = Exchange(request, len(kept), self, connection)
        try:
            if page is not None:
                page(self, exchange)
            else:
                self.acts[min(exchange.attempt, len(self.acts)) - 1](exchange)
        except OSError:
            self.sent += exchange.sent
            raise
        return exchange


class _Reader:
    """Requests from a socket, with their bodies. What is no HTTP, such as a TLS greeting, ends the connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    @property
    def greeted_in_tls(self) -> bool:
        return self._buffer[:1] == b"\x16"

    def request(self) -> Request | None:
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return None
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = self._chunked() if "chunked" in headers.get("transfer-encoding", "") else self._exactly(headers)
        return None if body is None else Request(words[0], words[1], headers, body, time.monotonic())

    def _exactly(self, headers: Mapping[str, str]) -> bytes | None:
        size = int(headers.get("content-length") or 0)
        while len(self._buffer) < size:
            if not self._more():
                return None
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        return body

    def _chunked(self) -> bytes | None:
        body = b""
        while (line := self._until(b"\r\n")) is not None:
            size = int(line.split(b";")[0], 16)
            data = self._exactly({"content-length": str(size + 2)})
            if data is None:
                return None
            if size == 0:
                return body
            body += data[:-2]
        return None

    def _until(self, end: bytes) -> bytes | None:
        while end not in self._buffer:
            if len(self._buffer) > LARGEST_HEAD or self.greeted_in_tls or not self._more():
                return None
        found, _, self._buffer = self._buffer.partition(end)
        return found

    def _more(self) -> bool:
        data = self._connection.recv(65536)
        self._buffer += data
        return bool(data)


def closed_port() -> int:
    """A port of the loopback address on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
