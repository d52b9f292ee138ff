"""What holding an answer to a form costs a token, and how many forward passes it saves, on a true vocabulary.

    python benchmarks/constraints.py TOKENIZER [--row 151936] [--rounds N] [--output FILE]

TOKENIZER is a folder or a Hub id with a tokenizer, such as Qwen/Qwen3-0.6B; `python -m tests.true_qwen3` prints a
folder with that of Qwen3, had without the Hub. No model is run: each scenario is an answer that is known beforehand. A
token that is forced costs no pass; the others are taken from the answer after their row of `--row` logits was masked.
Milliseconds are processor time of the one thread, over all rounds; the first round, in which llguidance builds what it
keeps, is told by itself.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean, quantiles
from typing import Any

import numpy
import torch
from numpy.typing import NDArray
from transformers import AutoTokenizer

from unified_intelligence.engine.answer import Rules
from unified_intelligence.engine.constraints import Grammars, bias_of
from unified_intelligence.engine.text import TextOfTokens
from unified_intelligence.entities.generation import GenerationConfig, JsonFormat
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.profiles import qwen3

HERE = Path(__file__).parent
WEATHER = ToolSpec("get_weather", "The weather at a place.", {
    "type": "object",
    "properties": {
        "city": {"type": "string"}, "unit": {"enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 14},
    },
    "required": ["city", "unit", "days"], "additionalProperties": False,
}, strict=True)  # fmt: skip
OTHERS = tuple(
    ToolSpec(name, "Another tool.", {
        "type": "object", "properties": {first: {"type": "string"}, second: {"type": "number"}},
        "required": [first, second], "additionalProperties": False,
    }, strict=True)
    for name, first, second in (
        ("get_stock_price", "symbol", "days_back"), ("send_email", "recipient", "priority"),
        ("convert_currency", "currency", "amount"), ("search_documents", "query", "limit"),
        ("create_event", "title", "duration"), ("get_directions", "destination", "max_distance"),
        ("translate_text", "text", "confidence"), ("set_reminder", "message", "delay"),
    )
)  # fmt: skip
INVOICE = {
    "type": "object",
    "properties": {
        "customer": {"type": "object", "properties": {"name": {"type": "string"}, "country": {"type": "string"}},
                     "required": ["name", "country"], "additionalProperties": False},
        "lines": {"type": "array", "items": {
            "type": "object",
            "properties": {"label": {"type": "string"}, "quantity": {"type": "integer"}, "price": {"type": "number"}},
            "required": ["label", "quantity", "price"], "additionalProperties": False}},
        "paid": {"type": "boolean"},
    },
    "required": ["customer", "lines", "paid"], "additionalProperties": False,
}  # fmt: skip
CALL = (
    '<tool_call>\n{"name": "get_weather", "arguments": '
    '{"city": "Aix-en-Provence", "unit": "celsius", "days": 3}}\n</tool_call>'
)
ANSWER = (
    '{"customer": {"name": "Zoë Müller & fils", "country": "Switzerland"}, "lines": ['
    '{"label": "Two nights, lake side 🙂", "quantity": 2, "price": 189.5}, '
    '{"label": "Breakfast", "quantity": 4, "price": 22}], "paid": false}'
)
TALK = "Let me look at the forecast for the weekend, then I can say whether the hike is a good idea.\n"
REQUIRED = {"tool_choice": "required", "thinking": False}
SCENARIOS: dict[str, tuple[dict[str, Any], str]] = {
    "a call of one tool": ({"tools": (WEATHER,), **REQUIRED}, CALL),
    "a call of one of nine tools": ({"tools": (*OTHERS, WEATHER), **REQUIRED}, CALL),
    "text, then a call of a strict tool": ({"tools": (*OTHERS, WEATHER), "thinking": False}, TALK + CALL),
    "JSON of a schema": ({"response_format": JsonFormat(INVOICE, strict=True), "thinking": False}, ANSWER),
    "any JSON object": ({"response_format": JsonFormat(), "thinking": False}, ANSWER),
}


@dataclass
class Taken:
    """Milliseconds: to begin an answer, and of each token that the model had to choose."""

    begin: list[float] = field(default_factory=list[float])
    forced: list[float] = field(default_factory=list[float])
    mask: list[float] = field(default_factory=list[float])
    take: list[float] = field(default_factory=list[float])
    tokens: int = 0
    passes: int = 0


def one_answer(
    grammars: Grammars, tokenizer: Any, config: GenerationConfig, answer: str, row: NDArray[numpy.float32]
) -> Taken:
    """Raises AssertionError where the answer is not one that the form allows."""
    taken, said = Taken(), list[int]()
    started = time.thread_time()
    state = grammars.constraint(config, Rules(qwen3.TAGS, exact=True), TextOfTokens(tokenizer.decode))
    taken.begin.append(_since(started))
    assert state is not None
    while not state.complete and len(tokenizer.decode(said)) < len(answer):
        started = time.thread_time()
        forced = list(state.forced())
        taken.forced.append(_since(started))
        if not forced:
            started = time.thread_time()
            masked = row + bias_of(state.allowed() or b"")[: len(row)]
            taken.mask.append(_since(started))
            forced = [_next(tokenizer, said, answer)]
            assert masked[forced[0]] == 0
            taken.passes += 1
        for token in forced:
            started = time.thread_time()
            state.take(token)
            taken.take.append(_since(started))
        said += forced
    assert tokenizer.decode(said) == answer
    taken.tokens = len(said)
    return taken


def _next(tokenizer: Any, said: Sequence[int], answer: str) -> int:
    """The token a model would write that tokenizes as its tokenizer does, after what was said."""
    left = answer.encode()[len(tokenizer.decode(said).rstrip("\ufffd").encode()) :].decode()
    return int(tokenizer.encode(left, add_special_tokens=False)[0])


def _since(started: float) -> float:
    return (time.thread_time() - started) * 1000


def _of(times: Sequence[float]) -> dict[str, float]:
    return {"mean": round(mean(times), 4), "p95": round(quantiles(times, n=20)[-1], 4)}


def measure(grammars: Grammars, tokenizer: Any, row: NDArray[numpy.float32], rounds: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name, (asked, answer) in SCENARIOS.items():
        config = GenerationConfig(**asked)
        first, *later = [one_answer(grammars, tokenizer, config, answer, row) for _ in range(rounds + 1)]
        chosen = [each for taken in later for each in taken.mask]
        whole = [sum(taken.forced) + sum(taken.mask) + sum(taken.take) for taken in later]
        figures[name] = {
            "tokens": first.tokens,
            "forward passes": first.passes,
            "passes saved": round(1 - first.passes / first.tokens, 3),
            "begin, ms, first": round(first.begin[0], 2),
            "begin, ms": round(mean(taken.begin[0] for taken in later), 2),
            "mask and apply, ms a choice, first": _of(first.mask),
            "mask and apply, ms a choice": _of(chosen),
            "all of it, ms a token": round(mean(whole) / first.tokens, 4),
        }
        print(name, figures[name])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer")
    parser.add_argument("--row", type=int, default=151_936)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--output", type=Path, default=HERE / "results" / "constraints.json")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    loader: Any = AutoTokenizer
    tokenizer = loader.from_pretrained(asked.tokenizer)
    grammars = Grammars(tokenizer, {tokenizer.eos_token_id}, asked.row)
    row: NDArray[numpy.float32] = numpy.zeros(int(asked.row), numpy.float32)
    started = time.thread_time()
    grammars.encode("")
    built = _since(started)
    result = {
        "command": f"python benchmarks/constraints.py {Path(asked.tokenizer).name} --rounds {asked.rounds}",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "llguidance": version("llguidance"),
        "vocabulary": len(tokenizer),
        "row": asked.row,
        "tokenizer read once, ms": round(built),
        "scenarios": measure(grammars, tokenizer, row, asked.rounds),
    }
    asked.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
