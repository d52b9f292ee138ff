"""One worker's loop over raw sockets: it sends on time, keeps what comes with its stamps, and reads it when idle."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable

from unified_intelligence.benchmark.clock import ERROR, READ, WRITE, new_readiness, now
from unified_intelligence.benchmark.connection import KERNEL_STAMPS, Address, Connection
from unified_intelligence.benchmark.framing import Framing
from unified_intelligence.benchmark.gradio_queue import broke, event_of, events_request
from unified_intelligence.benchmark.plan import Share
from unified_intelligence.benchmark.reply import Raw, read_reply
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.space_reply import NOTHING_LEFT, read_space_reply
from unified_intelligence.entities.errors import ProtocolError, UnifiedIntelligenceError

_QUIET = 5_000_000  # ns without anything due: time to read replies
_LOOK = 200_000_000  # ns between looks at what takes too long
_MOST_KEPT = 20_000  # replies kept unread; more would fill the memory
_AFTER_FAILURE = 100_000_000  # ns that a slot waits after no reply at all: a dead server is not asked without end


class _Call:
    """A request under way on a connection. `event` is what a Gradio app calls its answer, once it has said so."""

    __slots__ = ("again", "began", "connection", "event", "framing", "open", "row")

    def __init__(self, row: Row, connection: Connection, event: str = "") -> None:
        self.row, self.connection, self.framing, self.event = row, connection, Framing(), event
        self.open, self.again, self.began = False, False, 0


class Client:
    """Runs a share. `on_row` gets each row as it is read; `stop` ends it early."""

    def __init__(self, share: Share, on_row: Callable[[Row], None]) -> None:
        self._share, self._on_row = share, on_row
        self._address = Address(share.family, tuple(share.place), share.target.host)
        self._tls = ssl.create_default_context() if share.target.tls else None
        self._ready = new_readiness()
        self._calls: dict[int, _Call] = {}
        self._idle: dict[int, Connection] = {}
        self._due: deque[tuple[int, int]] = deque()  # when, and the request's number
        self._raw: deque[Raw] = deque()
        self._heads = [_request(share, body) for body in share.bodies]
        self._queued = bool(share.target.events)  # an answer is two requests
        self._read = read_space_reply if self._queued else read_reply
        self._stopped, self._counted, self._begin, self._issued = False, 0, 0, 0
        self.sent = self.done = self.failed = self.connections = 0
        self.in_flight_ns = 0.0

    @property
    def in_flight(self) -> int:
        return len(self._calls)

    def warm(self) -> None:
        """Opens the connections that a closed load will use."""
        opening = [self._connect() for _ in range(self._share.slots)]
        until = now() + 5_000_000_000
        waiting = {connection.fd: connection for connection in opening}
        while waiting and now() < until:
            for fd, _ in self._ready.wait(min(until, now() + _LOOK)):
                connection = waiting.get(fd)
                if connection is not None and connection.open():
                    self._ready.change(fd, READ)
                    self._idle[fd] = waiting.pop(fd)
        for fd, connection in waiting.items():
            self._ready.drop(fd)
            connection.close()

    def run(self, start: int, look: Callable[[], bool]) -> None:
        """Sends the share, from `start` (ns) to the last reply. `look` is called now and then; True ends it early."""
        share = self._share
        first, step, _ = share.numbers
        self._begin = self._counted = start
        if share.slots:
            self._due.extend((start, self._number()) for _ in range(share.slots) if self._more(start))
        else:
            self._due.extend((start + at, first + step * i) for i, at in enumerate(share.times))
        next_look = start
        while self._due or self._calls:
            self._send_due()
            until = min(next_look, self._due[0][0]) if self._due else next_look
            ready = self._ready.wait(until)
            for fd, bits in ready:
                self._serve(fd, bits)
            moment = now()
            if moment >= next_look:
                next_look = moment + _LOOK
                self._end_late(moment)
                if look():
                    self._stop()
            elif not ready:
                self._read_some(until)
            elif KERNEL_STAMPS and self._raw and until - moment > _QUIET:
                self._read_one()  # without them, it would make the next arrival's stamp late
        while self._raw:
            self._read_one()

    def enough(self) -> None:
        """Sends nothing more; what is under way comes to its end."""
        self._stopped = True
        self._due.clear()

    def close(self) -> None:
        for connection in [*self._idle.values(), *(call.connection for call in self._calls.values())]:
            connection.close()
        self._ready.close()

    def _more(self, moment: int) -> bool:
        limit, duration = self._share.numbers[2], self._share.duration_ns
        if self._stopped or (limit and self._issued >= limit):
            return False
        return not duration or moment < self._begin + duration

    def _number(self) -> int:
        first, step, _ = self._share.numbers
        self._issued += 1
        return first + step * (self._issued - 1)

    def _send_due(self) -> None:
        while self._due:
            due, number = self._due[0]
            moment = now()
            if due > moment:
                return
            self._due.popleft()
            row = Row(number=number, prompt=number % len(self._heads), worker=self._share.worker)
            row.warmup = number < self._share.warmup or due < self._begin + self._share.warmup_ns
            row.intended, row.dispatched = due, moment
            self._count(moment)
            self._launch(row)

    def _launch(self, row: Row) -> None:
        if self._idle:
            fd, connection = self._idle.popitem()
            call = self._calls[fd] = _Call(row, connection)
            call.again = True
            self._send(call)
            return
        self._open(row)

    def _open(self, row: Row, event: str = "") -> None:
        try:
            connection = self._connect()
        except OSError as error:
            self._fail(Raw(row, Framing(), b"", [], ("connection", _reason(error))))
            return
        call = self._calls[connection.fd] = _Call(row, connection, event)
        call.began = now()

    def _connect(self) -> Connection:
        connection = Connection(self._address, self._tls)
        self.connections += 1
        self._ready.add(connection.fd, READ | WRITE)
        return connection

    def _send(self, call: _Call) -> None:
        call.open = True
        if call.event:
            self._write(call, events_request(self._share.target, call.event))
            return
        head, rest = self._heads[call.row.prompt]
        data = b"%s%s-%d\r\n%s" % (head, self._share.run.encode(), call.row.number, rest)
        call.row.sent = now()
        self.sent += 1
        if self._write(call, data):
            call.row.sent = call.connection.departed() or call.row.sent

    def _write(self, call: _Call, data: bytes) -> bool:
        try:
            call.connection.send(data)
        except OSError as error:
            self._broken(call, error)
            return False
        if call.connection.wants_to_write:
            self._ready.change(call.connection.fd, READ | WRITE)
        return True

    def _serve(self, fd: int, bits: int) -> None:
        call = self._calls.get(fd)
        if call is None:
            self._look_at_idle(fd)
            return
        try:
            if not call.open:
                self._opened(call)
                return
            if bits & WRITE:
                call.connection.flush()
                if not call.connection.wants_to_write:
                    self._ready.change(fd, READ)
            if bits & ERROR and (departed := call.connection.departed()):
                call.row.sent = call.row.sent if call.event else departed
                bits &= ~ERROR
            if bits & ~WRITE:
                self._receive(call)
        except (OSError, UnifiedIntelligenceError) as error:
            self._broken(call, error)

    def _opened(self, call: _Call) -> None:
        if call.connection.open():
            call.row.connect_ms = (call.row.connect_ms or 0.0) + (now() - call.began) / 1e6
            self._ready.change(call.connection.fd, READ)
            self._send(call)

    def _receive(self, call: _Call) -> None:
        connection = call.connection
        alive = connection.receive()
        ended = call.framing.ended(connection.buffer)
        if ended or (not alive and call.framing.ended_by_close()):
            keep = ended and alive and call.framing.keep
            if self._queued and not call.event and call.framing.status == 200:
                self._follow(call, keep=keep)
            else:
                self._finish(call, ("", ""), keep=keep)
        elif not alive:
            if not connection.buffer and call.again:
                self._broken(call, OSError("closed"))
            else:
                self._finish(call, ("cut", "The connection ended before the reply did."), keep=False)

    def _follow(self, call: _Call, *, keep: bool) -> None:
        """A place in the queue was given: what comes of it is read on the same connection, where that stays open.

        Raises ProtocolError where no event is named.
        """
        connection, row = call.connection, call.row
        event = event_of(bytes(connection.buffer[call.framing.body :]))
        row.joined = connection.clear()[1][-1][1]
        if keep:
            call.framing, call.event, call.again = Framing(), event, False
            self._send(call)
            return
        del self._calls[connection.fd]
        self._ready.drop(connection.fd)
        connection.close()
        self._open(row, event)

    def _finish(self, call: _Call, failure: tuple[str, str], *, keep: bool) -> None:
        connection = call.connection
        row = call.row
        self._count(now())
        del self._calls[connection.fd]
        row.kernel, row.read_late_ms = connection.kernel, connection.late / 1e6
        buffer, marks = connection.clear()
        row.ended = marks[-1][1] if marks else now()
        if keep:
            self._idle[connection.fd] = connection
        else:
            self._ready.drop(connection.fd)
            connection.close()
        raw = Raw(row, call.framing, buffer, marks, failure)
        if failure[0] or call.framing.status != 200 or (self._queued and broke(buffer)):
            self._fail(raw)
            return
        self.done += 1
        self._raw.append(raw)
        self._next(row.ended)

    def _fail(self, raw: Raw) -> None:
        self.failed += 1
        raw.row.ended = raw.row.ended or now()
        self._raw.append(raw)
        self._next(now() + (0 if raw.framing.status and not self._queued else _AFTER_FAILURE))

    def _next(self, due: int) -> None:
        """A closed load goes on where a reply ended."""
        if self._share.slots and self._more(due):
            self._due.append((due, self._number()))
        if len(self._raw) > _MOST_KEPT:
            self._read_one()

    def _broken(self, call: _Call, error: Exception) -> None:
        """A connection that was kept open may have been closed meanwhile: that one is tried again, once."""
        if call.connection.fd not in self._calls:
            return
        if call.again and not call.connection.buffer:
            del self._calls[call.connection.fd]
            self._ready.drop(call.connection.fd)
            call.connection.close()
            for fd in list(self._idle):
                self._forget(fd)
            self._launch(call.row)
            return
        kind = "cut" if call.framing.status or call.event else "connection"
        if isinstance(error, ProtocolError):
            kind = "unreadable"
        self._finish(call, (kind, _reason(error)), keep=False)

    def _look_at_idle(self, fd: int) -> None:
        """What comes where nothing was asked is the end of the connection, or TLS speaking of itself."""
        connection = self._idle.get(fd)
        try:
            if connection is None:
                return
            connection.departed()
            if connection.receive() and not connection.buffer:
                return
        except OSError:
            pass
        self._forget(fd)

    def _forget(self, fd: int) -> None:
        connection = self._idle.pop(fd, None)
        if connection is not None:
            self._ready.drop(fd)
            connection.close()

    def _end_late(self, moment: int) -> None:
        limit = self._share.timeout_ns
        for call in [call for call in self._calls.values() if moment - call.row.dispatched > limit]:
            self._finish(call, ("timeout", f"No end after {limit / 1e9:g} s."), keep=False)

    def _stop(self) -> None:
        self.enough()
        for call in list(self._calls.values()):
            self._finish(call, ("stopped", "The run was stopped."), keep=False)

    def _count(self, moment: int) -> None:
        self.in_flight_ns += len(self._calls) * (moment - self._counted)
        self._counted = moment

    def _read_some(self, until: int) -> None:
        """Reads replies as long as nothing is due and nothing comes."""
        while self._raw and until - now() > _QUIET:
            self._read_one()
            if self._ready.wait(0):
                return

    def _read_one(self) -> None:
        row = self._read(self._raw.popleft())
        if row.error in NOTHING_LEFT:
            self.enough()
        self._on_row(row)


def _request(share: Share, body: str) -> tuple[bytes, bytes]:
    """A request up to its own id, and after it."""
    target, data = share.target, body.encode()
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        "Content-Type: application/json",
        "Accept: text/event-stream",
        f"Content-Length: {len(data)}",
        *(f"{name}: {value}" for name, value in target.headers.items()),
        "X-Request-Id: ",
    ]
    return "\r\n".join(lines).encode("latin-1"), b"\r\n" + data


def _reason(error: Exception) -> str:
    if isinstance(error, UnifiedIntelligenceError):
        return error.message
    if isinstance(error, OSError) and error.errno:
        import os

        return os.strerror(error.errno)
    return str(error)
