"""What a product with weights takes: each kind of engine/linear beside torch's own, in the shapes of Qwen3-0.6B.

    python benchmarks/engine_linear.py [--rounds N] [--threads 1,2] [--output FILE]

Random weights in bfloat16. For few rows, where reading the weights is the work, a call meets another copy of them than
the call before, so many that no cache holds them. All kinds take turns in each round. A figure is the median over the
rounds; `least` the shortest of them, which other work on the machine disturbs least (on one thread it is
processor time, so that waiting for a turn does not count); `times_as_fast` the median of the
rounds' own ratios to torch's product. `share` is the bytes read in the least time, as a share of the bandwidth at
which the same threads read memory, the best of the run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.nn import functional

from unified_intelligence.engine.linear import Linear, Quantization, explain, linear, read_bandwidth

HERE = Path(__file__).parent
SHAPES = {"qkv": (4096, 1024), "o": (1024, 2048), "gate_up": (6144, 1024), "down": (1024, 3072), "head": (151936, 1024)}
ROWS = (1, 2, 4, 8, 16, 32, 64, 256, 512)
FEW = 32
HEAD_ROWS = 64  # logits are asked for the last token of each answer only
KINDS: tuple[Quantization, ...] = ("none", "int8", "int4")
BEYOND_CACHE = 96 << 20

Product = Callable[[torch.Tensor], torch.Tensor]


def plain(weight: torch.Tensor) -> Product:
    return lambda x: functional.linear(x, weight)


def kinds_of(name: str) -> tuple[list[Product], dict[str, list[Linear]]]:
    out, width = SHAPES[name]
    copies = max(1, BEYOND_CACHE // (out * width * 2))
    weights = [torch.randn(out, width).bfloat16() / width**0.5 for _ in range(copies)]
    return [plain(weight) for weight in weights], {
        ("packed" if kind == "none" else kind): [linear(weight, quantization=kind) for weight in weights]
        for kind in KINDS
    }


def timed(products: list[Product], x: torch.Tensor) -> float:
    """Microseconds of one product."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    started = clock()
    for product in products:
        product(x)
    return (clock() - started) / len(products) * 1e6


def row(products: dict[str, list[Product]], x: torch.Tensor, rounds: int) -> dict[str, list[float]]:
    used = products if len(x) <= FEW else {kind: some[:1] for kind, some in products.items()}
    took: dict[str, list[float]] = {kind: [] for kind in used}
    for counted in [False, *[True] * rounds]:
        for kind, some in used.items():
            microseconds = timed(some if counted else some[:1], x)
            if counted:
                took[kind].append(microseconds)
    return took


def figures(took: dict[str, list[float]], read: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, times in took.items():
        found[kind] = {
            "microseconds": round(median(times), 1),
            "least": round(min(times), 1),
            "GB_per_s": round(read[kind] / min(times) / 1e3, 2),
            "times_as_fast": round(median(a / b for a, b in zip(took["torch"], times, strict=True)), 2),
        }
    return found


def measure(threads: int, rounds: int) -> dict[str, Any]:
    torch.set_num_threads(threads)
    bandwidths = [read_bandwidth(0.5)]
    shapes: dict[str, Any] = {}
    for name, (out, width) in SHAPES.items():
        own, kinds = kinds_of(name)
        products: dict[str, list[Product]] = {"torch": own, **{kind: [*some] for kind, some in kinds.items()}}
        read = {"torch": out * width * 2, **{kind: some[0].nbytes for kind, some in kinds.items()}}
        shapes[name] = {}
        for rows in ROWS:
            if name != "head" or rows <= HEAD_ROWS:
                x = torch.randn(rows, width).bfloat16()
                shapes[name][str(rows)] = figures(
                    row(products, x, rounds if rows <= FEW else max(3, rounds // 3)), read
                )
        bandwidths.append(read_bandwidth(0.5))
        print(threads, name, {kind: found["least"] for kind, found in shapes[name]["1"].items()}, flush=True)
    best = max(bandwidths)
    for by_rows in shapes.values():
        for found in by_rows.values():
            for kind in found.values():
                kind["share"] = round(kind["GB_per_s"] / best, 2)
    return {"read_GB_per_s": round(best, 1), "read_GB_per_s_each": [round(one, 1) for one in bandwidths], **shapes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--output", type=Path, default=HERE / "results" / "engine_linear.json")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "command": f"python benchmarks/engine_linear.py --rounds {options.rounds} --threads {options.threads}",
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, shared with other work all along",
        "torch": torch.__version__,
        "chosen": [explain(torch.device("cpu"), torch.bfloat16, kind) for kind in KINDS],
        "threads": {},
    }
    for threads in options.threads.split(","):
        with torch.inference_mode():
            found = measure(int(threads), options.rounds)
        result["threads"][threads] = {"load_average_at_the_end": round(os.getloadavg()[0], 1), **found}
        options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
