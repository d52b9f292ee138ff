"""The event loop on which synchronous callers wait: one a process, in a thread of its own, started when first needed.

It runs between two events too, so connections stay open from one call to the next, and a caller that takes its time
lets no timer of a waiting provider run out.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from queue import SimpleQueue
from typing import cast

from unified_intelligence.entities.generation import Event

THREAD_NAME = "unified-intelligence-loop"
_MOST_WAITING = 1000  # events nobody has taken yet; beyond them the provider is not read
_PAUSE = 0.005  # seconds until the caller is looked at again
_LONGEST_END = 5.0  # seconds a closed stream may take to clean up before its caller goes on

_starting = threading.Lock()
_running: tuple[int, asyncio.AbstractEventLoop] | None = None


def events_of(events: AsyncIterator[Event]) -> Generator[Event, None, None]:
    """The events of an asynchronous stream, for code without an event loop. Closing the generator stops the work.

    One task reads the stream from its first event to its last: a timeout or a context variable held across a yield
    belongs to the task that set it.
    """
    loop, ended = background_loop(), threading.Event()
    passage = _Passage(loop)
    tasks: list[asyncio.Task[None]] = []

    def start() -> None:
        tasks.append(loop.create_task(_read(events, passage)))
        tasks[0].add_done_callback(lambda _: ended.set())

    loop.call_soon_threadsafe(start)
    try:
        while (batch := passage.queue.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            yield from batch
            passage.taken += len(batch)
    finally:
        if not ended.is_set():
            loop.call_soon_threadsafe(lambda: tasks[0].cancel())  # noqa: PLW0108 - `start` may not have run yet
            ended.wait(_LONGEST_END)


def background_loop() -> asyncio.AbstractEventLoop:
    """The running loop. A process that was forked gets one of its own."""
    global _running  # noqa: PLW0603 - there is one loop in a process
    with _starting:
        if _running is None or _running[0] != os.getpid():
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name=THREAD_NAME, daemon=True)
            thread.start()
            atexit.register(_stop, loop, thread)
            _running = os.getpid(), loop
        return _running[1]


class _Passage:
    """Carries events from the loop to the caller's thread. What comes in one turn of the loop is handed over
    together.

    `taken` is written by the caller's thread alone, the rest by the loop's.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.queue: SimpleQueue[list[Event] | BaseException | None] = SimpleQueue()
        self.taken = self._put = 0
        self._loop = loop
        self._batch: list[Event] = []

    @property
    def full(self) -> bool:
        return self._put - self.taken > _MOST_WAITING

    def put(self, event: Event) -> None:
        if not self._batch:
            self._loop.call_soon(self.hand_over)
        self._batch.append(event)
        self._put += 1

    def hand_over(self) -> None:
        if self._batch:
            batch, self._batch = self._batch, []
            self.queue.put(batch)

    def end(self, error: BaseException | None = None) -> None:
        self.hand_over()
        self.queue.put(error)


async def _read(events: AsyncIterator[Event], passage: _Passage) -> None:
    try:
        async for event in events:
            passage.put(event)
            while passage.full:  # noqa: ASYNC110 - the caller's thread sets no event of this loop's
                await asyncio.sleep(_PAUSE)
    except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
        passage.end(error)
    finally:
        if isinstance(events, AsyncGenerator):
            await cast("AsyncGenerator[Event, None]", events).aclose()
        passage.end()


def _stop(loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    """Called at the end of the process: what still runs is cancelled, so that it can say goodbye to its server."""

    async def cancel_all() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=_LONGEST_END)
        await loop.shutdown_asyncgens()

    if thread.is_alive():
        asyncio.run_coroutine_threadsafe(cancel_all(), loop).add_done_callback(
            lambda _: loop.call_soon_threadsafe(loop.stop)
        )
        thread.join(_LONGEST_END)
    if not thread.is_alive():
        loop.close()
