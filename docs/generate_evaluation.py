"""Fills in docs/evaluation.md's figures from result files: `python docs/generate_evaluation.py [--check]`."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from writing import written

from unified_intelligence.figures.markdown import table

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/evaluation.md"
RUNS = "benchmarks/results/evaluation"
HARNESS = "benchmarks/results/evaluation.json"
_PLACE = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def document() -> str:
    """The whole document with today's result files."""
    tables = {"embedded": _embedded(), "harness": _harness()}
    return _PLACE.sub(lambda place: f"{place[1]}{tables[place[2]]}\n{place[3]}", DOCUMENT.read_text(encoding="utf-8"))


def _embedded() -> str:
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((ROOT / RUNS).glob("*/run.json"))]
    days = sorted({run["started_at"][:10] for run in runs})
    rows: list[list[str]] = []
    for run in runs:
        (own,) = (one for one in run["metrics"] if one["name"] == "accuracy" and one.get("slice", "all") == "all")
        suite = f"{run['dataset']['name']}{', ' + run['model']['route'] if run['model']['route'] else ''}"
        ends = [str(run["counts"][name]) for name in ("malformed", "truncated", "error")]
        interval = f"{own['ci']['lo']:.1%} to {own['ci']['hi']:.1%}"
        rows.append([suite, f"{own['k']:g} of {own['n']}", f"{own['value']:.1%}", interval, *ends])
    heads = ("suite", "right of answered", "accuracy", "95 % interval", "malformed", "truncated", "error")
    told = f"From `{RUNS}`, written on {' and '.join(days)} by `uic eval run SUITE --provider embedded`."
    return f"{told}\n\n{table(heads, rows)}"


def _harness() -> str:
    result: dict[str, Any] = json.loads((ROOT / HARNESS).read_text(encoding="utf-8"))
    told = f"From `{HARNESS}`, written on {result['date']} by `{result['command']}`, on {result['machine']}."
    rows = [
        (name, f"{own['samples_per_second']:g}", f"{own['share_of_ideal']:.0%}", f"{own['cpu_ms_per_sample']:.2f} ms")
        for name, own in result["ways"].items()
    ]
    alone = result["harness_alone_cpu_ms_per_sample"]
    after = f"Without a server, with answers that come at once, the harness takes {alone:.2f} ms of CPU a sample."
    return f"{told}\n\n{table(('way', 'samples a second', 'of the ideal 640', 'CPU a sample'), rows)}\n\n{after}"


if __name__ == "__main__":
    sys.exit(written(DOCUMENT, document(), sys.argv[1:]))
