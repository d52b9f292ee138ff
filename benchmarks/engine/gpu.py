"""The same engine on one GPU: Qwen3-8B's shape in bfloat16, beside `model.generate` and the device's bandwidth.

    python -m benchmarks.engine --part gpu [--tokenizer FOLDER]
    python -m benchmarks.engine --part gpu --device cpu --tiny --quick    tries the script where there is no GPU

Each case is a process of its own, because what breaks one may spoil the device for the whole process; the result file
is written after each, with the reason in place of the figures where one failed. All of it ends within eight minutes:
the cases that say most are first, and what there was no time for is noted.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

import torch

from benchmarks.engine.gpu_case import CASES, MANY, MARK, figures
from benchmarks.engine.report import Asked

SECONDS, LONGEST, LEAST = 460.0, 180.0, 20.0  # for all, for one case, and what a case is begun with


def measure(asked: Asked) -> None:
    if asked.device == "cuda" and not torch.cuda.is_available():
        print("There is no GPU here: nothing was measured. Run this part on a machine that has one.")
        return
    if asked.case:
        for told in figures(asked):
            print(MARK + json.dumps(told), flush=True)
        return
    ends = time.monotonic() + SECONDS
    cases: dict[str, dict[str, Any]] = {}
    for name in CASES:
        left = ends - time.monotonic()
        cases[name] = _case(name, min(left, LONGEST)) if left > LEAST else {"failed": "there was no time left"}
        print(name, cases[name], flush=True)
        asked.keep({"device": asked.device, "cases": cases, "compared": compared(cases)})


def compared(cases: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Ratios of what there is."""
    found: dict[str, float] = {}
    single = cases.get("generate", {}).get("one stream, tokens/s")
    many = cases.get("generate", {}).get(f"{MANY} streams, tokens/s")
    plain = cases.get("bfloat16, cudagraph", {}).get("one stream, tokens/s")
    for name, told in cases.items():
        if name == "generate" or "one stream, tokens/s" not in told:
            continue
        if single and many:
            found[f"{name}: one stream, times generate"] = round(told["one stream, tokens/s"] / single, 2)
            together = told[f"{MANY} streams, tokens/s"]
            found[f"{name}: {MANY} streams, times one of generate"] = round(together / single, 1)
            found[f"{name}: {MANY} streams, times generate"] = round(together / many, 2)
        if plain and not name.startswith("bfloat16"):
            found[f"{name}: one stream, times bfloat16, cudagraph"] = round(told["one stream, tokens/s"] / plain, 2)
    return found


def _case(name: str, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.engine", *sys.argv[1:], "--case", name]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired as late:
        return {**_last(late.stdout), "failed": f"it took longer than {seconds:.0f} s"}
    told = _last(done.stdout)
    if done.returncode == 0:
        return told
    said = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()][-1:]
    return {**told, "failed": "".join(said)[:300] or f"it ended with status {done.returncode}"}


def _last(output: bytes | None) -> dict[str, Any]:
    """The figures a case had when it ended, or was ended."""
    lines = [line for line in (output or b"").decode().splitlines() if line.startswith(MARK)]
    return json.loads(lines[-1].removeprefix(MARK)) if lines else {}
