"""A conversation in, typed events out: read and refused here, answered where the GPU is.

On ZeroGPU the answer is computed in a forked worker, which goes on living only if nothing is raised in it. So a failure
is an event like any other, and what can be refused is refused before a GPU is asked for.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from unified_intelligence.entities.errors import InvalidRequestError, ModelError, UnifiedIntelligenceError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    Notice,
    ReasoningDelta,
    TextDelta,
    Timings,
    Usage,
)
from unified_intelligence.gradio_space.event_json import EventJson, error_json, event_json
from unified_intelligence.gradio_space.request import read_request
from unified_intelligence.interfaces.background_loop import events_of
from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.serving.enforcement import enforced
from unified_intelligence.serving.plan import Plan, plan_for

if TYPE_CHECKING:
    from unified_intelligence.entities.message import Message
    from unified_intelligence.interfaces.text_generator import ITextGenerator

log = logging.getLogger("unified_intelligence.gradio_space")

Work = Callable[[Any, Any], Generator[EventJson, None, None]]
OnGpu = Callable[[Work, Callable[[Any, Any], int]], Work]
"""Has the work done on a GPU, which it holds for as many seconds as the second function says of a call."""

_LETTERS = 3  # characters a token, at least, in the languages that matter here


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLimits:
    """Tokens an answer may ask for and gets by itself; seconds of a GPU a call may take, and its tokens a second."""

    max_tokens: int = 4096
    default_tokens: int = 2048
    seconds: int = 120
    start: int = 10
    reads: int = 2000
    writes: int = 40


class Answering:
    """The one way to an answer, for the endpoints and the page."""

    def __init__(
        self, generator: ITextGenerator, limits: AnswerLimits, *, build: str, on_gpu: OnGpu | None = None
    ) -> None:
        self.generator, self.limits, self._build = generator, limits, build

        def work(messages: Any, config: Any) -> Generator[EventJson, None, None]:
            yield from self._answer(messages, config, self.seconds(messages, config) if on_gpu else math.inf)

        self.waits_for_gpu = on_gpu is not None
        self._work = on_gpu(work, self.seconds) if on_gpu else work

    def events(self, messages: Any, config: Any) -> Generator[EventJson, None, None]:
        """Ends with `end` or `error`. Closing it stops the work. Raises what ZeroGPU raises."""
        try:
            self._read(messages, config)
        except UnifiedIntelligenceError as error:
            yield error_json(error)
            return
        with closing(self._work(messages, config)) as events:
            yield from events

    def seconds(self, messages: Any, config: Any) -> int:
        """How long a call may hold a GPU: to start, to read the prompt, and to write as much as it may."""
        asked: Mapping[str, Any] = config or {}
        own, wanted = self.limits, asked.get("max_tokens")
        needed = own.start + len(str(messages)) / _LETTERS / own.reads + (wanted or own.default_tokens) / own.writes
        return min(own.seconds, math.ceil(needed))

    def _read(self, messages: Any, config: Any) -> tuple[tuple[Message, ...], Plan]:
        turns, wanted = read_request(messages, config)
        if wanted.max_tokens is not None and wanted.max_tokens > self.limits.max_tokens:
            raise InvalidRequestError(
                f"max_tokens is at most {self.limits.max_tokens} here, not {wanted.max_tokens}.",
                hint="Ask for a shorter answer.",
            )
        if wanted.max_tokens is None and "max_tokens" in self.generator.honoured:
            wanted = replace(wanted, max_tokens=self.limits.default_tokens)
        own = self.generator
        return turns, plan_for(own.honoured, wanted, own.enforces, own.entrusted)

    def _answer(self, messages: Any, config: Any, seconds: float) -> Generator[EventJson, None, None]:
        try:
            turns, plan = self._read(messages, config)
            for event in self._until(time.perf_counter() + seconds, turns, plan):
                yield event_json(event, self._build)
        except UnifiedIntelligenceError as error:
            yield error_json(error)
        except Exception as error:  # raised in a worker, it would end it, and the caller would read its class only
            log.exception("An answer broke.")
            yield error_json(ModelError(f"The model broke: {type(error).__name__}.", hint="The Space's log says more."))

    def _until(self, deadline: float, turns: tuple[Message, ...], plan: Plan) -> Generator[Event, None, None]:
        """The answer; one that the GPU has no more time for ends as one that reached its length."""
        started, said = time.perf_counter(), list[str]()
        first = 0.0
        with closing(events_of(enforced(self.generator, turns, plan))) as events:
            for event in events:
                first = first or time.perf_counter() - started
                yield event
                if isinstance(event, TextDelta | ReasoningDelta):
                    said.append(event.text)
                if time.perf_counter() > deadline and not isinstance(event, Finished):
                    break
            else:
                return
        yield Notice("The answer was ended because its time on the GPU was over.")
        timings = Timings(first, time.perf_counter() - started)
        yield Finished("length", self._counted(turns, plan.config, "".join(said)), timings)

    def _counted(self, turns: tuple[Message, ...], config: GenerationConfig, said: str) -> Usage | None:
        own = self.generator
        if not isinstance(own, ITokenizer):
            return None
        return Usage(len(own.encode_conversation(turns, config)), len(own.encode(said)))
