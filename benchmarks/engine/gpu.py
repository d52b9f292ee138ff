"""The same engine on one GPU: Qwen3-8B's shape in bfloat16, beside `model.generate` and the device's bandwidth.

    python -m benchmarks.engine --part gpu [--tokenizer FOLDER]

Where there is no GPU it says so and writes nothing. The kinds of weights are tried one after the other, each from a
model of its own, because two do not fit side by side everywhere; `generate` takes turns with the engine in bfloat16.
Times are the wall's, each ends when its tokens are in main memory.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import torch

from benchmarks.engine.asking import GREEDY, QWEN, ask_all, engine_of, loaded, random_prompt
from benchmarks.engine.decode import Generate, weights_of
from benchmarks.engine.models import LARGE, Shape, random_model, tokenizer_of
from benchmarks.engine.report import Asked
from benchmarks.engine.rounds import Took, in_turn, timed
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.linear import read_bandwidth
from unified_intelligence.engine.place import Quantization
from unified_intelligence.entities.errors import UnifiedIntelligenceError

LENGTH, STEPS, ANSWER, MANY, ROUNDS, SOAK = 64, 64, 600, 32, 3, 1000
KINDS: tuple[Quantization, ...] = ("none", "fp8", "int8", "int4")
DEVICE = "cuda"
GB = 1e9


def measure(asked: Asked, shape: Shape = LARGE, device: str = DEVICE) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        print("There is no GPU here: nothing was measured. Run this part on a machine that has one.")
        return
    found: dict[str, Any] = {
        "rounds": asked.rounds(ROUNDS),
        "model": str(shape),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "read GB/s": round(read_bandwidth(1.0, torch.device(device)), 1),
        "kinds": {},
    }
    for kind in KINDS:
        try:
            found["kinds"][kind] = _kind(asked, shape, device, kind, found["read GB/s"])
        except (UnifiedIntelligenceError, torch.OutOfMemoryError) as error:
            found["kinds"][kind] = {"refused": str(error).partition("\n")[0]}
        print(kind, found["kinds"][kind], flush=True)
        asked.keep(found)
        gc.collect()
        if device == "cuda":
            torch.cuda.empty_cache()


def _kind(asked: Asked, shape: Shape, device: str, kind: Quantization, bandwidth: float) -> dict[str, Any]:
    model = random_model(shape, device)
    prompt = random_prompt(model, LENGTH)
    beside: Generate | None = None
    if kind == "none":
        beside = Generate(random_model(shape, device))
        beside.read(prompt)
    engine = engine_of(loaded(model, tokenizer_of(asked.tokenizer, shape.vocabulary)), MANY, kind)
    try:
        return _figures(asked, engine, beside, prompt, bandwidth)
    finally:
        engine.close()


def _figures(
    asked: Asked, engine: Engine, beside: Generate | None, prompt: list[int], bandwidth: float
) -> dict[str, Any]:
    ask_all(engine, [prompt] * MANY, STEPS)
    contenders: dict[str, Callable[[], Took]] = {
        "single": lambda: timed(lambda: ask_all(engine, [prompt], STEPS, GREEDY)),
        "answer": lambda: timed(lambda: ask_all(engine, [prompt], ANSWER, QWEN)),
        "many": lambda: timed(lambda: ask_all(engine, [prompt] * MANY, STEPS, QWEN)),
    }
    if beside:
        contenders |= {"generate": partial(beside.write, prompt, 1, STEPS)}
        contenders |= {"generate, many": partial(beside.write, prompt, MANY, STEPS)}
    took = in_turn(contenders, asked.rounds(ROUNDS))
    seconds = {name: median(one.wall for one in some) for name, some in took.items()}
    weights = weights_of(engine.forward)
    read = (weights + (LENGTH + STEPS / 2) * engine.forward.token_bytes) / GB
    told: dict[str, Any] = {
        "weights, GB": round(weights / GB, 2),
        "one stream, tokens/s": round(STEPS / seconds["single"], 1),
        "share of read bandwidth": round(read * STEPS / seconds["single"] / bandwidth, 3),
        f"{ANSWER} tokens, s": round(seconds["answer"], 2),
        f"{MANY} streams, tokens/s": round(MANY * STEPS / seconds["many"], 1),
        **_memory(engine, asked),
    }
    if beside:
        told["generate, one stream, tokens/s"] = round(STEPS / seconds["generate"], 1)
        told[f"generate, {MANY} streams, tokens/s"] = round(MANY * STEPS / seconds["generate, many"], 1)
        told["one stream, times generate"] = round(seconds["generate"] / seconds["single"], 2)
        told[f"{MANY} streams, times one stream of generate"] = round(MANY * seconds["generate"] / seconds["many"], 1)
        told[f"{MANY} streams, times generate"] = round(seconds["generate, many"] / seconds["many"], 2)
    return told


def _memory(engine: Engine, asked: Asked) -> dict[str, Any]:
    """Of the device, after a tenth and after all of many short requests."""
    if engine.forward.device.type != "cuda":
        return {}
    requests = asked.rounds(SOAK)
    held: list[int] = []
    for share in (requests // 10, requests - requests // 10):
        ask_all(engine, [[1000, 1000 + at % 97, at % 1000] for at in range(share)], 4, QWEN)
        held.append(torch.cuda.memory_allocated())
    return {
        "GB held after a tenth of the requests": round(held[0] / GB, 3),
        f"GB held after {requests} requests": round(held[1] / GB, 3),
        "most GB held": round(torch.cuda.max_memory_allocated() / GB, 2),
    }
