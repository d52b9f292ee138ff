"""The answer to what nobody caught: a bug, told as no more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_intelligence.serving.errors import failure_of, log_failure, refuse, request_id_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class LastResort:
    """ASGI middleware. Within the application it comes before Starlette's own, which answers with a line of text."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, send_noting)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            failure = failure_of(error, scope["path"])
            log_failure(error, failure, request_id_of(scope))
            await refuse(scope, send, failure)
