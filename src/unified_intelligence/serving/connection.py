"""Work for a client that may go away: it ends with the work, or the work ends with it, and no task is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from starlette.responses import Response

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

T = TypeVar("T")
TICK = 5.0  # seconds between two looks at a silent stream


class ClientGoneError(Exception):
    """The client closed the connection: nobody is there to be answered."""


async def while_connected(
    receive: Receive, work: Coroutine[Any, Any, T], on_tick: Callable[[], Awaitable[None]] | None = None
) -> T:
    """What the work returns or raises; it runs in one task, which is cancelled when the client goes.

    `receive` is the connection's, the body read. Raises ClientGoneError once the work has cleaned up.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_gone(receive))
    try:
        while not working.done():
            done, _ = await asyncio.wait((working, leaving), timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
            if not done and on_tick is not None:
                await on_tick()
            if leaving in done and not working.done():
                raise ClientGoneError
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class WholeAnswer(Response):
    """A JSON answer that is made while the client waits, and not made any further when it goes."""

    def __init__(self, work: Coroutine[Any, Any, bytes]) -> None:
        super().__init__(media_type="application/json")
        self._work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await while_connected(receive, self._work)
        except ClientGoneError:
            scope["state"]["client_gone"] = True
            return
        await Response(body, media_type="application/json")(scope, receive, send)
