"""Ending an answer at a stop sequence, over a generator that does not know them."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from unified_intelligence.entities.generation import Event, Finished, Notice, TextDelta, Timings
from unified_intelligence.entities.stop_sequences import StopSequences

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import TokenLogprob


@asynccontextmanager
async def closing(events: AsyncIterator[Event]) -> AsyncGenerator[AsyncIterator[Event]]:
    """Ends the work behind the events when they are left, early or not."""
    try:
        yield events
    finally:
        if isinstance(events, AsyncGenerator):
            await cast("AsyncGenerator[Event]", events).aclose()


async def until_stop(events: AsyncIterator[Event], stop: Sequence[str]) -> AsyncGenerator[Event]:
    """The events up to the first stop sequence in the visible text; there the work behind them is ended.

    The usage of an answer cut here is unknown: the generator that counts was ended before it could say.
    """
    started, first = time.perf_counter(), 0.0
    text = _Visible(stop)
    async with closing(events):
        async for event in events:
            if not isinstance(event, Notice):
                first = first or time.perf_counter() - started
            if not isinstance(event, TextDelta):
                if not isinstance(event, Notice) and (rest := text.rest()):
                    yield rest
                yield event
                continue
            if piece := text.feed(event):
                yield piece
            if text.met:
                yield Finished("stop", None, Timings(first, time.perf_counter() - started))
                return
        if rest := text.rest():
            yield rest


class _Visible:
    """Text with its log-probabilities, which go out with the last character of their token."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._sequences = StopSequences(stop)
        self._waiting: list[TokenLogprob] = []
        self._ahead = 0  # characters that went out of tokens whose probabilities have not

    @property
    def met(self) -> bool:
        return self._sequences.met

    def feed(self, event: TextDelta) -> TextDelta | None:
        self._waiting.extend(event.logprobs)
        return self._out(self._sequences.feed(event.text))

    def rest(self) -> TextDelta | None:
        piece = self._out(self._sequences.flush())
        text, logprobs = (piece.text, piece.logprobs) if piece else ("", ())
        logprobs, self._waiting, self._ahead = (*logprobs, *self._waiting), [], 0
        return TextDelta(text, logprobs) if text or logprobs else None

    def _out(self, text: str) -> TextDelta | None:
        self._ahead += len(text)
        count = 0
        while count < len(self._waiting) and len(self._waiting[count].token) <= self._ahead:
            self._ahead -= len(self._waiting[count].token)
            count += 1
        logprobs, self._waiting = tuple(self._waiting[:count]), self._waiting[count:]
        if not self._waiting:
            self._ahead = 0
        return TextDelta(text, logprobs) if text or logprobs else None
