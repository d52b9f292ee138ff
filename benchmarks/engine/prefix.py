"""Time to the first token of a prompt whose beginning was read before, beside one that is new from its first token."""

from __future__ import annotations

from statistics import median
from typing import Any

from benchmarks.engine.asking import ask, engine_of, loaded, random_prompt
from benchmarks.engine.models import SMALL, random_model, tokenizer_of
from benchmarks.engine.report import Asked
from benchmarks.engine.rounds import Took, in_turn, ratio, timed
from unified_intelligence.engine.engine import Engine

CASES = ((480, 32, 1), (224, 32, 4))
ROUNDS = 4


def measure(asked: Asked) -> None:
    model = random_model(SMALL)
    engine = engine_of(loaded(model, tokenizer_of(asked.tokenizer, SMALL.vocabulary)))
    found: dict[str, Any] = {"rounds": asked.rounds(ROUNDS), "model": str(SMALL), "cases": {}}
    for common, own, requests in CASES:
        name = f"{requests} at once, {common} tokens in common and {own} of their own"
        case = found["cases"][name] = one_case(engine, model, (common, own, requests), asked.rounds(ROUNDS))
        print(name, case, flush=True)
        asked.keep(found)
    engine.close()


def one_case(engine: Engine, model: Any, sizes: tuple[int, int, int], rounds: int) -> dict[str, Any]:
    common, own, requests = sizes
    beginning = random_prompt(model, common)
    first_tokens(engine, [[*beginning, *random_prompt(model, own)]])

    def again() -> Took:
        prompts = [[*beginning, *random_prompt(model, own)] for _ in range(requests)]
        return timed(lambda: first_tokens(engine, prompts))

    def new() -> Took:
        prompts = [random_prompt(model, common + own) for _ in range(requests)]
        return timed(lambda: first_tokens(engine, prompts))

    took = in_turn({"new": new, "read before": again}, rounds)
    return {
        **{
            f"{name}, s to the first token of all": {
                "wall": round(median(one.wall for one in some), 3),
                "processor": round(median(one.cpu for one in some), 3),
            }
            for name, some in took.items()
        },
        "times as fast": ratio(took["new"], took["read before"]),
    }


def first_tokens(engine: Engine, prompts: list[list[int]]) -> None:
    """Waits until each has its first."""
    tickets = [ask(engine, prompt, 1) for prompt in prompts]
    for ticket in tickets:
        list(ticket.tokens())
