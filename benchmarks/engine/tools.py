"""What holding an answer to a form saves and costs, with a model that runs: passes for tool calls, time per token.

The model has random weights: what it says between the forced tokens is nonsense of the right form, as long as the
schema lets it be. Passes are counted where the scheduler asks for them. The cost is the time spent in the constraint of
a long string in JSON, in which hardly anything is forced, as a share of what the engine takes for as many free tokens.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any

import torch

from benchmarks.engine.asking import QWEN, ask, engine_of, loaded
from benchmarks.engine.models import SMALL, random_model, tokenizer_of
from benchmarks.engine.report import Asked
from benchmarks.engine.rounds import Took, in_turn, timed
from unified_intelligence.engine.constraints import Constraint
from unified_intelligence.engine.decode import Writing
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.forward import Piece
from unified_intelligence.engine.load import Loaded
from unified_intelligence.engine.request import Request
from unified_intelligence.entities.generation import GenerationConfig, JsonFormat
from unified_intelligence.entities.message import Message
from unified_intelligence.entities.tools import ToolSpec

ROUNDS, CALLS, TOKENS = 3, 8, 12
QUESTION = [Message("user", "How is the weather there?")]
WEATHER = ToolSpec("get_weather", "The weather at a place.", {
    "type": "object",
    "properties": {
        "city": {"type": "string", "maxLength": 12}, "unit": {"enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
    },
    "required": ["city", "unit", "days"], "additionalProperties": False,
}, strict=True)  # fmt: skip
OTHERS = tuple(
    ToolSpec(name, "Another tool.", {
        "type": "object",
        "properties": {"subject": {"type": "string", "maxLength": 12}, "amount": {"type": "integer", "maximum": 99}},
        "required": ["subject", "amount"], "additionalProperties": False,
    }, strict=True)
    for name in ("get_stock_price", "convert_currency", "search_documents", "set_reminder")
)  # fmt: skip
ESSAY = {
    "type": "object", "properties": {"text": {"type": "string", "minLength": 2000}},
    "required": ["text"], "additionalProperties": False,
}  # fmt: skip
OFFERED = {"one tool": (WEATHER,), "one of five tools": (*OTHERS, WEATHER)}


def measure(asked: Asked) -> None:
    given = loaded(random_model(SMALL), tokenizer_of(asked.tokenizer, SMALL.vocabulary))
    engine = engine_of(given)
    found: dict[str, Any] = {"rounds": asked.rounds(ROUNDS), "model": str(SMALL), "calls": {}, "cost": {}}
    for name, tools in OFFERED.items():
        found["calls"][name] = calls(engine, given, tools, asked.rounds(CALLS))
        print(name, found["calls"][name], flush=True)
        asked.keep(found)
    for streams in (1, 8):
        case = found["cost"][f"{streams} stream{'s' * (streams > 1)}"] = cost(
            engine, given, streams, asked.rounds(ROUNDS)
        )
        print(streams, case, flush=True)
        asked.keep(found)
    engine.close()


def calls(engine: Engine, given: Loaded, tools: tuple[ToolSpec, ...], wanted: int) -> dict[str, Any]:
    """Tokens and passes of so many calls, one after the other; the pass that reads the prompt is left out."""
    tokens, passes, read = 0, 0, engine.forward.read

    def counted(pieces: Sequence[Piece]) -> torch.Tensor:
        nonlocal passes
        passes += any(piece.start for piece in pieces)
        return read(pieces)

    engine.forward.read = counted
    try:
        for seed in range(wanted):
            config = GenerationConfig(
                tools=tools,
                tool_choice="required",
                parallel_tool_calls=False,
                thinking=False,
                max_tokens=300,
                seed=seed,
            )
            request = Request.of(given, QUESTION, config)
            assert request.constraint
            writing = Writing(request.plan, request.thinking(given), request.constraint)
            tokens += sum(1 for _ in engine.submit(writing).tokens())
    finally:
        engine.forward.read = read
    return {
        "calls": wanted,
        "tokens": tokens,
        "forward passes": passes,
        "passes a token": round(passes / tokens, 3),
    }


class Watched:
    """A constraint whose own processor time is counted, in seconds of the engine's thread."""

    def __init__(self, inner: Constraint) -> None:
        self._inner, self.seconds = inner, 0.0

    def __getattr__(self, name: str) -> Any:
        started = time.thread_time()
        found: Any = getattr(self._inner, name)
        if not callable(found):
            self.seconds += time.thread_time() - started
            return found

        def counted(*given: Any, **named: Any) -> Any:
            started = time.thread_time()
            try:
                return found(*given, **named)
            finally:
                self.seconds += time.thread_time() - started

        return counted


def cost(engine: Engine, given: Loaded, streams: int, rounds: int) -> dict[str, Any]:
    """The constraint's own processor time beside that of the whole engine, at so many streams."""
    own: list[float] = []

    def held() -> Took:
        watched: list[Any] = [Watched(_constraint(given)) for _ in range(streams)]
        took = timed(lambda: _answers(engine, given, watched))
        own.append(sum(one.seconds for one in watched))
        return took

    def free() -> Took:
        return timed(lambda: _answers(engine, given, [None] * streams))

    took = in_turn({"held": held, "free": free}, rounds)
    each = 1000 / TOKENS / streams
    shares = [spent / one.cpu for spent, one in zip(own[1:], took["free"], strict=True)]
    return {
        "constraint, processor ms a token": round(median(own[1:]) * each, 3),
        "free, processor ms a token": round(median(one.cpu for one in took["free"]) * each, 2),
        "share": round(median(shares), 4),
    }


def _constraint(given: Loaded) -> Constraint:
    form = GenerationConfig(thinking=False, response_format=JsonFormat(ESSAY, strict=True))
    found = Request.of(given, QUESTION, form).constraint
    assert found
    return found


def _answers(engine: Engine, given: Loaded, constraints: Sequence[Constraint | None]) -> None:
    prompt = Request.of(given, QUESTION, GenerationConfig(thinking=False)).plan.prompt
    tickets = [ask(engine, prompt, TOKENS, QWEN, constraint) for constraint in constraints]
    for ticket in tickets:
        list(ticket.tokens())
