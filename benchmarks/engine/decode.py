"""Tokens per second of the forward pass beside `model.generate`, and its share of the bandwidth of memory.

Greedy, one token at a time for all streams. The prompt is read before the clock runs, once, and every round goes on
from there: `generate` is given a copy of its cache. A share counts the weights and the keys and values a step reads,
against `read_bandwidth` measured with the same threads in the same round; and against the best of the case's rounds,
because other work only lowers it. Shares are of processor time.
"""

from __future__ import annotations

import copy
import importlib
from collections.abc import Callable, Generator, Sequence
from functools import partial
from statistics import median
from typing import Any

import torch

from benchmarks.engine.asking import random_prompt
from benchmarks.engine.models import SMALL, Shape, fused, random_model
from benchmarks.engine.report import Asked
from benchmarks.engine.rounds import Took, in_turn, rate, ratio, spread, timed
from unified_intelligence.engine.forward import Forward, Piece
from unified_intelligence.engine.linear import read_bandwidth
from unified_intelligence.engine.pages import Places
from unified_intelligence.engine.place import Quantization

STREAMS = (1, 8, 16)
PROMPTS = (64, 512)
STEPS = {1: 8, 8: 4, 16: 4}
ROUNDS = 4
KINDS: dict[str, Quantization] = {"bfloat16": "none", "int8": "int8", "int4": "int4"}


class Generate:
    """transformers' own loop, all streams in one batch."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._cache: Any = None

    def read(self, prompt: list[int]) -> None:
        library: Any = importlib.import_module("transformers")
        self._cache = library.DynamicCache(config=self.model.config)
        with torch.inference_mode():
            self.model(torch.tensor([prompt], device=self.model.device), past_key_values=self._cache)

    def write(self, prompt: list[int], streams: int, steps: int) -> Took:
        cache = copy.deepcopy(self._cache)
        ids = torch.tensor([[*prompt, 11]] * streams, device=self.model.device)
        with torch.inference_mode():
            cache.batch_repeat_interleave(streams)
            return timed(
                lambda: self.model.generate(
                    ids,
                    attention_mask=torch.ones_like(ids),
                    past_key_values=cache,
                    max_new_tokens=steps,
                    min_new_tokens=steps,
                    do_sample=False,
                ).tolist()
            )


class Own:
    """The engine's forward pass, without its scheduler."""

    def __init__(self, forward: Forward) -> None:
        self.forward = forward

    def read(self, prompt: list[int]) -> None:
        """A page that all streams share would be read from memory once: each has its own."""
        with torch.inference_mode():
            self.forward.forget()
            self.forward.hold([Places(slot, 0, len(prompt)) for slot in range(max(STREAMS))])
            for slot in range(max(STREAMS)):
                self.forward.read([Piece(slot, 0, prompt)])

    def write(self, prompt: list[int], streams: int, steps: int) -> Took:
        def work() -> None:
            tokens = [11] * streams
            for step in range(steps):
                pieces = [Piece(at, len(prompt) + step, [token]) for at, token in enumerate(tokens)]
                best: Any = self.forward.read(pieces).float().argmax(-1)
                tokens = [int(token) for token in best.tolist()]

        with torch.inference_mode():
            return timed(work)

    def bytes(self, prompt: list[int], streams: int, steps: int) -> float:
        """Read by a step in the middle of `steps`."""
        return weights_of(self.forward) + streams * (len(prompt) + steps / 2) * self.forward.token_bytes


def weights_of(forward: Any) -> int:
    """Bytes of weights a pass reads."""
    return forward.nbytes


def measure(asked: Asked) -> None:
    found: dict[str, Any] = {"rounds": asked.rounds(ROUNDS), "models": {}}
    for shape, prompts in ((SMALL, PROMPTS), (SMALL.cut(), PROMPTS[:1])):
        cases = found["models"][str(shape)] = {}
        for name, case in _cases(shape, prompts, asked):
            cases[name] = case
            print(name, case, flush=True)
            asked.keep(found)


def _cases(shape: Shape, prompts: Sequence[int], asked: Asked) -> Generator[tuple[str, dict[str, Any]]]:
    model = random_model(shape)
    own = {name: Own(fused(copy.deepcopy(model), kind)) for name, kind in KINDS.items()}
    generate = Generate(model)
    for length in prompts:
        prompt = random_prompt(model, length)
        for contender in (generate, *own.values()):
            contender.read(prompt)
        for streams in STREAMS:
            name = f"prompt of {length}, {streams} stream{'s' * (streams > 1)}"
            yield name, one_case(generate, own, prompt, streams, asked.rounds(ROUNDS))


def one_case(generate: Generate, own: dict[str, Own], prompt: list[int], streams: int, rounds: int) -> dict[str, Any]:
    steps, bandwidths = STEPS[streams], list[float]()
    device = next(iter(own.values())).forward.device

    def look() -> Took:
        bandwidths.append(read_bandwidth(0.15, device))
        return Took(1.0, 1.0)

    contenders: dict[str, Callable[[], Took]] = {"bandwidth": look}
    contenders |= {name: partial(one.write, prompt, streams, steps) for name, one in own.items()}
    contenders["generate"] = partial(generate.write, prompt, streams, steps)
    took = in_turn(contenders, rounds)
    reading = bandwidths[1:]
    case: dict[str, Any] = {"read GB/s": spread(reading, 1)}
    case["generate"] = rate(took["generate"], steps * streams)
    for name, one in own.items():
        read = one.bytes(prompt, streams, steps) * steps / 1e9
        shares = [read / once.cpu / speed for once, speed in zip(took[name], reading, strict=True)]
        case[name] = {
            **rate(took[name], steps * streams),
            "times generate": ratio(took["generate"], took[name]),
            "share of read bandwidth": round(median(shares), 3),
            "share of the best read bandwidth": round(read / median(one.cpu for one in took[name]) / max(reading), 3),
        }
    return case
