"""A conversation in, typed events out: read and refused here, answered where the GPU is.

On ZeroGPU the answer is computed in a forked worker, which goes on living only if nothing is raised in it. So a failure
is an event like any other, and what can be refused is refused before a GPU is asked for.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from unified_intelligence.entities.errors import ModelError, UnifiedIntelligenceError
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
from unified_intelligence.gradio_space.lending import OnGpu, lent, with_fewer_seconds
from unified_intelligence.gradio_space.limits import AnswerLimits
from unified_intelligence.interfaces.background_loop import events_of
from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.serving.enforcement import enforced

if TYPE_CHECKING:
    from unified_intelligence.entities.message import Message
    from unified_intelligence.interfaces.text_generator import ITextGenerator
    from unified_intelligence.serving.plan import Plan

log = logging.getLogger("unified_intelligence.gradio_space")

_LEAST = 1.5  # times the seconds to start: fewer are of no use to an answer


class Answering:
    """The one way to an answer, for the endpoints and the page."""

    def __init__(
        self, generator: ITextGenerator, limits: AnswerLimits, *, build: str, on_gpu: OnGpu | None = None
    ) -> None:
        self.generator, self.limits, self._build = generator, limits, build

        def work(messages: Any, asked: Any, seconds: int) -> Generator[EventJson, None, None]:
            config, since = asked
            if on_gpu is None:
                yield from self._answer(messages, config, math.inf)
                return
            began = time.monotonic()  # a clock of the whole machine: `since` was read in another process of it
            for event in self._answer(messages, config, seconds):
                if event["type"] in {"end", "error"}:
                    event["gpu"] = {"waited": began - since, "held": time.monotonic() - began, "lent": seconds}
                yield event

        self.waits_for_gpu = on_gpu is not None
        self._work = lent(work, on_gpu)

    def events(self, messages: Any, config: Any) -> Generator[EventJson, None, None]:
        """Ends with `end` or `error`. Closing it stops the work. Raises what ZeroGPU raises.

        Where a GPU was lent, the last event tells how many seconds that was `waited` for, and how many it was `held`.
        """
        try:
            self.limits.read(self.generator, messages, config)
        except UnifiedIntelligenceError as error:
            yield error_json(error)
            return
        seconds, least = self.limits.seconds_for(messages, config), math.ceil(_LEAST * self.limits.start)
        asked = (config, time.monotonic())
        with closing(with_fewer_seconds(self._work, messages, asked, seconds, least, _notice)) as events:
            yield from events

    def _answer(self, messages: Any, config: Any, seconds: float) -> Generator[EventJson, None, None]:
        try:
            turns, plan = self.limits.read(self.generator, messages, config)
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


def _notice(text: str) -> EventJson:
    return {"type": "notice", "text": text}
