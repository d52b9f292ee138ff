"""A thread beside the event loop that computes a stream: it runs a little ahead, and the loop takes all that is ready.

A hop from thread to loop costs more than most events do. So the loop is woken once for all that came since it looked
last, and the thread does not wait for the loop between two events.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Generator

from unified_intelligence.entities.generation import Event

_MOST_WAITING = 32  # events nobody has taken yet; beyond them nothing is computed
_LOOK = 1.0  # seconds after which a thread that waits looks whether anybody is left to take its events


async def beside_loop(events: Generator[Event, None, None]) -> AsyncGenerator[Event, None]:
    """The events of a generator that computes, run in a thread of its own which ends with them.

    Leaving it lets the thread end after the event being computed; it closes the generator.
    """
    worker = _Worker(events, asyncio.get_running_loop())
    try:
        while not worker.over:
            await worker.more()
            for event in worker.taken():
                yield event
    finally:
        worker.leave()
    if worker.failure is not None:
        raise worker.failure


class _Worker:
    """What the thread does is in `_run` and what it calls; the rest belongs to the loop.

    No lock: both ends of a deque may be used at once, and each side sets what the other looks at before it looks at
    what the other sets.
    """

    def __init__(self, events: Generator[Event, None, None], loop: asyncio.AbstractEventLoop) -> None:
        self.failure: BaseException | None = None
        self._events, self._loop = events, loop
        self._ready: deque[Event] = deque()
        self._room = threading.Event()
        self._waiter: asyncio.Future[None] | None = None
        self._told = self._ended = self._left = False
        threading.Thread(target=self._run, name="generate").start()

    @property
    def over(self) -> bool:
        return self._ended and not self._ready

    def taken(self) -> Generator[Event, None, None]:
        """What is ready now."""
        ready, room = self._ready, self._room
        for _ in range(len(ready)):
            event = ready.popleft()
            if not room.is_set() and len(ready) < _MOST_WAITING:
                room.set()
            yield event

    async def more(self) -> None:
        """Returns when there is more to take, or nothing will come. The loop always gets its turn meanwhile."""
        if self._ready or self._ended:
            await asyncio.sleep(0)
            return
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def leave(self) -> None:
        self._left = True
        self._room.set()

    def _wake(self) -> None:
        self._told = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _run(self) -> None:
        try:
            for event in self._events:
                self._ready.append(event)
                self._tell()
                self._wait_for_room()
                if self._left:
                    break
        except BaseException as error:  # noqa: BLE001 - raised again where the events are read
            self.failure = error
        try:
            self._events.close()
        except BaseException as error:  # noqa: BLE001 - as above
            self.failure = self.failure or error
        self._ended = True
        self._tell()

    def _tell(self) -> None:
        if self._told:
            return
        self._told = True
        try:
            self._loop.call_soon_threadsafe(self._wake)
        except RuntimeError:  # the loop is closed: nobody will come
            self._left = True

    def _wait_for_room(self) -> None:
        if len(self._ready) < _MOST_WAITING:
            return
        self._room.clear()
        while len(self._ready) >= _MOST_WAITING and not self._left and not self._room.wait(_LOOK):
            if self._loop.is_closed() or not threading.main_thread().is_alive():
                self._left = True
