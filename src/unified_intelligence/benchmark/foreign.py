"""Runs of other load generators in this package's own terms, and what they do not tell.

A figure that a tool does not give is left out, never made up from others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from unified_intelligence.benchmark.json_value import at, mapping
from unified_intelligence.benchmark.row import Row

PARTS = {"mean": ("mean", "avg"), "p50": ("p50", "median"), "p90": ("p90",), "p95": ("p95",), "p99": ("p99",)}
_EPOCH = 1_000_000_000_000_000_000  # ns: a stamp of 0 is a thing that did not happen
_LONGEST = 300  # letters of an error
LATENCIES = ("ttft_ms", "itl_ms", "tpot_ms", "e2e_ms")


class Foreign(Struct, kw_only=True, frozen=True):
    """A run of another tool. `figures` have the names of `uic bench export`; `rows` are there where requests were told.

    `untold` says in words what this package tells of a run and this file does not.
    """

    tool: str
    name: str
    model: str = ""
    concurrency: int | None = None
    rate: float | None = None
    figures: dict[str, float]
    rows: list[Row] = field(default_factory=list[Row])
    untold: list[str]

    def row(self) -> dict[str, Any]:
        """The run as a row of a table."""
        return {"run": self.name, "tool": self.tool, "concurrency": self.concurrency, "rate": self.rate, **self.figures}


def known(figures: Mapping[str, Any]) -> dict[str, float]:
    """The figures that are numbers."""
    numbers = {name: own for name, own in figures.items() if isinstance(own, int | float) and not isinstance(own, bool)}
    return {name: float(own) for name, own in numbers.items()}


def parts(name: str, told: object, factor: float = 1.0) -> dict[str, float]:
    """A latency's figures, by any of the words for mean and percentiles; times `factor` in ms."""
    given = {**mapping(told), **mapping(at(told, "percentiles"))}
    found: dict[str, float] = {}
    for part, names in PARTS.items():
        value = next((given[own] for own in names if isinstance(given.get(own), int | float)), None)
        if value is not None:
            found[f"{name}.{part}"] = value * factor
    return found


def untold(figures: Mapping[str, Any], rows: Sequence[Row], how: str) -> list[str]:
    """What a person has to know before he believes the figures. `how` would have kept single requests."""
    found = ["how late its own client was"]
    missing = [name for name in LATENCIES if figures.get(f"{name}.mean") is None]
    found += [f"{name} at all" for name in missing]
    found += [f"{name}.p99" for name in LATENCIES if name not in missing and figures.get(f"{name}.p99") is None]
    if not rows:
        found.append(f"single requests, and so no interval of any figure{f' ({how} keeps them)' if how else ''}")
    return found


class Request(Struct, kw_only=True, frozen=True):
    """What a tool tells of one: when it was sent, in seconds after anything, and each arrival after the one before."""

    start: float
    steps: list[float]
    error: str = ""
    tokens: int | None = None
    prompt_tokens: int | None = None
    text: str = ""


def row_of(number: int, told: Request) -> Row:
    row = Row(number=number, text=told.text, prompt_tokens=told.prompt_tokens)
    row.error, row.message = "failed" if told.error else "", told.error[:_LONGEST]
    row.sent = row.dispatched = row.intended = _EPOCH + round(told.start * 1e9)
    row.ended = row.sent + round(sum(told.steps) * 1e9)
    row.tokens, row.counted_by = told.tokens or 0, "the other tool"
    if told.steps and not told.error:
        row.first = row.visible = row.sent + round(told.steps[0] * 1e9)
        row.last = row.ended
        row.gaps_ms = [own * 1000 for own in told.steps[1:]]
        row.arrivals = row.events = len(told.steps)
    return row
