"""Writes DEPLOYMENT_SUMMARY.md from the result files: `python docs/generate_deployment_summary.py [--check]`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

ROOT = Path(__file__).parents[1]
SUMMARY = ROOT / "DEPLOYMENT_SUMMARY.md"
RESULTS = (
    ("The embedded model", "training/embedded/results.json"),
    ("What a start costs", "benchmarks/results/startup.json"),
    ("The embedded model's engine", "benchmarks/results/embedded_engine.json"),
)
# What only someone who repeats the measurement needs, and finds in the file.
LEFT_OUT = {
    "command",
    "sha256",
    "misses",
    "training",
    "calibration",
    "libraries",
    "CPU seconds",
    "rounds",
    "python",
    "torch",
}
HEAD = """\
# Deployment summary

Written by `python docs/generate_deployment_summary.py` from the result files in this repository.

Nothing is deployed from this repository: no Space, no server, no container. The package is installed from a checkout,
and the embedded model comes with it.
"""


def summary() -> str:
    """The whole document."""
    sections = [_section(title, name) for title, name in RESULTS]
    return "\n".join([HEAD, *sections])


def _section(title: str, name: str) -> str:
    path = ROOT / name
    if not path.is_file():
        return f"## {title}\n\nNo result file yet: `{name}`.\n"
    result = json.loads(path.read_text(encoding="utf-8"))
    kept = {
        key: value for key, value in result.items() if key in {"date", "figures", "sizes", "ratios", "milliseconds"}
    }
    rows = "\n".join(f"| {key} | {value} |" for key, value in _figures(kept))
    return f"## {title}\n\nFrom `{name}`.\n\n| figure | value |\n| --- | --- |\n{rows}\n"


def _figures(value: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The single values of a result file under their full names; lists, which hold raw measurements, are left out."""
    if isinstance(value, dict) and {"right", "of", "low", "high"} <= value.keys():
        share = cast("dict[str, float]", value)
        low, high = (100 * share[bound] for bound in ("low", "high"))
        yield prefix, f"{share['right']} of {share['of']} ({low:.1f} to {high:.1f} %)"
    elif isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            yield from _figures(inner, f"{prefix} {key}".strip())
    elif isinstance(value, bool | int | str):
        yield prefix, str(value).replace("|", "\\|")
    elif isinstance(value, float):
        yield prefix, f"{value:.4g}"


def main(arguments: list[str]) -> int:
    """The exit code: with `--check` 1 if the file is not what it should be, and nothing is written."""
    text = summary()
    if SUMMARY.is_file() and SUMMARY.read_text(encoding="utf-8") == text:
        return 0
    if "--check" in arguments:
        print(f"out of date: {SUMMARY.name}; run python docs/{Path(__file__).name}", file=sys.stderr)
        return 1
    SUMMARY.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
