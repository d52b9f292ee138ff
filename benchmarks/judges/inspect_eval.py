"""As many samples through inspect_ai as `benchmarks.evaluation` says; run by the interpreter that has it.

python inspect_eval.py URL SAMPLES AT_ONCE    prints {"wall", "cpu"} in seconds: of its evaluation, without imports
"""

from __future__ import annotations

import json
import sys
import time

from inspect_ai import Task  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
from inspect_ai import eval as evaluate
from inspect_ai.dataset import Sample  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
from inspect_ai.scorer import includes  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
from inspect_ai.solver import generate  # pyright: ignore[reportMissingImports, reportUnknownVariableType]


def main() -> None:
    url, samples, at_once = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rows = [Sample(input=f"Ça va ? 🙂 numéro {n}", target="bien") for n in range(samples)]
    task = Task(dataset=rows, solver=generate(), scorer=includes())
    wall, cpu = time.perf_counter(), time.process_time()
    (log,) = evaluate(
        task, model="openai-api/bench/m", model_base_url=url, model_args={"api_key": "unused"}, max_connections=at_once,
        max_samples=at_once, display="none", log_dir="inspect-logs",
    )  # fmt: skip
    taken = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    if log.status != "success":
        raise SystemExit(f"{log.status}: {log.error}")
    print(json.dumps(taken))


if __name__ == "__main__":
    main()
