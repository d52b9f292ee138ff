"""Fills in docs/serving.md's table of outside clients: `python docs/generate_outside_clients.py [--check]`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from writing import written

from unified_intelligence.figures.markdown import table

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/serving.md"
RESULTS = "benchmarks/results/outside_clients.json"
_PLACE = re.compile(r"(<!-- measured: outside-clients -->\n).*?(<!-- end -->)", re.DOTALL)


def document() -> str:
    """The whole document with the table of today's result file."""
    result = json.loads((ROOT / RESULTS).read_text(encoding="utf-8"))
    heads = ("judge", "server", "cases", "passed", "failed: the model", "failed: the protocol")
    told = f"From `{RESULTS}`, written on {result['date']} by `{result['command']}`."
    told = f"{told}\n\n{table(heads, _rows(result['judges']))}"
    return _PLACE.sub(lambda place: f"{place[1]}{told}\n{place[2]}", DOCUMENT.read_text(encoding="utf-8"))


def _rows(judges: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for judge, found in judges.items():
        versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
        named = f"{judge} ({versions})"
        for server, run in found["runs"].items():
            model = sum(failure.get("asks for") == "an able model" for failure in run["failures"])
            cut = "" if run.get("complete", True) else " (interrupted)"
            yield (named, server + cut, run["cases"], run["passed"], model, run["failed"] - model)


if __name__ == "__main__":
    sys.exit(written(DOCUMENT, document(), sys.argv[1:]))
