"""What queue, scheduler and sampler add to the forward pass, per step of all streams together.

The slots hold the prompt already, so a round of the engine reads one token of each stream a pass, as the bare loop
does. The bare loop is greedy; the engine is asked greedily, as Qwen3's card recommends (temperature 0.6, top_p 0.95,
top_k 20), and with temperature 1 alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch

from benchmarks.engine.asking import GREEDY, HOT, QWEN, ask_all, engine_of, loaded, random_prompt
from benchmarks.engine.decode import STREAMS, Generate, Own
from benchmarks.engine.models import SMALL, random_model, tokenizer_of
from benchmarks.engine.report import Asked
from benchmarks.engine.rounds import Took, in_turn, rate, ratio, timed
from unified_intelligence.engine.engine import Engine

LENGTH, ROUNDS = 64, 3
STEPS = {1: 12, 8: 6, 16: 5}
WAYS = {"greedy": GREEDY, "as Qwen3 recommends": QWEN, "temperature 1": HOT}


def measure(asked: Asked) -> None:
    model = random_model(SMALL)
    prompt = random_prompt(model, LENGTH)
    generate = Generate(random_model(SMALL))
    generate.read(prompt)
    engine = engine_of(loaded(model, tokenizer_of(asked.tokenizer, SMALL.vocabulary)))
    ask_all(engine, [prompt] * max(STREAMS), max(STEPS.values()))
    found: dict[str, Any] = {"rounds": asked.rounds(ROUNDS), "model": str(SMALL), "prompt": LENGTH, "cases": {}}
    for streams in STREAMS:
        case = found["cases"][f"{streams} stream{'s' * (streams > 1)}"] = one_case(
            engine, generate, prompt, streams, asked.rounds(ROUNDS)
        )
        print(streams, case, flush=True)
        asked.keep(found)
    engine.close()


def one_case(engine: Engine, generate: Generate, prompt: list[int], streams: int, rounds: int) -> dict[str, Any]:
    steps = STEPS[streams]

    def ask(way: str) -> Took:
        with torch.inference_mode():
            return timed(lambda: ask_all(engine, [prompt] * streams, steps, WAYS[way]))

    contenders: dict[str, Callable[[], Took]] = {"bare": partial(Own(engine.forward).write, prompt, streams, steps)}
    contenders |= {way: partial(ask, way) for way in WAYS}
    contenders["generate"] = partial(generate.write, prompt, streams, steps)
    took = in_turn(contenders, rounds)
    case: dict[str, Any] = {
        "generate": rate(took["generate"], steps * streams),
        "bare forward pass": rate(took["bare"], steps * streams),
    }
    for way in WAYS:
        added = [whole.cpu - bare.cpu for bare, whole in zip(took["bare"], took[way], strict=True)]
        case[way] = {
            **rate(took[way], steps * streams),
            "times generate": ratio(took["generate"], took[way]),
            "times the bare pass": ratio(took["bare"], took[way]),
            "added, processor ms a step": round(median(added) / steps * 1000, 2),
        }
    return case
