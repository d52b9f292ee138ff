"""A server whose schedule is known, to measure a client with: its own process, raw sockets, and the truth afterwards.

Its clock for a request starts when the kernel received the request's last byte, so that what waits in a socket's queue
is part of the answer's time. It tells when it really wrote: GET /truth. What it does is in the name of the model:

    known                       first token after 200 ms, then one each 20 ms, 50 tokens
    known:first=5,tokens=1      other times
    known:role,reasoning=20,tools,group=4,join=3,split,crlf,ping,nousage,ascii,fail=25,cut=25

role: an event with only the role at once; reasoning=N: the first N are reasoning; tools: all is calls; group=N: so many
tokens an event; join=N: so many events a segment; split: each event in two segments; ascii: JSON with escapes, for
clients that take U+2028 for the end of a line; fail, cut: so many of a hundred.
"""

from __future__ import annotations

import heapq
import json
import os
import socket
import sys
import zlib
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from unified_intelligence.benchmark.clock import READ, allow_many_files, new_readiness, now, sharpen
from unified_intelligence.benchmark.connection import stamp_arrivals, take

WORDS = ("Zinsen ", "à 5 %, ", "déjà ", "payés\n", "— 🙂 ", "日本 ", "a\u2028b ", "fin. ")
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_SPLIT_AFTER = 2_000_000  # ns between the two segments of an event


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a model's name asks for; times in ms."""

    first: float = 200.0
    gap: float = 20.0
    tokens: int = 50
    reasoning: int = 0
    group: int = 1
    join: int = 1
    fail: int = 0
    cut: int = 0
    role: bool = False
    tools: bool = False
    split: bool = False
    crlf: bool = False
    ping: bool = False
    nousage: bool = False
    ascii: bool = False

    @classmethod
    def named(cls, model: str) -> Schedule:
        """Raises ValueError for what it does not know."""
        values: dict[str, Any] = {}
        for part in filter(None, model.partition(":")[2].split(",")):
            name, given, value = part.partition("=")
            if name not in cls.__slots__:
                raise ValueError(f"no schedule has {name!r}")
            values[name] = (float(value) if name in {"first", "gap"} else int(value)) if given else True
        return cls(**values)


@dataclass(slots=True)
class _Write:
    """Bytes for a time. `token` says that it counts as a token's time in the truth; `close` cuts the connection."""

    data: bytes
    token: bool = False
    close: bool = False


@dataclass(slots=True)
class _Peer:
    socket: socket.socket
    came: bytearray = field(default_factory=bytearray)
    truth: dict[str, Any] = field(default_factory=dict[str, Any])
    gone: bool = False


class KnownServer:
    """Serves until its stdin ends; at a port that was chosen for it, until it is ended."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port), backlog=4096)
        self._listener.settimeout(0)
        self._ready = new_readiness()
        self._ready.add(self._listener.fileno(), READ)
        if not port:
            self._ready.add(0, READ)
        self._peers: dict[int, _Peer] = {}
        self._due: list[tuple[int, int, _Peer, _Write]] = []
        self._order = 0
        self._truth: list[dict[str, Any]] = []

    @property
    def port(self) -> int:
        return self._listener.getsockname()[1]

    def run(self) -> None:
        while True:
            until = self._due[0][0] if self._due else now() + 200_000_000
            for fd, _ in self._ready.wait(until):
                if fd == 0:
                    return
                if fd == self._listener.fileno():
                    self._accept()
                else:
                    self._read(fd)
            self._write_due()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except BlockingIOError:
                return
            peer.settimeout(0)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stamp_arrivals(peer)
            self._peers[peer.fileno()] = _Peer(peer)
            self._ready.add(peer.fileno(), READ)

    def _read(self, fd: int) -> None:
        peer = self._peers.get(fd)
        if peer is None:
            return
        try:
            taken = take(peer.socket)
        except BlockingIOError:
            return
        except OSError:
            self._drop(fd)
            return
        if not taken.data:
            self._drop(fd)
            return
        peer.came += taken.data
        end = peer.came.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(peer.came[:end]).lower()
        length = int(_header(head, b"content-length") or 0)
        if len(peer.came) < end + 4 + length:
            return
        body = bytes(peer.came[end + 4 : end + 4 + length])
        del peer.came[: end + 4 + length]
        self._answer(fd, peer, head, body, taken.stamp)

    def _answer(self, fd: int, peer: _Peer, head: bytes, body: bytes, arrived: int) -> None:
        if head.startswith(b"get /truth"):
            self._plain(fd, 200, self._truth)
            self._truth = []
        elif head.startswith(b"get "):
            self._plain(fd, 200, {"object": "list", "data": [{"id": "known", "object": "model"}]})
        elif b"/tokenize http" in head:
            self._plain(fd, 404, {"error": {"message": "no tokenizer"}})
        else:
            asked = json.loads(body)
            own = _header(head, b"x-request-id").decode()
            try:
                schedule = Schedule.named(str(asked.get("model", "")))
            except ValueError as error:
                self._plain(fd, 400, {"error": {"message": str(error)}})
                return
            luck = zlib.crc32(own.encode()) % 100
            if luck < schedule.fail:
                self._plain(fd, 500, {"error": {"message": "The known failure: défaut 🙂"}})
                return
            peer.truth = {"id": own, "arrived": arrived, "due": [], "sent": [], "took": []}
            self._truth.append(peer.truth)
            limit = asked.get("max_tokens") or schedule.tokens
            self._plan(peer, schedule, min(schedule.tokens, limit), arrived, cut=luck < schedule.cut)

    def _plan(self, peer: _Peer, schedule: Schedule, tokens: int, arrived: int, *, cut: bool) -> None:
        if cut:
            half = round((schedule.first + schedule.gap * (tokens // 2)) * 1e6)
            self._put(arrived + half, peer, _Write(b"", close=True))
        for after, write in _writes(schedule, tokens):
            self._put(arrived + after, peer, write)

    def _put(self, due: int, peer: _Peer, write: _Write) -> None:
        self._order += 1
        heapq.heappush(self._due, (due, self._order, peer, write))

    def _write_due(self) -> None:
        while self._due and self._due[0][0] <= now():
            due, _, peer, write = heapq.heappop(self._due)
            if peer.gone:
                continue
            if write.close:
                self._drop(peer.socket.fileno())
                continue
            if write.token:
                peer.truth["due"].append(due)
                peer.truth["sent"].append(now())
            try:
                peer.socket.send(write.data)
            except OSError:
                self._drop(peer.socket.fileno())
            if write.token:
                peer.truth["took"].append(now() - peer.truth["sent"][-1])

    def _plain(self, fd: int, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} Known\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        peer = self._peers[fd].socket
        peer.settimeout(30)
        peer.sendall(head.encode() + data)
        peer.settimeout(0)

    def _drop(self, fd: int) -> None:
        peer = self._peers.pop(fd)
        peer.gone = True
        self._ready.drop(fd)
        peer.socket.close()


@cache
def _writes(schedule: Schedule, tokens: int) -> list[tuple[int, _Write]]:
    """What is written how many ns after a request; made once, for a server that makes JSON is late."""
    found = [(0, _Write(_HEAD))]
    if schedule.role:
        found.append((0, _Write(_chunk(_event({"role": "assistant", "content": ""}, schedule)))))
    if schedule.ping:
        found.append((round(schedule.first / 2 * 1e6), _Write(_chunk(b": ping\n\n"))))
    step = schedule.group * schedule.join
    for begin in range(0, tokens, step):
        last = min(begin + step, tokens)
        due = round((schedule.first + schedule.gap * (last - 1)) * 1e6)
        data = b"".join(
            _event(_delta(schedule, number, min(number + schedule.group, last)), schedule)
            for number in range(begin, last, schedule.group)
        )
        if schedule.split:
            found.append((due - _SPLIT_AFTER, _Write(_chunk(data[: len(data) // 2]))))
            data = data[len(data) // 2 :]
        found.append((due, _Write(_chunk(data), token=True)))
    found.append((round((schedule.first + schedule.gap * (tokens - 1)) * 1e6) + 1000, _Write(_end(schedule, tokens))))
    return found


def _delta(schedule: Schedule, first: int, last: int) -> dict[str, Any]:
    text = "".join(WORDS[number % len(WORDS)] for number in range(first, last))
    if first < schedule.reasoning:
        return {"reasoning_content": text}
    if schedule.tools:
        call = {"index": 0, "function": {"arguments": text}}
        return {"tool_calls": [{**call, "id": "call_1", "type": "function"} if first == 0 else call]}
    return {"content": text}


def _event(delta: dict[str, Any], schedule: Schedule) -> bytes:
    chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    end = "\r\n\r\n" if schedule.crlf else "\n\n"
    return f"data: {json.dumps(chunk, ensure_ascii=schedule.ascii)}{end}".encode()


def _end(schedule: Schedule, tokens: int) -> bytes:
    reason = "tool_calls" if schedule.tools else "stop"
    data = f'data: {{"choices":[{{"index":0,"delta":{{}},"finish_reason":"{reason}"}}]}}\n\n'
    if not schedule.nousage:
        usage = {
            "prompt_tokens": 7,
            "completion_tokens": tokens,
            "completion_tokens_details": {"reasoning_tokens": min(schedule.reasoning, tokens)},
        }
        data += f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n"
    return _chunk(f"{data}data: [DONE]\n\n".encode()) + b"0\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _header(head: bytes, name: bytes) -> bytes:
    _, found, rest = head.partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0].strip() if found else b""


def main() -> int:
    allow_many_files()
    server = KnownServer(int(sys.argv[2]) if sys.argv[1:2] == ["--port"] else 0)
    os.write(1, b"%d\n" % server.port)
    sharpen()
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
