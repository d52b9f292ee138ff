"""A Gradio Space whose times are known: python known_space.py AT_ONCE WAITING GPU_WAIT, with our own endpoints.

A question says what is done: `first=0.2 gap=0.01 tokens=6` answers so, in seconds. `breaks` fails as the model does,
`quota` as ZeroGPU refuses, `raises` as an app does that nobody wrote carefully, `dies` ends the process in the answer.
GPU_WAIT are seconds until a GPU is lent; 0 for a Space without one.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import gradio as gr

from unified_intelligence.benchmark.known_server import WORDS
from unified_intelligence.entities.errors import ModelError
from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    Timings,
    Usage,
)
from unified_intelligence.entities.message import MessageLike, read_messages
from unified_intelligence.gradio_space.answering import Answering
from unified_intelligence.gradio_space.app import launch
from unified_intelligence.gradio_space.endpoints import add_endpoints
from unified_intelligence.gradio_space.limits import AnswerLimits
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator


class Known(InProcessTextGenerator):
    honoured = frozenset({"max_tokens"})

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        asked = read_messages(messages)[-1].content
        told = dict(part.split("=") for part in asked.split() if "=" in part)
        first, gap, tokens = float(told.get("first", 0.1)), float(told.get("gap", 0.01)), int(told.get("tokens", 8))
        began = time.perf_counter()
        time.sleep(first)
        if "breaks" in asked:
            raise ModelError("Das Modell ist müde 🙂")
        yield ReasoningDelta("Je réfléchis…\n")
        for number in range(tokens - 1):
            time.sleep(gap)
            yield TextDelta(WORDS[number % len(WORDS)])
            if "dies" in asked:
                time.sleep(0.1)
                os._exit(1)
        yield Finished("stop", Usage(3, tokens, 1), Timings(first, time.perf_counter() - began))


def lending(wait: float) -> Callable[[Any, Any], Any]:
    """A GPU that takes its time, and is refused to who asks for a quota, as ZeroGPU refuses."""

    def on_gpu(work: Any, seconds: Any) -> Any:
        def decorated(messages: Any, asked: Any, duration: int) -> Generator[Any, None, None]:
            said = messages[-1]["content"]
            if "quota" in said:
                raise gr.Error(
                    "You have exceeded your Pro ZeroGPU quota (60s requested vs. 0s left). Try again in 1:02:03.",
                    title="ZeroGPU quota exceeded",
                    print_exception=False,
                )
            if "raises" in said:
                raise gr.Error("Élément introuvable", print_exception=False)
            time.sleep(wait)
            yield from work(messages, asked, duration)

        return decorated

    return on_gpu


def main() -> None:
    at_once, waiting, wait = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    with gr.Blocks(analytics_enabled=False) as blocks:
        answering = Answering(Known(), AnswerLimits(), build="abc", on_gpu=lending(wait) if wait else None)
        add_endpoints(answering, {"version": "0", "model": "known", "digest": "abc"}, at_once)
    launch(blocks.queue(max_size=waiting))


if __name__ == "__main__":
    main()
