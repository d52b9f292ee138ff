"""The outermost layer: a number for every request, on every response, and an answer for what nobody caught."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from unified_intelligence.serving.errors import failure_of, log_failure, refuse, request_id_of

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
        theirs = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
        if theirs and len(theirs) <= LONGEST_CLIENT_ID:
            added.append((b"x-client-request-id", theirs))

        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        await Uncaught(self._app)(scope, receive, send_named)


class Uncaught:
    """Answers what nobody caught. Around the routes as well, where the framework would say it in its own words."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as error:
            failure = failure_of(error)
            log_failure(error, failure, request_id_of(scope))
            if started:
                raise
            await refuse(scope, send, failure)
