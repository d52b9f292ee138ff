"""One case of the part `gpu`, in a process of its own. Times are the wall's, and end when tokens are in main memory."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import torch

from benchmarks.engine.asking import GREEDY, QWEN, ask_all, loaded, random_prompt, running_of
from benchmarks.engine.decode import Generate, weights_of
from benchmarks.engine.models import LARGE, TINY, Shape, random_model, tokenizer_of
from benchmarks.engine.report import Asked
from unified_intelligence.engine.compiled import Compile
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.forward import Forward, Piece
from unified_intelligence.engine.pages import Places
from unified_intelligence.engine.place import Quantization

MARK = "figures: "
LENGTH, STEPS, ANSWER, MANY, ROUNDS, SOAK, PROFILED = 64, 128, 600, 32, 3, 1000, 8
GB = 1e9
WAYS: dict[str, tuple[Quantization, Compile]] = {
    "bfloat16, cudagraph": ("none", "cudagraph"),
    "bfloat16, inductor": ("none", "inductor"),
    "bfloat16, off": ("none", "off"),
    "fp8, cudagraph": ("fp8", "cudagraph"),
    "fp8, inductor": ("fp8", "inductor"),
    "int8, cudagraph": ("int8", "cudagraph"),
    "int4, cudagraph": ("int4", "cudagraph"),
}
CASES = ("bandwidth", "generate", *list(WAYS)[:4], "memory", *list(WAYS)[4:])


def figures(asked: Asked) -> Iterator[dict[str, Any]]:
    """Of the case that was asked for, all there are so far; `failed` says why there are no more."""
    told: dict[str, Any] = {}
    others = {"bandwidth": _bandwidth, "generate": _generate, "memory": _memory}
    try:
        if asked.case in others:
            yield others[asked.case](asked)
            return
        for more in _way(asked, *WAYS[asked.case]):
            told |= more
            yield told
    except Exception as error:  # noqa: BLE001 - what was measured before it is kept
        yield {**told, "failed": f"{type(error).__name__}: {error}".partition("\n")[0]}


def _bandwidth(asked: Asked) -> dict[str, Any]:
    gpu = asked.device == "cuda"
    return {
        "name": torch.cuda.get_device_name() if gpu else asked.device,
        "memory, GB": round(torch.cuda.mem_get_info()[1] / GB, 1) if gpu else None,
        "read GB/s": round(read_speed(asked.device), 1),
    }


def read_speed(device: str) -> float:
    """GB/s of reading, the best of many: of 4 GB on a GPU, so that the time of a launch is none of it."""
    numbers = torch.ones(1 << (30 if device == "cuda" else 26), device=device)
    fastest, ends = float("inf"), time.perf_counter() + 1.0
    while time.perf_counter() < ends:
        for work in (numbers.sum, lambda: numbers.view(1 << 13, -1).sum(1), numbers.amax):
            fastest = min(fastest, _timed(work))
    return numbers.nbytes / fastest / GB


def _generate(asked: Asked) -> dict[str, Any]:
    shape, rounds, steps = _size(asked)
    generate = Generate(random_model(shape, asked.device))
    prompt = random_prompt(generate.model, LENGTH)
    generate.read(prompt)
    took = {streams: [generate.write(prompt, streams, steps).wall for _ in range(rounds + 1)] for streams in (1, MANY)}
    return {
        "one stream, tokens/s": round(steps / median(took[1][1:]), 1),
        f"{MANY} streams, tokens/s": round(MANY * steps / median(took[MANY][1:]), 1),
    }


def _way(asked: Asked, quantization: Quantization, compile: Compile) -> Iterator[dict[str, Any]]:
    shape, rounds, steps = _size(asked)
    model = random_model(shape, asked.device)
    prompt = random_prompt(model, LENGTH)
    bandwidth, started = read_speed(asked.device), time.perf_counter()
    given = loaded(model, tokenizer_of(asked.tokenizer, shape.vocabulary))
    running = running_of(given, MANY, quantization, compile, 8.0)
    engine, forward = running.engine, running.engine.forward
    yield {"said": running.explanation, "s to start": round(time.perf_counter() - started, 1)}
    seconds = median([_bare(forward, prompt, steps) for _ in range(rounds + 1)][1:])
    read = (weights_of(forward) + (LENGTH + steps / 2) * forward.token_bytes) / GB
    yield {
        "weights, GB": round(weights_of(forward) / GB, 2),
        "pass alone, tokens/s": round(steps / seconds, 1),
        "pass alone, share of read bandwidth": round(read * steps / seconds / bandwidth, 3),
        "read GB/s": round(bandwidth, 1),
    }
    try:
        whole = _whole(engine, prompt, rounds, steps, ANSWER // (10 if asked.tiny else 1))
    finally:
        engine.close()
    yield {
        **whole,
        "share of read bandwidth": round(read * whole["one stream, tokens/s"] / bandwidth, 3),
        "recorded at the end": _recorded(forward),
    }
    if asked.device == "cuda":
        yield {"ms of kernels a step": _kernels(forward, prompt)}


def _whole(engine: Engine, prompt: list[int], rounds: int, steps: int, answer: int) -> dict[str, Any]:
    """Asked of the engine, with its scheduler and its sampler."""
    contenders: dict[str, Callable[[], object]] = {
        "single": lambda: ask_all(engine, [prompt], steps, GREEDY),
        "sampled": lambda: ask_all(engine, [prompt], steps, QWEN),
        "answer": lambda: ask_all(engine, [prompt], answer, QWEN),
        "many": lambda: ask_all(engine, [prompt] * MANY, steps, GREEDY),
        "many sampled": lambda: ask_all(engine, [prompt] * MANY, steps, QWEN),
    }
    took = {name: [_timed(work) for _ in range(rounds + 1)][1:] for name, work in contenders.items()}
    seconds = {name: median(some) for name, some in took.items()}
    return {
        "one stream, tokens/s": round(steps / seconds["single"], 1),
        "one stream, as Qwen3 recommends, tokens/s": round(steps / seconds["sampled"], 1),
        f"{answer} tokens, s": round(seconds["answer"], 2),
        f"{MANY} streams, tokens/s": round(MANY * steps / seconds["many"], 1),
        f"{MANY} streams, as Qwen3 recommends, tokens/s": round(MANY * steps / seconds["many sampled"], 1),
    }


def _bare(forward: Forward, prompt: list[int], steps: int) -> float:
    """Seconds of so many greedy steps of one stream, without engine; no slot holds anything before and after."""
    with torch.inference_mode():
        forward.hold([Places(0, 0, len(prompt) + steps + 1)])
        forward.read([Piece(0, 0, prompt)]).argmax().item()
        seconds = _timed(lambda: _steps(forward, len(prompt), steps))
        forward.forget()
    return seconds


def _steps(forward: Forward, start: int, steps: int) -> None:
    token = 11
    for place in range(start, start + steps):
        token = int(forward.read([Piece(0, place, [token])]).argmax())


def _kernels(forward: Forward, prompt: list[int]) -> dict[str, float]:
    """What takes the time of a step on the device, most first: where to go on."""
    library: Any = importlib.import_module("torch.profiler")
    with torch.inference_mode():
        forward.forget()
        forward.hold([Places(0, 0, len(prompt) + 2 * PROFILED)])
        forward.read([Piece(0, 0, prompt)])
        _steps(forward, len(prompt), PROFILED)
        with library.profile(activities=[library.ProfilerActivity.CUDA]) as seen:
            _steps(forward, len(prompt) + PROFILED, PROFILED)
        forward.forget()
    spent = sorted(((each.self_device_time_total, each.count, each.key) for each in seen.key_averages()), reverse=True)
    return {f"{key[:70]} x{count // PROFILED}": round(us / PROFILED / 1000, 3) for us, count, key in spent[:16]}


def _memory(asked: Asked) -> dict[str, Any]:
    """Of the device, after a tenth and after all of many short requests, and how much a request took between."""
    shape, _, _ = _size(asked)
    model = random_model(shape, asked.device)
    given = loaded(model, tokenizer_of(asked.tokenizer, shape.vocabulary))
    gpu = asked.device == "cuda"
    running = running_of(given, MANY, "none", "cudagraph" if gpu else "off")
    requests, held = (SOAK if gpu else SOAK // 10), list[tuple[int, int]]()
    try:
        for share in (requests // 10, requests - requests // 10):
            prompts = [[1000, 1000 + at % 97, *range(at % 60)] for at in range(share)]
            ask_all(running.engine, prompts, 4, QWEN)
            held.append((torch.cuda.memory_allocated(), torch.cuda.memory_reserved()) if gpu else (0, 0))
    finally:
        running.engine.close()
    return {
        "requests": requests,
        "GB held after a tenth": round(held[0][0] / GB, 3),
        "GB held after all": round(held[1][0] / GB, 3),
        "GB reserved after a tenth": round(held[0][1] / GB, 3),
        "GB reserved after all": round(held[1][1] / GB, 3),
        "recorded at the end": _recorded(running.engine.forward),
    }


def _recorded(forward: Any) -> str:
    """How the steps are read now: what was recorded may have been given up meanwhile."""
    if not forward.steady:
        return "nothing"
    return forward.steady.fault or "steps of single tokens"


def _size(asked: Asked) -> tuple[Shape, int, int]:
    """The model's shape, rounds, and tokens written in one."""
    return (TINY, 1, 16) if asked.tiny else (LARGE, asked.rounds(ROUNDS), STEPS)


def _timed(work: Callable[[], object]) -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started
