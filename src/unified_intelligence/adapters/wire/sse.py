"""Server-sent events: bytes in, events out, however the bytes were cut. Nothing is sent or awaited here.

Lines end at CR, LF or CRLF and at nothing else: the text of an event may hold U+2028 and its like, at which
`str.splitlines` would cut it. Only UTF-8 is ever sent, and no byte of a longer character equals one of these ends.
"""

from __future__ import annotations

from unified_intelligence.adapters.wire.failures import LOOK_THERE
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
        self._data: list[bytes] = []  # lines of an event that has not ended
        self._data_size = 0
        self._name = ""
        self._after_return = False
        self._begun = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """The events that are whole now. Raises ProtocolError for a line or an event longer than 8 MiB."""
        chunk = self._plain_ends(chunk)
        events: list[ServerSentEvent] = []
        position = 0
        while not self._begun or self._line or self._data or self._name:
            end = chunk.find(b"\n", position)
            if end < 0:
                self._hold(chunk[position:])
                return events
            self._hold(chunk[position:end])
            self._take(self._whole_line(), events)
            position = end + 1
        end = chunk.rfind(b"\n\n", position)
        if end >= 0:
            self._take_blocks(chunk[position:end], events)
            position = end + 2
        if position < len(chunk):
            *lines, rest = chunk[position:].split(b"\n")
            for line in lines:
                self._take(line, events)
            self._hold(rest)
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

    def _hold(self, piece: bytes) -> None:
        """Keeps a piece of a line."""
        if piece:
            self._line.append(piece)
            self._line_size += len(piece)
            if self._line_size > LONGEST:
                raise _too_long()

    def _whole_line(self) -> bytes:
        line = b"".join(self._line)
        self._line, self._line_size = [], 0
        if not self._begun:
            self._begun = True
            return line.removeprefix(_BOM)
        return line

    def _take_blocks(self, blocks: bytes, events: list[ServerSentEvent]) -> None:
        """Takes whole events, and what stands between them."""
        if blocks.startswith(b"data: ") and len(blocks) <= LONGEST:
            data = blocks[6:].split(b"\n\ndata: ")
            if blocks.count(b"\n") == 2 * len(data) - 2:  # one line an event, as nearly every server sends them
                events += [("", each) for each in data]
                return
        for block in blocks.split(b"\n\n"):
            for line in block.split(b"\n"):
                self._take(line, events)
            self._take(b"", events)

    def _take(self, line: bytes, events: list[ServerSentEvent]) -> None:
        if not line:
            if self._data:
                events.append((self._name, b"\n".join(self._data)))
                self._data = []
                self._data_size = 0
            self._name = ""
        elif line.startswith(b"data:"):
            self._put(line[6:] if line.startswith(b"data: ") else line[5:], len(line))
        elif line == b"data":
            self._put(b"", len(line))
        elif line.startswith(b"event:"):
            self._name = line[6:].removeprefix(b" ").decode("utf-8", "replace")

    def _put(self, data: bytes, size: int) -> None:
        self._data.append(data)
        self._data_size += size
        if self._data_size > LONGEST:
            raise _too_long()


def _too_long() -> ProtocolError:
    said = f"The server sent a line or an event longer than {LONGEST // 1024 // 1024} MiB."
    return ProtocolError(said, hint=LOOK_THERE)
