"""Where an HTTP/1.1 reply begins and ends in the bytes of a connection. While they come, only the end is looked for."""

from __future__ import annotations

from unified_intelligence.entities.errors import ProtocolError

_END = b"\r\n\r\n"


class Framing:
    """The frame of one reply. `status` is 0 until its head is there; `keep` says whether the connection stays."""

    __slots__ = ("_chunked", "_length", "_walked", "body", "head", "keep", "status")

    def __init__(self) -> None:
        self.status, self.body, self.head, self.keep = 0, 0, b"", True
        self._chunked, self._length, self._walked = False, -1, 0

    def ended(self, buffer: bytearray) -> bool:
        """Whether the reply is whole. Raises ProtocolError for what is no HTTP."""
        if not self.status and not self._begin(buffer):
            return False
        if self._chunked:
            return buffer.endswith(_END) and self._walk(buffer)
        return self._length >= 0 and len(buffer) - self.body >= self._length

    def ended_by_close(self) -> bool:
        """Whether the end of the connection is the proper end of this reply."""
        return bool(self.status) and not self._chunked and self._length < 0

    def spans(self, buffer: bytes) -> list[tuple[int, int]]:
        """The parts of the buffer that are the body, without the marks of chunks."""
        if not self._chunked:
            return [(self.body, len(buffer))]
        found: list[tuple[int, int]] = []
        at = self.body
        while (line := buffer.find(b"\r\n", at)) >= 0:
            size = _size(buffer, at, line)
            if not size:
                break
            found.append((line + 2, min(line + 2 + size, len(buffer))))
            at = line + 4 + size
        return found

    def _begin(self, buffer: bytearray) -> bool:
        end = buffer.find(_END)
        if end < 0:
            if len(buffer) > 5 and not buffer.startswith(b"HTTP/"):
                raise ProtocolError("What came back is no HTTP.")
            return False
        self.head = bytes(buffer[:end]).lower()
        try:
            self.status = int(self.head[9:12])
        except ValueError:
            raise ProtocolError("What came back is no HTTP.") from None
        self.body = self._walked = end + 4
        self._chunked = "chunked" in self.header("transfer-encoding")
        length = self.header("content-length")
        self._length = int(length) if length.isdigit() else 0 if self.status in {204, 304} else -1
        self.keep = self.header("connection") != "close" and not self.head.startswith(b"http/1.0")
        return True

    def header(self, name: str) -> str:
        """A header's value, in lower case; "" where there is none."""
        at = self.head.find(b"\r\n" + name.encode() + b":")
        if at < 0:
            return ""
        end = self.head.find(b"\r\n", at + 2)
        return self.head[at + 3 + len(name) : end if end >= 0 else None].strip().decode("latin-1")

    def _walk(self, buffer: bytearray) -> bool:
        at = self._walked
        while (line := buffer.find(b"\r\n", at)) >= 0:
            size = _size(buffer, at, line)
            if not size:
                return buffer.startswith(b"\r\n", line + 2) or buffer.find(_END, line + 2) >= 0
            following = line + 4 + size
            if following > len(buffer):
                break
            self._walked = at = following
        return False


def _size(buffer: bytes | bytearray, start: int, end: int) -> int:
    try:
        return int(bytes(buffer[start:end]).partition(b";")[0], 16)
    except ValueError:
        raise ProtocolError("The chunks of a reply cannot be told apart.") from None
