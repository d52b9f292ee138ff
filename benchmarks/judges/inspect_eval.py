"""As many samples through inspect_ai as `benchmarks.evaluation` says; run by the interpreter that has it.

python inspect_eval.py URL SAMPLES AT_ONCE    prints {"wall", "cpu"} in seconds: of its evaluation, without imports
"""

from __future__ import annotations

import json
import sys
import time
from importlib import import_module
from typing import Any


def named(module: str, name: str) -> Any:
    """What only this file's interpreter has."""
    return getattr(import_module(f"inspect_ai{module}"), name)


def main() -> None:
    url, samples, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sample = named(".dataset", "Sample")
    rows = [sample(input=f"Ça va ? 🙂 numéro {n}", target="bien") for n in range(samples)]
    task = named("", "Task")(dataset=rows, solver=named(".solver", "generate")(), scorer=named(".scorer", "includes")())
    wall, cpu = time.perf_counter(), time.process_time()
    (log,) = named("", "eval")(
        task, model="openai-api/bench/m", model_base_url=url, model_args={"api_key": "unused"}, max_connections=at_once,
        max_samples=at_once, display="none", log_dir="inspect-logs",
    )  # fmt: skip
    taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    if log.status != "success":
        raise SystemExit(f"{log.status}: {log.error}")
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
