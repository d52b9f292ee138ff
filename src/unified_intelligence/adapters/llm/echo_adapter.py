"""Says back what it was told, word by word: for first steps, and for the tests of everyone who uses a generator."""

from __future__ import annotations

import re
import time
from collections.abc import Generator, Sequence
from typing import Annotated

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    FinishReason,
    GenerationConfig,
    TextDelta,
    Timings,
    Usage,
)
from unified_intelligence.entities.message import MessageLike, read_messages
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator

_WORD = re.compile(r"\s*\S+(?:\s*\Z)?")


class EchoAdapter(InProcessTextGenerator):
    """Answers with the last message's text unchanged. A token is a word with the blanks before it.

    Nothing is drawn by chance, so that every way to draw gives the same answer.
    """

    honoured = frozenset({"max_tokens", "temperature", "top_p", "top_k", "min_p", "seed"})

    def __init__(self, *, delay: Annotated[float, "seconds before each word"] = 0.0) -> None:
        if delay < 0:
            raise ConfigurationError(f"The option delay is 0 or more, not {delay:g}.")
        self._delay = delay

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        started = time.perf_counter()
        turns = read_messages(messages)
        limit = config.max_tokens if config is not None else None
        said, first = 0, 0.0
        finish: FinishReason = "stop"
        for word in _WORD.finditer(turns[-1].content):  # one by one: a long text must not hold up other threads
            if said == limit:
                finish = "length"
                break
            if self._delay:  # even sleep(0) takes a turn of the scheduler
                time.sleep(self._delay)
            first = first or time.perf_counter() - started
            said += 1
            yield TextDelta(word[0])
        yield Finished(
            finish,
            Usage(sum(len(turn.content.split()) for turn in turns), said),
            Timings(first, time.perf_counter() - started),
        )
