"""An answer as server-sent events.

Nothing is sent before the first event of the answer, so that a failure until then has its own status. A failure after
it is an event with an error, the last one: the stream then ends without `[DONE]`. While nothing comes, a comment keeps
proxies from closing the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

from starlette.responses import Response

from unified_intelligence.serving.connection import ClientGoneError, while_connected
from unified_intelligence.serving.errors import failure_of, log_failure, request_id_of

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

PING_AFTER = 15.0  # seconds of silence
DONE = b"data: [DONE]\n\n"
STILL_WORKING = b": still working\n\n"
"""A comment, which every client skips. What a provider gives notice of names who is behind it, and is not told."""
_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


def event(data: bytes) -> bytes:
    """One event; the data has no line break, as JSON of ours never has."""
    return b"data: " + data + b"\n\n"


class EventStream(Response):
    """Sends encoded events as they come. Comments begin the response only when nothing else comes for long."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(headers=_HEADERS)
        self._events = events
        self._held: list[bytes] = []
        self._started = self._sending = False
        self._last = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._last = asyncio.get_running_loop().time()

        async def on_tick() -> None:
            silent = asyncio.get_running_loop().time() - self._last
            if silent >= PING_AFTER and not self._sending and (self._started or self._held):
                await self._send(send, STILL_WORKING)

        try:
            await while_connected(receive, self._send_all(scope, send), on_tick)
        except ClientGoneError:
            scope["state"]["client_gone"] = True

    async def _send_all(self, scope: Scope, send: Send) -> None:
        async with aclosing(self._events) as events:
            try:
                async for piece in events:
                    if self._started or not piece.startswith(b":"):
                        await self._send(send, piece)
                    else:
                        self._held.append(piece)
            except Exception as error:
                if not self._started:
                    raise
                failure = failure_of(error, scope["path"])
                log_failure(error, failure, request_id_of(scope))
                await self._send(send, event(failure.body()))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, piece: bytes) -> None:
        self._sending = True
        if not self._started:
            self._started = True
            headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            piece, self._held = b"".join((*self._held, piece)), []
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        self._sending = False
        self._last = asyncio.get_running_loop().time()
