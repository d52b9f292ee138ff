"""Tokens per second of the NumPy forward pass beside transformers on the same weights, in turn, one thread each.

    python benchmarks/embedded_engine.py [--rounds N] [--output FILE]

Reading is the time for a prompt of some 90 tokens; writing is one token at a time after it, greedily, with a cache.
Figures are medians over rounds, in tokens per second of wall time; the ratio is taken round by round.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch
from threadpoolctl import threadpool_limits  # pyright: ignore[reportMissingTypeStubs]
from transformers import AutoModelForCausalLM

from unified_intelligence.embedded.forward import Qwen3Forward
from unified_intelligence.embedded.router import FOLDER
from unified_intelligence.embedded.tokens import Tokens

HERE = Path(__file__).parent
PROMPT = "<|im_start|>user\n" + "what is the monthly payment on 200000 euros over 20 years at 3.5%? " * 3
WRITTEN = 64

Timed = Callable[[], tuple[float, float]]


def numpy_engine(prompt: list[int]) -> Timed:
    model = Qwen3Forward.load(FOLDER)

    def run() -> tuple[float, float]:
        cache = model.new_cache()
        started = time.perf_counter()
        logits = model.step(prompt, cache)
        read = time.perf_counter()
        for _ in range(WRITTEN):
            logits = model.step([int(logits.argmax())], cache)
        return read - started, time.perf_counter() - read

    return run


def transformers_engine(prompt: list[int]) -> Timed:
    loader: Any = AutoModelForCausalLM
    model = loader.from_pretrained(FOLDER, dtype=torch.float32).eval()

    def run() -> tuple[float, float]:
        with torch.inference_mode():
            started = time.perf_counter()
            out = model(torch.tensor([prompt]), use_cache=True)
            read = time.perf_counter()
            for _ in range(WRITTEN):
                following = out.logits[:, -1:].argmax(-1)
                out = model(following, past_key_values=out.past_key_values, use_cache=True)
            return read - started, time.perf_counter() - read

    return run


def measure(rounds: int) -> dict[str, Any]:
    torch.set_num_threads(1)
    prompt = Tokens.load(FOLDER).encode(PROMPT)
    engines = {"numpy": numpy_engine(prompt), "transformers": transformers_engine(prompt)}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
    with threadpool_limits(1):
        for counted in [False, *[True] * rounds]:
            for name, run in engines.items():
                took = run()
                if counted:
                    times[name].append(took)
    figures: dict[str, Any] = {}
    for index, (phase, tokens) in enumerate((("reading", len(prompt)), ("writing", WRITTEN))):
        for name, rows in times.items():
            figures[f"{name}, {phase}, tokens/s"] = round(tokens / median(row[index] for row in rows), 1)
        pairs = zip(times["numpy"], times["transformers"], strict=True)
        figures[f"{phase}, numpy over transformers"] = round(median(b[index] / a[index] for a, b in pairs), 2)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path, default=HERE / "results/embedded_engine.json")
    options = parser.parse_args()
    figures = measure(options.rounds)
    result = {
        "command": f"python benchmarks/embedded_engine.py --rounds {options.rounds}",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "figures": figures,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for name, figure in figures.items():
        print(f"{name:40} {figure}")


if __name__ == "__main__":
    main()
