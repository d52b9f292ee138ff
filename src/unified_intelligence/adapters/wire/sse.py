"""Server-sent events: bytes in, events out, however the bytes were cut. Nothing is sent or awaited here.

Lines end at CR, LF or CRLF and at nothing else: the text of an event may hold U+2028 and its like, at which
`str.splitlines` would cut it. Only UTF-8 is ever sent, and no byte of a longer character equals one of these ends.
"""

from __future__ import annotations

from unified_intelligence.entities.errors import ProtocolError

LONGEST = 8 * 1024 * 1024  # bytes of a line, and of all data lines of one event
_BOM = b"\xef\xbb\xbf"

ServerSentEvent = tuple[str, bytes]
"""The event's name, empty where none was given, and its data."""


class EventStream:
    """Reads one stream. A comment, such as a ping that keeps a connection open, is no event: `feed` returns nothing."""

    def __init__(self) -> None:
        self._line: list[bytes] = []  # pieces of a line that has not ended
        self._line_size = 0
        self._data: list[bytes] = []
        self._data_size = 0
        self._name = ""
        self._after_return = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that are whole now. Raises ProtocolError for a line longer than 8 MiB."""
        chunk = self._plain_ends(chunk)
        head, newline, rest = chunk.partition(b"\n")
        self._line.append(head)
        self._line_size += len(head)
        if self._line_size > LONGEST:
            raise _too_long()
        if not newline:
            return []
        first = b"".join(self._line) if len(self._line) > 1 else head
        if not self._begun:
            self._begun = True
            first = first.removeprefix(_BOM)
        lines = rest.split(b"\n")
        last = lines.pop()
        self._line, self._line_size = [last], len(last)
        events: list[ServerSentEvent] = []
        self._take(first, events)
        for line in lines:
            if not line and len(self._data) == 1 and not self._name:
                events.append(("", self._data.pop()))
                self._data_size = 0
            else:
                self._take(line, events)
        if len(last) > LONGEST:
            raise _too_long()
        return events

    def end(self) -> list[ServerSentEvent]:
        """What is left when the connection has closed: an event whose blank line was never sent."""
        return [*self.feed(b"\n"), *self.feed(b"\n")]

    def _plain_ends(self, chunk: bytes) -> bytes:
        """The chunk with LF for every end of a line; the LF of a CRLF cut in two is dropped."""
        if self._after_return and chunk:
            self._after_return = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_return = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _take(self, line: bytes, events: list[ServerSentEvent]) -> None:
        if not line:
            if self._data:
                events.append((self._name, b"\n".join(self._data)))
                self._data = []
                self._data_size = 0
            self._name = ""
        elif line.startswith(b"data:"):
            self._put(line[6:] if line.startswith(b"data: ") else line[5:])
        elif line == b"data":
            self._put(b"")
        elif line.startswith(b"event:"):
            self._name = line[6:].removeprefix(b" ").decode("utf-8", "replace")

    def _put(self, data: bytes) -> None:
        self._data.append(data)
        self._data_size += len(data) + 1
        if self._data_size > LONGEST:
            raise _too_long()


def _too_long() -> ProtocolError:
    return ProtocolError(f"The server sent a line or an event longer than {LONGEST // 1024 // 1024} MiB.")
