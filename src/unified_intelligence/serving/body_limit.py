"""How much a request may carry and how long that may take, decided before a route sees any of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unified_intelligence.serving.errors import INVALID, Failure, refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CLOSE = {"connection": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyLimits:
    """`seconds` is from the end of the headers to the end of the body."""

    bytes: int = 8 * 1024 * 1024
    seconds: float = 30.0


class _TooLargeError(Exception):
    pass


class BodyLimit:
    """ASGI middleware: collects the body, then hands it on in one piece. 413 for a larger one, 408 for a later one."""

    def __init__(self, app: ASGIApp, limits: BodyLimits) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _carries_body(scope):
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.limits.seconds):
                first = await self._collected(scope, receive)
        except _TooLargeError:
            message = f"The request is larger than {self.limits.bytes} bytes."
            await refuse(scope, send, Failure(413, message, INVALID, None, "request_too_large", _CLOSE))
        except TimeoutError:
            message = f"The request did not arrive within {self.limits.seconds:g} s."
            await refuse(scope, send, Failure(408, message, INVALID, None, "request_timeout", _CLOSE))
        else:
            await self.app(scope, _replayed(first, receive), send)

    async def _collected(self, scope: Scope, receive: Receive) -> Message:
        """The whole body as one message, or the disconnect that came instead. Raises _TooLargeError."""
        if any(name == b"content-length" and int(value) > self.limits.bytes for name, value in scope["headers"]):
            raise _TooLargeError
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return message
            body += message.get("body", b"")
            if len(body) > self.limits.bytes:
                raise _TooLargeError
            if not message.get("more_body", False):
                return {"type": "http.request", "body": bytes(body), "more_body": False}


def _carries_body(scope: Scope) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in scope["headers"])


def _replayed(first: Message, receive: Receive) -> Receive:
    kept = [first]

    async def next_message() -> Message:
        return kept.pop() if kept else await receive()

    return next_message
