"""One request's way back from the engine's thread to whoever waits for its tokens, in a thread or on an event loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from unified_intelligence.engine.sampling import Chosen

if TYPE_CHECKING:
    import asyncio


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more comes. `complete`: the model ended its turn itself."""

    complete: bool


class Ticket:
    """What comes is put in by the engine, in order, and always ends with an `End` or an error.

    `cached` tokens of the prompt were not read again. With a loop it is read by `atokens` there, else by `tokens`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop
        self.cancelled = False
        self.cached = 0
        self._come: SimpleQueue[Chosen | End | Exception] = SimpleQueue()
        self._wake: asyncio.Event | None = None

    def put(self, item: Chosen | End | Exception) -> None:
        """Puts something in, from any thread; a reader on a loop has to be woken besides."""
        self._come.put(item)

    def wake(self) -> None:
        """Wakes the reader; called on the loop."""
        if self._wake:
            self._wake.set()

    def cancel(self) -> None:
        """Nobody reads any more: the engine gives the slot up before its next step."""
        self.cancelled = True

    def close(self) -> None:
        """Cancels the answer, unless it has ended."""
        self.cancel()

    def tokens(self) -> Generator[Chosen, None, bool]:
        """The tokens as they are chosen; returns whether the model ended its turn. Raises what the engine met."""
        try:
            while True:
                item = self._come.get()
                if isinstance(item, Chosen):
                    yield item
                else:
                    return self._ended(item)
        finally:
            self.cancel()

    async def atokens(self) -> AsyncGenerator[list[Chosen] | bool]:
        """What has come, in lists; the last item is whether the model ended its turn."""
        import asyncio

        self._wake = asyncio.Event()
        try:
            while True:
                come, end = list[Chosen](), None
                while not self._come.empty():
                    item = self._come.get()
                    if isinstance(item, Chosen):
                        come.append(item)
                    else:
                        end = item
                if come:
                    yield come
                if end is not None:
                    yield self._ended(end)
                    return
                await self._wake.wait()
                self._wake.clear()
        finally:
            self.cancel()

    def _ended(self, item: End | Exception) -> bool:
        if isinstance(item, End):
            return item.complete
        raise item
