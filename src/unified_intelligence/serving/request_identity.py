"""The outermost layer: a number for every request, on every response."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST_CLIENT_ID = 128  # characters; a longer one is not taken over


class RequestIdentity:
    """`scope["state"]["request_id"]` is the server's own and goes out as `x-request-id`.

    A client's `X-Request-Id` goes back as `x-client-request-id`, and means nothing inside: two clients may choose the
    same.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = f"req_{uuid.uuid4().hex}"
        scope.setdefault("state", {})["request_id"] = request_id
        added = [(b"x-request-id", request_id.encode())]
        if theirs := client_request_id(scope):
            added.append((b"x-client-request-id", theirs))

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await self._app(scope, receive, send_named)


def client_request_id(scope: Scope) -> bytes:
    """What the client sent as its own; empty where it sent none, or one too long to be taken over."""
    theirs = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return theirs if len(theirs) <= LONGEST_CLIENT_ID else b""
