"""A connection that stamps what it receives: by the kernel where it can, else when it was read.

Several segments that were read at once carry the stamp of the last one.
"""

from __future__ import annotations

import errno
import socket
import ssl
import struct
import sys
from typing import Any, NamedTuple

from unified_intelligence.benchmark.clock import now
from unified_intelligence.entities.errors import ConnectionFailedError, TlsError

_STAMPS = 35  # SO_TIMESTAMPNS of Linux, which the socket module does not name
KERNEL_STAMPS = sys.platform == "linux" and struct.calcsize("P") == 8
_STAMP = struct.Struct("qq")
_DEPARTURES = 37  # SO_TIMESTAMPING
_OF_SENDING = 1 << 1 | 1 << 4 | 1 << 11  # when a segment left, in software; without its bytes
_ROOM_OF_DEPARTURES = 256
_READ_AT_ONCE = 64 * 1024
_ROOM = socket.CMSG_SPACE(_STAMP.size) if KERNEL_STAMPS else 0


class Address(NamedTuple):
    """`place` is what connect takes; `name` is whom TLS must prove, and what the Host header says."""

    family: int
    place: Any
    name: str


class Taken(NamedTuple):
    """`stamp` of what was read, in ns; `kernel` says whose it is. No data is the end of the connection."""

    data: bytes
    stamp: int
    kernel: bool


class Connection:
    """Non-blocking. `buffer` is what came since `clear`, `marks` say how long it was at which time.

    `late` is by how many ns the latest reading came after the kernel's stamp.
    """

    def __init__(self, address: Address, tls: ssl.SSLContext | None) -> None:
        """Raises OSError where nobody listens."""
        self.socket = socket.socket(address.family, socket.SOCK_STREAM)
        self.socket.settimeout(0)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stamp_arrivals(self.socket)
        if KERNEL_STAMPS:
            self.socket.setsockopt(socket.SOL_SOCKET, _DEPARTURES, _OF_SENDING)
        self.fd = self.socket.fileno()
        self.buffer, self.marks = bytearray(), list[tuple[int, int]]()
        self.kernel, self.late = True, 0
        self._unsent = b""
        self._tls = _Tls(tls, address.name) if tls else None
        result = self.socket.connect_ex(address.place)
        if result not in {0, errno.EINPROGRESS, errno.EWOULDBLOCK}:
            self.socket.close()
            raise OSError(result, "cannot connect")

    @property
    def wants_to_write(self) -> bool:
        return bool(self._unsent)

    def open(self) -> bool:
        """Called when it can be written or read; whether requests can be sent now. Raises what prevents it."""
        failure = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failure:
            raise OSError(failure, "cannot connect")
        if not self._tls:
            return True
        self.departed()  # what the handshake sent is told too, and would be told again and again
        if not self._tls.incoming.pending:
            try:
                taken = take(self.socket)
            except BlockingIOError:
                taken = None
            if taken:
                if not taken.data:
                    raise ConnectionFailedError("The server closed the connection during the TLS handshake.")
                self._tls.incoming.write(taken.data)
        done = self._tls.shake()
        self._push(self._tls.outgoing.read())
        return done

    def send(self, data: bytes) -> None:
        """Sends, or keeps the rest for `flush`."""
        self._push(self._tls.sealed(data) if self._tls else data)

    def flush(self) -> None:
        self._push(b"")

    def departed(self) -> int:
        """When the kernel sent the latest of what was sent; 0 where it does not say, or has not yet."""
        latest = 0
        while KERNEL_STAMPS:
            try:
                _, beside, _, _ = self.socket.recvmsg(0, _ROOM_OF_DEPARTURES, socket.MSG_ERRQUEUE)
            except OSError:  # there is none; or the connection is broken, which reading will tell
                break
            for _, kind, value in beside:
                if kind == _DEPARTURES:
                    seconds, nanoseconds = _STAMP.unpack_from(value)
                    latest = seconds * 1_000_000_000 + nanoseconds
        return latest

    def receive(self) -> bool:
        """Reads once; False at the end of the connection."""
        try:
            data, stamp, kernel = take(self.socket)
        except BlockingIOError:
            return True
        if not data:
            return False
        if self._tls:
            data = self._tls.opened(data)
            if not data:
                return not self._tls.closed
        self.kernel = self.kernel and kernel
        buffer = self.buffer
        buffer += data
        self.marks.append((len(buffer), stamp))
        self.late = max(self.late, now() - stamp)
        return True

    def clear(self) -> tuple[bytes, list[tuple[int, int]]]:
        """What came, and room for what comes next."""
        came = bytes(self.buffer), self.marks
        self.buffer, self.marks, self.kernel, self.late = bytearray(), [], True, 0
        return came

    def close(self) -> None:
        self.socket.close()

    def _push(self, data: bytes) -> None:
        data = self._unsent + data if self._unsent else data
        if not data:
            return
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        self._unsent = data[sent:]


class _Tls:
    """TLS over bytes that were read and stamped elsewhere."""

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        self.closed = False

    def shake(self) -> bool:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise TlsError(f"No TLS with this server: {error.reason or error}.") from error
        return True

    def sealed(self, data: bytes) -> bytes:
        self._object.write(data)
        return self.outgoing.read()

    def opened(self, data: bytes) -> bytes:
        self.incoming.write(data)
        pieces: list[bytes] = []
        try:
            while piece := self._object.read(_READ_AT_ONCE):
                pieces.append(piece)
            self.closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        return b"".join(pieces)


def stamp_arrivals(receiver: socket.socket) -> None:
    if KERNEL_STAMPS:
        receiver.setsockopt(socket.SOL_SOCKET, _STAMPS, 1)


def take(receiver: socket.socket) -> Taken:
    """What is there, and when it came. Raises BlockingIOError when there is nothing."""
    if not KERNEL_STAMPS:
        data = receiver.recv(_READ_AT_ONCE)
        return Taken(data, now(), kernel=False)
    data, beside, _, _ = receiver.recvmsg(_READ_AT_ONCE, _ROOM)
    for _, kind, value in beside:
        if kind == _STAMPS:
            seconds, nanoseconds = _STAMP.unpack(value)
            return Taken(data, seconds * 1_000_000_000 + nanoseconds, kernel=True)
    return Taken(data, now(), kernel=False)  # the very first segments come before the kernel has begun to stamp


def resolve(host: str, port: int) -> list[Address]:
    """The addresses that a name leads to. Raises ConnectionFailedError for a name nobody knows."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectionFailedError(
            f"There is no host {host!r}.", hint="Check the address: --url http://HOST:PORT/v1"
        ) from error
    return [Address(family, place, host) for family, _, _, _, place in found]
