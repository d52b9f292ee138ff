"""One answer on its way out of the engine: its tokens as events, when the first came, and what it came to."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unified_intelligence.entities.generation import Event, Finished, Timings, Usage

if TYPE_CHECKING:
    from unified_intelligence.engine.answer import Reader
    from unified_intelligence.engine.sampling import Chosen
    from unified_intelligence.engine.ticket import Ticket


@dataclass(slots=True)
class Answer:
    """One answer on its way; times are of the performance counter."""

    ticket: Ticket
    reader: Reader
    prompt_tokens: int
    started: float
    notice: str = ""
    first: float = 0.0

    async def events(self) -> AsyncGenerator[Event]:
        """What the tokens say, as they come."""
        async with aclosing(self.ticket.atokens()) as tokens:
            async for come in tokens:
                for event in self._read(come):
                    self.note_event()
                    yield event
                if self.reader.over:
                    break
        if self.reader.over:
            for event in self.reader.end(complete=False):
                yield event

    def _read(self, come: list[Chosen] | bool) -> Iterator[Event]:
        if isinstance(come, bool):
            yield from self.reader.end(complete=come)
            return
        for chosen in come:
            if not self.reader.over:
                yield from self.reader.add(chosen)

    def note_event(self) -> None:
        self.first = self.first or time.perf_counter() - self.started

    def finished(self) -> Finished:
        total = time.perf_counter() - self.started
        cached, reader = self.ticket.cached, self.reader
        usage = Usage(self.prompt_tokens, reader.tokens, reader.reasoning_tokens, cached)
        return Finished(reader.finish_reason, usage, Timings(self.first or total, total))
