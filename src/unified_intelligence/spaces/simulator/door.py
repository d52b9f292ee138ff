"""The address of a Space: one for as long as it lives, whatever runs behind it, sleeps or is broken.

Every connection carries one request: what answers the next one may be another app. A request wakes a Space that
sleeps and waits for it. What the Hub keeps to itself, the token that opens a private Space, does not reach the app.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import NamedTuple, Protocol

from unified_intelligence.spaces.simulator.space_record import SpaceRecord
from unified_intelligence.spaces.simulator.stages import SpaceState

_LOOPBACK = "127.0.0.1"
_LONGEST_HEAD = 65536
_PIECE = 65536
_PATIENCE = 60.0  # seconds that a request waits for a Space to wake
_LOOK = 0.05


class Behind(Protocol):
    """Who is behind a door."""

    @property
    def state(self) -> SpaceState: ...
    @property
    def record(self) -> SpaceRecord: ...
    @property
    def app_port(self) -> int: ...
    def wake(self) -> None: ...
    def touched(self) -> None: ...
    def refuses(self, method: str, path: str) -> bool: ...


class Head(NamedTuple):
    """The first lines of a request."""

    method: str
    path: str
    lines: list[bytes]

    def header(self, name: str) -> str:
        start = name.lower().encode() + b":"
        found = (line[len(start) :] for line in self.lines[1:] if line.lower().startswith(start))
        return next(found, b"").strip().decode("latin-1")

    def forwarded(self) -> bytes:
        """The head as the app gets it."""
        upgrades = bool(self.header("Upgrade"))
        dropped = (b"x-hf-authorization:",) if upgrades else (b"x-hf-authorization:", b"connection:", b"keep-alive:")
        kept = [line for line in self.lines if not line.lower().startswith(dropped)]
        return b"\r\n".join([*kept, *([] if upgrades else [b"Connection: close"]), b"", b""])


class Door:
    def __init__(self, behind: Behind) -> None:
        self._behind = behind
        self._server: asyncio.Server | None = None
        self._visits: set[asyncio.Task[None]] = set()
        self._inside: dict[asyncio.Task[None], int] = {}
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://{_LOOPBACK}:{self.port}"

    async def open(self, port: int) -> int:
        """Listens at this port, or if it is taken or 0 at a free one. The port."""
        for wanted in dict.fromkeys((port, 0)):
            with suppress(OSError):
                self._server = await asyncio.start_server(self._visit, _LOOPBACK, wanted, limit=_LONGEST_HEAD)
                break
        assert self._server is not None
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self.port

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for visit in list(self._visits):
            visit.cancel()
        if self._visits:
            await asyncio.wait(self._visits)

    async def left(self, port: int, seconds: float) -> None:
        """Waits until nobody is with the app at this port any more, for so long at most."""
        if inside := {visit for visit, at in self._inside.items() if at == port}:
            await asyncio.wait(inside, timeout=seconds)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._visits.add(task)
        try:
            await self._let_in(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the visitor left, or is none
        finally:
            self._visits.discard(task)
            self._inside.pop(task, None)
            writer.close()

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = _head(await reader.readuntil(b"\r\n\r\n"))
        record = self._behind.record
        if record.is_private and not (head.header("X-HF-Authorization") or head.header("Authorization")):
            await _answer(writer, 404, "<h1>404</h1><p>Sorry, we can't find the page you are looking for.</p>")
            return
        self._behind.touched()
        if self._behind.refuses(head.method, head.path):
            await _answer(writer, 500, json.dumps({"error": "It fails, as it was told to."}))
            return
        port = await self._awake()
        if not port:
            await _answer(writer, 503, f"<h1>503</h1><p>This Space is {self._behind.state.stage}.</p>")
            return
        task = asyncio.current_task()
        assert task is not None
        self._inside[task] = port
        if not await _carry(reader, writer, head, port):
            await _answer(writer, 502, "<h1>502</h1><p>The app did not answer.</p>")
        self._behind.touched()

    async def _awake(self) -> int:
        """The app's port, once it runs; 0 if nothing does."""
        if not self._behind.state.asleep:
            return self._behind.app_port
        self._behind.wake()
        until = asyncio.get_running_loop().time() + _PATIENCE
        while not (port := self._behind.app_port) and asyncio.get_running_loop().time() < until:
            if not self._behind.state.starting:
                return 0
            await asyncio.sleep(_LOOK)
        return port


def _head(data: bytes) -> Head:
    lines = data.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, _, rest = lines[0].decode("latin-1").partition(" ")
    return Head(method, rest.rpartition(" ")[0], lines)


async def _answer(writer: asyncio.StreamWriter, status: int, body: str) -> None:
    content = body.encode()
    kind = "application/json" if body.startswith("{") else "text/html"
    head = f"HTTP/1.1 {status} \r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {len(content)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + content)
    await writer.drain()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: Head, port: int) -> bool:
    """Carries bytes both ways until either side has no more to say: a visitor who leaves ends the app's work for him.

    False where the app said nothing to somebody who waits.
    """
    try:
        app_reader, app_writer = await asyncio.open_connection(_LOOPBACK, port)
    except OSError:
        return False
    app_writer.write(head.forwarded())
    said = False

    async def answer() -> None:
        nonlocal said
        with suppress(OSError):
            while piece := await app_reader.read(_PIECE):
                said = True
                writer.write(piece)
                await writer.drain()

    async def ask() -> None:
        with suppress(OSError):
            while piece := await reader.read(_PIECE):
                app_writer.write(piece)
                await app_writer.drain()

    asking, answering = asyncio.create_task(ask()), asyncio.create_task(answer())
    try:
        await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
        return said or not answering.done()
    finally:
        for way in (asking, answering):
            way.cancel()
        await asyncio.gather(asking, answering, return_exceptions=True)
        app_writer.close()
