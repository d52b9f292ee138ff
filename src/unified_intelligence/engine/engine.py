"""A loaded model that answers many at once: its scheduler in a thread of its own, which ends when nothing is to do."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING

from unified_intelligence.engine import turns
from unified_intelligence.engine.decode import is_lost
from unified_intelligence.engine.huge_pages import Gathering
from unified_intelligence.engine.scheduler import Row, Scheduler
from unified_intelligence.engine.ticket import Ticket
from unified_intelligence.engine.turns import SLICE
from unified_intelligence.entities.errors import DeviceLostError, ModelError, ServerBusyError

if TYPE_CHECKING:
    import asyncio

    from unified_intelligence.engine.decode import Writing
    from unified_intelligence.engine.forward import Forward
    from unified_intelligence.engine.speculation import Speculation

THREAD_NAME = "unified-intelligence-engine"
_IDLE = 5.0  # seconds a thread waits for more
_PAUSE = 1.0  # seconds without work after which there may be time for something else
_EARNED = 20.0  # seconds of work after which large pages are worth the time they take
_LONGEST_END = 5.0


class Engine:
    """At most `queue` requests wait for one of the `slots`; `memory` is in tokens of all of them.

    The rest of `large_pages` is gathered in pauses, or between the steps of an engine that is at work for long.
    """

    def __init__(
        self,
        forward: Forward,
        *,
        slots: int,
        memory: int,
        queue: int,
        speculation: Speculation | None = None,
        large_pages: Gathering | None = None,
    ) -> None:
        self.forward = forward
        self._pages, self._worked = large_pages or Gathering(), 0.0
        self._scheduler = Scheduler(forward, slots=slots, memory=memory, speculation=speculation)
        self._queue, self._lost = queue, ""
        self.forget_threads()
        _engines.add(self)

    def submit(
        self,
        writing: Writing,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        priority: int = 0,
        deadline: float | None = None,
    ) -> Ticket:
        """Asks for an answer. `deadline`, on the monotonic clock, is the latest at which it may be begun.

        Raises ServerBusyError when too many wait, ContextLengthError, DeviceLostError.
        """
        ticket = Ticket(loop)
        with self._changed:
            if self._lost:
                raise DeviceLostError(self._lost)
            self._scheduler.check(writing)
            if len(self._incoming) + self._scheduler.waiting - self._scheduler.free >= self._queue:
                raise ServerBusyError(f"{self._queue} requests wait already.", hint="Try again in a moment.")
            self._incoming.append(Row(writing, ticket, priority, deadline))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=THREAD_NAME, daemon=True)
                self._thread.start()
            self._changed.notify()
        return ticket

    def close(self) -> None:
        """Ends what runs, with an error for whoever waits for it."""
        with self._changed:
            thread = self._thread
            self._closed = thread is not None
            self._changed.notify()
        if thread and thread is not threading.current_thread():
            thread.join(_LONGEST_END)
        self.forward.close()

    def forget_threads(self) -> None:
        """Begins without a thread and without requests; so does a forked process, which has none of its parent's
        threads.
        """
        self.turn = turns.turn_of(self.forward.device)  # whoever else computes there holds it
        self._changed = threading.Condition()
        self._scheduler.forget()
        self._thread: threading.Thread | None = None
        self._incoming: list[Row] = []
        self._closed = False

    def _work(self) -> None:
        while self._has_work():
            with self.turn:
                begun = time.monotonic()
                while self._step() and self.turn.wanted and time.monotonic() < begun + SLICE:
                    pass
                self._worked += time.monotonic() - begun
            if self._worked > _EARNED:
                self._pages.some()

    def _step(self) -> bool:
        """Whether there is more to do."""
        try:
            told = self._scheduler.step()
        except Exception as error:  # noqa: BLE001 - a fault of ours must not leave anybody waiting forever
            told = self._scheduler.fail(self._failure(error))
        _wake(told)
        return not self._closed and bool(self._scheduler.running + self._scheduler.waiting)

    def _is_asked(self) -> bool:
        return bool(self._incoming or self._scheduler.running or self._scheduler.waiting)

    def _is_resting(self, seconds: float) -> bool:
        """Whether there is nothing to do for so long."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._closed or self._is_asked(), seconds)

    def _failure(self, error: Exception) -> ModelError:
        if is_lost(error):
            error = DeviceLostError(str(error).partition("\n")[0])
        if isinstance(error, DeviceLostError):
            self._lost = error.reason
        if isinstance(error, ModelError):
            return error
        failure = ModelError(f"The engine broke: {error!r}", hint="Please report this.")
        failure.__cause__ = error
        return failure

    def _has_work(self) -> bool:
        pause = _PAUSE
        while self._pages.left and self._is_resting(pause):
            self._pages.some()
            pause = 0.0
        with self._changed:
            while not self._closed:
                if self._is_asked():
                    break
                if not self._changed.wait(_IDLE) and not self._incoming:
                    break
            for row in self._incoming:
                self._scheduler.add(row)
            self._incoming.clear()
            if self._closed:
                self._closed = False
                _wake(self._scheduler.fail(ModelError("The model was closed before the answer was complete.")))
            if not self._scheduler.running + self._scheduler.waiting:
                self._thread = None
                return False
            return True


def _wake(tickets: Iterable[Ticket]) -> None:
    """Wakes those who wait on a loop, once for each loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Ticket]] = {}
    for ticket in tickets:
        if ticket.loop:
            loops.setdefault(ticket.loop, []).append(ticket)
    for loop, waiting in loops.items():
        try:
            loop.call_soon_threadsafe(_wake_here, waiting)
        except RuntimeError:  # the loop is closed: nobody reads these any more
            for ticket in waiting:
                ticket.cancel()


def _wake_here(tickets: Iterable[Ticket]) -> None:
    for ticket in tickets:
        ticket.wake()


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork() -> None:
    turns.forget()
    for engine in _engines:
        engine.forget_threads()


@atexit.register
def _close_all() -> None:
    for engine in list(_engines):
        engine.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
