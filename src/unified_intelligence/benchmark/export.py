"""Runs in the forms of other tools: a row a run or a row a request, as CSV or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from unified_intelligence.benchmark import parquet, store
from unified_intelligence.benchmark.metrics import GROUPS, Metrics
from unified_intelligence.benchmark.statistics import SHARES, Distribution

_HEALTH_LEFT_OUT = {"invalid", "next", "notes"}  # words


def summary(own: Metrics, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A run as one row: who, which load, every figure by the name that a gate has for it. No value is None."""
    found: dict[str, Any] = {**identity(own, manifest), "invalid": "; ".join(own.invalid), "created": own.created}
    found |= {"requests": own.load.requests, "duration_s": own.load.duration, "seed": own.load.seed}
    return found | {name: figures(own).get(name) for name in _names(own)}


def identity(own: Metrics, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What tells a run from another, for a column of each."""
    depends: Mapping[str, Any] = manifest.get("depends_on", {})
    provider: Mapping[str, Any] = depends.get("provider", {})
    return {
        "run": own.name,
        "config_hash": own.config_hash,
        "model": str(depends.get("model", "")),
        "measured": provider.get("name") or depends.get("url", ""),
        "load": own.load.label,
        "concurrency": own.load.concurrency or None,
        "rate": own.load.rate or None,
        "valid": own.valid,
    }


def figures(own: Metrics) -> dict[str, float]:
    """Every number of a run by its name, as ttft_ms.p99 and ttft_ms.p99.upper; what it has not is missing."""
    found: dict[str, float] = {"seconds": own.seconds}
    found |= {f"requests.{name}": float(value) for name, value in own.counts.items()}
    for name in GROUPS:
        group: Distribution | None = getattr(own, name)
        if group is None:
            continue
        for part in ("mean", *SHARES):
            found[f"{name}.{part}"] = getattr(group, part)
            found[f"{name}.{part}.lower"], found[f"{name}.{part}.upper"] = group.ci[part]
    found |= own.throughput
    if own.goodput is not None:
        told = own.goodput
        found |= {"goodput.share": told.share, "goodput.share.lower": told.lo, "goodput.share.upper": told.hi}
        found["goodput.requests_per_s"] = told.requests_per_s
    found |= {f"tokens.{name}": value for name, value in own.tokens.items() if value is not None}
    health = msgspec.to_builtins(own.health)
    return found | {f"health.{name}": float(health[name]) for name in health if name not in _HEALTH_LEFT_OUT}


def requests(folder: Path, run: str) -> Iterator[dict[str, Any]]:
    """A run's requests, each with whose they are in front."""
    stored = store.read(folder, run)
    whose = identity(stored.metrics, stored.manifest)
    for row in stored.rows:
        yield {**whose, **parquet.flat(row, stored.prompts)}


def summaries(folder: Path, runs: Sequence[str]) -> list[dict[str, Any]]:
    """A row a run; a figure that a run has not is None, and all rows have the same columns."""
    rows = [summary(*store.read_summary(folder, run)) for run in runs]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """CSV with a row of heads. Lists are JSON; what is not there is empty; truth is true or false, as in JSON."""
    written = io.StringIO()
    listed = list(rows)
    columns = dict.fromkeys(name for row in listed for name in row)
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name), name) for name in columns] for row in listed)
    return written.getvalue()


def _names(own: Metrics) -> list[str]:
    """The columns of a run: those of every latency, whether or not it was measured."""
    latencies = [
        f"{name}.{part}{end}" for name in GROUPS for part in ("mean", *SHARES) for end in ("", ".lower", ".upper")
    ]
    return [*dict.fromkeys([*(name for name in figures(own) if name.partition(".")[0] not in GROUPS), *latencies])]


def _cell(value: Any, name: str) -> Any:
    if name in parquet.STAMPS:
        return value or ""
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value
