"""A Space whose model takes its time: python slow_space.py FILE [evaluates] notes in the file how an answer ended.

A question that begins with a number is answered with as many words.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from unified_intelligence.entities.generation import (
    Event,
    Finished,
    GenerationConfig,
    ReasoningDelta,
    TextDelta,
    Timings,
    ToolCallDelta,
    Usage,
)
from unified_intelligence.entities.message import MessageLike, read_messages
from unified_intelligence.gradio_space import eval_endpoints, eval_page
from unified_intelligence.gradio_space.answering import Answering
from unified_intelligence.gradio_space.app import launch
from unified_intelligence.gradio_space.endpoints import add_endpoints
from unified_intelligence.gradio_space.evaluating import Evaluating
from unified_intelligence.gradio_space.limits import AnswerLimits
from unified_intelligence.gradio_space.page import add_page
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator

WORDS = 1200
PAUSE = 0.05  # seconds: a minute in all
WAIT = 1.0


class Slow(InProcessTextGenerator):
    honoured = frozenset({"max_tokens", "temperature", "thinking", "thinking_budget"})

    def __init__(self, notes: Path) -> None:
        self._notes = notes

    def stream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> Generator[Event, None, None]:
        first = read_messages(messages)[-1].content.split()[0]
        if first == "Appelle":
            yield ToolCallDelta(0, "1", "get_weather", '{"city": "Zürich <b>gras</b>"}')
            yield Finished("tool_calls", Usage(3, 9), Timings(0.0, 1.0))
            return
        written, words = 0, int(first) if first.isdecimal() else WORDS
        try:
            yield ReasoningDelta("Je réfléchis… 🎉")
            for written in range(1, words + 1):
                time.sleep(PAUSE)
                yield TextDelta(f"mot{written} ")
            yield Finished("stop", Usage(3, words), Timings(0.0, words * PAUSE))
        finally:
            with self._notes.open("a", encoding="utf-8") as file:
                file.write(f"{written}\n")


def lent(work: Any, seconds: Any) -> Any:
    """A GPU that takes its time too, and is refused to who asks for it, as ZeroGPU refuses."""

    def decorated(messages: Any, config: Any, seconds: int) -> Generator[Any, None, None]:
        time.sleep(WAIT)
        if "GPU" in messages[-1]["content"]:
            raise gr.Error("Try again in 1:02:03.", title="ZeroGPU quota exceeded", print_exception=False)
        yield from work(messages, config, seconds)

    return decorated


def refused(work: Any, seconds: Any) -> Any:
    """A GPU that is lent to everybody but to who asks for one in his question."""

    def decorated(asked: Any, since: Any, seconds: int) -> Generator[Any, None, None]:
        if any("GPU" in messages[-1]["content"] for messages, _ in asked):
            raise gr.Error("Try again in 1:02:03.", title="ZeroGPU quota exceeded", print_exception=False)
        yield from work(asked, since, seconds)

    return decorated


def main() -> None:
    model, about = Slow(Path(sys.argv[1])), {"version": "0"}
    with gr.Blocks() as blocks:
        if "evaluates" in sys.argv:
            evaluating = Evaluating(model, AnswerLimits(seconds=20, start=1, writes=400), at_once=2, on_gpu=refused)
            eval_page.add_page(evaluating, {"model": {"id": "slow"}}, "Slow", "A word at a time.", 2)
            eval_endpoints.add_endpoints(evaluating, {"model": {"id": "slow"}}, about, 2)
        else:
            answering = Answering(model, AnswerLimits(), build="abc", on_gpu=lent)
            add_page(answering, "Slow", "A word at a time.", 2)
            add_endpoints(answering, about, 2)
    launch(blocks.queue())


if __name__ == "__main__":
    main()
