"""Writes DEPLOYMENT_SUMMARY.md from the result files: `python docs/generate_deployment_summary.py [--check]`.

A result file may name what is worth telling itself: a list under "worth telling", of patterns such as `load: *: p99`
over the names of its figures. For the others the table here says so; of a file in neither, its `figures` are told, or
else its first two levels.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple, cast

ROOT = Path(__file__).parents[1]
SUMMARY = "DEPLOYMENT_SUMMARY.md"
OWN_WORD = "worth telling"


class Told(NamedTuple):
    """A section: its title, and which figures it tells."""

    title: str
    patterns: tuple[str, ...]


RESULTS: Mapping[str, Told] = {
    "training/embedded/results.json": Told("The embedded model", ("figures: *", "sizes: *")),
    "benchmarks/results/startup.json": Told("What a start costs", ("times the CPU time of *",)),
    "benchmarks/results/embedded_engine.json": Told("The embedded model's engine", ("figures: *",)),
    "benchmarks/results/faults.json": Told("What clients make of faults", ("scenarios", "counts: *")),
    "benchmarks/results/outside_judge.json": Told("An outside judge of the client", ("trials", "FAIL", "WARN")),
    "benchmarks/results/chunk_cost.json": Told("What a piece of an answer costs the client", ("*: CPU us a chunk",)),
    "benchmarks/results/http_clients.json": Told("HTTP libraries beside each other", ("libraries: *",)),
    "benchmarks/results/serving_overhead.json": Told("What the server adds", ("unit", "figures: *, overhead")),
    "benchmarks/results/serving_load.json": Told(
        "The server under load",
        (
            "load: clients: *", "load: server: *", "load: /health, ms: *", "load: /health not 200",
            "load: afterwards: *", "headers never finished: *", "body of 200 MiB: *",
        ),
    ),
    "benchmarks/results/outside_clients.json": Told(
        "Outside clients of the server", tuple(f"judges: *: runs: *: {each}" for each in ("cases", "passed", "failed"))
    ),
    "benchmarks/results/constraints.json": Told(
        "What answers of a form cost", ("scenarios: *: passes saved", "scenarios: *: all of it, ms a token")
    ),
}  # fmt: skip
HEAD = """\
# Deployment summary

Written by `python docs/generate_deployment_summary.py` from the result files in this repository.

Nothing is deployed from this repository: no Space, no server, no container. The package is installed from a checkout,
and the embedded model comes with it.
"""


class NothingToldError(Exception):
    """A result file of which no figure is told."""


def summary(root: Path = ROOT) -> str:
    """The whole document. Raises NothingToldError."""
    found = {path.relative_to(root).as_posix() for path in (root / "benchmarks/results").glob("*.json")}
    names = [name for name in RESULTS if (root / name).is_file()]
    return "\n".join([HEAD, *(_section(root, name) for name in [*names, *sorted(found - RESULTS.keys())])])


def _section(root: Path, name: str) -> str:
    result = cast("dict[str, object]", json.loads((root / name).read_text(encoding="utf-8")))
    told = RESULTS.get(name) or Told(Path(name).stem.replace("_", " ").capitalize(), ())
    figures = {key: value for key, value in _chosen(result, told.patterns).items() if key != "date"}
    if not figures:
        raise NothingToldError(f"{name}: none of its figures is told; name some under {OWN_WORD!r}.")
    rows = "\n".join(f"| {key} | {value} |" for key, value in figures.items())
    head = f"From `{name}`, measured on {result.get('date', 'a day it does not say')}"
    return f"## {told.title}\n\n{head}.\n\n| figure | value |\n| --- | --- |\n{rows}\n"


def _chosen(result: dict[str, object], patterns: Sequence[str]) -> dict[str, str]:
    own = cast("list[str]", result.get(OWN_WORD, []))
    figures = dict(_figures({key: value for key, value in result.items() if key != OWN_WORD}))
    patterns = own or patterns or (["figures: *"] if "figures" in result else [])
    if not patterns:
        return {key: value for key, value in figures.items() if key.count(": ") < 2 and key != "command"}
    chosen = {key: value for key, value in figures.items() if any(fnmatchcase(key, each) for each in patterns)}
    return {key.removeprefix("figures: "): value for key, value in chosen.items()}


def _figures(value: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The single values of a result file under their full names; lists, which hold raw measurements, are left out."""
    if isinstance(value, dict) and {"right", "of", "low", "high"} <= value.keys():
        share = cast("dict[str, float]", value)
        low, high = (100 * share[bound] for bound in ("low", "high"))
        yield prefix, f"{share['right']} of {share['of']} ({low:.1f} to {high:.1f} %)"
    elif isinstance(value, dict) and {"median", "least", "most"} == value.keys():
        spread = cast("dict[str, float]", value)
        yield prefix, "{median:.4g} ({least:.4g} to {most:.4g})".format_map(spread)
    elif isinstance(value, dict):
        for key, inner in cast("dict[str, object]", value).items():
            yield from _figures(inner, f"{prefix}: {key}" if prefix else key)
    elif isinstance(value, bool | int | str):
        yield prefix.replace("|", "\\|"), str(value).replace("|", "\\|")
    elif isinstance(value, float):
        yield prefix.replace("|", "\\|"), f"{value:.4g}"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """The exit code: with `--check` 1 if the file is not what it should be, and nothing is written."""
    try:
        text = summary(root)
    except NothingToldError as error:
        print(error, file=sys.stderr)
        return 1
    path = root / SUMMARY
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    if "--check" in arguments:
        print(f"out of date: {SUMMARY}; run python docs/{Path(__file__).name}", file=sys.stderr)
        return 1
    path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
