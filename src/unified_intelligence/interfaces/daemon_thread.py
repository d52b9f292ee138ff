"""The bridge from an event loop to a function that blocks: a thread that nobody waits for when the program ends.

The loop's own pool is joined at the end, so that Ctrl-C would wait for a server that does not answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

Result = TypeVar("Result")


async def in_daemon_thread(work: Callable[[], Result], name: str = "waiting") -> Result:
    """What it returns, or raises. Cancelled, it goes on without being listened to."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Callable[[], None]) -> None:
        if not future.done():
            result()

    def compute() -> None:
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - raised again where the result is awaited
            failure = error
            told: Callable[[], None] = lambda: future.set_exception(failure)  # noqa: E731
        else:
            told = lambda: future.set_result(value)  # noqa: E731
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, told)

    threading.Thread(target=copy_context().run, args=(compute,), name=name, daemon=True).start()
    return await future
