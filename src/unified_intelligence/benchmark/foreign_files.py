"""Files of other load generators, read as runs: JSON of a known tool, or a table of requests by any.

A table of requests is JSON Lines or Parquet with a row a request, its columns known by their names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from unified_intelligence.benchmark import parquet
from unified_intelligence.benchmark.crew import Gathered
from unified_intelligence.benchmark.foreign import LATENCIES, Foreign, Request, row_of, untold
from unified_intelligence.benchmark.foreign_forms import aiperf_row, of_object
from unified_intelligence.benchmark.json_value import listed, mapping
from unified_intelligence.benchmark.metrics import GROUPS, Metrics, measure
from unified_intelligence.benchmark.plan import Load
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.statistics import SHARES, distribution
from unified_intelligence.benchmark.store import config_hash
from unified_intelligence.entities.errors import ConfigurationError

_COLUMNS: Mapping[str, str] = {
    "whole": r"(e2e|latency|total_time|duration|elapsed|response_time)(_ms|_s|_sec|_seconds)?$",
    "first": r"(ttft|time_to_first_token|first_token)(_ms|_s|_sec|_seconds)?$",
    "tokens": r"(output_tokens|completion_tokens|generated_tokens|tokens_generated|num_tokens|tokens)$",
    "prompt_tokens": r"(prompt_tokens|input_tokens)$",
    "text": r"(response|answer|output|generated_text|completion|text)$",
    "error": r"(error|failure)$",
    "start": r"(start|sent|started|timestamp)(_s|_ms|_ns|_ts)?$",
    "gaps": r"(itls?|gaps|inter_token_latencies)(_ms|_s)?$",
}

_OF_RUNS = re.compile(r"concurren|throughput|per_s|/s")  # columns of a table of runs, which has latencies too


def read(path: Path) -> list[Foreign]:
    """The runs of a file. Raises ConfigurationError where it cannot be read or is of no known form."""
    runs = found(path)
    if not runs:
        raise ConfigurationError(
            f"{path} is no result that is known.",
            hint="Known: JSON of vllm bench, guidellm, aiperf; JSON Lines or Parquet of requests with latency_ms.",
        )
    return runs


def as_metrics(own: Foreign) -> Metrics:
    """The run as one of ours, from its requests. INVALID: how late its client was is unknown."""
    load = Load(concurrency=own.concurrency or 0, rate=own.rate or 0.0, requests=len(own.rows))
    created = datetime.now(UTC).isoformat(timespec="seconds")
    metrics = measure(own.name, created, Gathered(rows=own.rows, processes=0), load, {})
    why = f"{own.tool} measured it, which does not tell how late its client was"
    metrics.valid, metrics.invalid = False, [why]
    metrics.health = replace(metrics.health, invalid=[why], notes=[])
    return metrics


def manifest_of(own: Foreign, metrics: Metrics, path: Path) -> dict[str, Any]:
    """The manifest of a run that was read: what is known of it, and the file it is from."""
    load = {"concurrency": own.concurrency, "rate": own.rate}
    depends: dict[str, Any] = {"model": own.model, "tool": own.tool, "load": load, "client": own.tool}
    metrics.config_hash = config_hash({**depends, "file": path.name})
    return {
        "schema": metrics.schema,
        "name": metrics.name,
        "created": metrics.created,
        "config_hash": metrics.config_hash,
        "depends_on": depends,
        "imported_from": path.name,
        "untold": own.untold,
    }


def found(path: Path) -> list[Foreign]:
    """The same, empty for a form that is not known."""
    if path.suffix == ".parquet":
        return _of_requests(path, _parquet_rows(path))
    try:
        text = path.read_text("utf-8")
        lines = [line for line in text.split("\n") if line.strip()]
        several = path.suffix == ".jsonl" or (len(lines) > 1 and all(line.startswith("{") for line in lines))
        told: list[Any] = [json.loads(line) for line in (lines if several else [text])]
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error
    objects = [mapping(own) for own in told if mapping(own)]
    return [run for own in objects for run in of_object(path, own)] or _of_requests(path, objects)


def _of_requests(path: Path, told: Sequence[Mapping[str, Any]]) -> list[Foreign]:
    if told and isinstance(told[0].get("metadata"), dict) and "request_start_ns" in told[0]["metadata"]:
        return [_run(path, "aiperf", [aiperf_row(number, own) for number, own in enumerate(told)])]
    columns = _columns_of(told)
    if "whole" not in columns or any(_OF_RUNS.search(name.lower()) for own in told for name in own):
        return []
    rows = [_row(number, own, columns) for number, own in enumerate(told) if not own.get("warmup")]
    run = _run(path, "a table of requests", rows)
    return [run if "start" in columns else _without_rate(run)]


def _columns_of(told: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    names = dict.fromkeys(name for own in told for name in own)
    columns = {what: next((own for own in names if re.match(form, own.lower())), "") for what, form in _COLUMNS.items()}
    return {what: name for what, name in columns.items() if name}


def _row(number: int, told: Mapping[str, Any], columns: Mapping[str, str]) -> Row:
    value = {what: told.get(name) for what, name in columns.items()}
    whole, first = (_seconds(value.get(what), columns.get(what, "")) for what in ("whole", "first"))
    gaps = [_seconds(own, columns["gaps"]) or 0.0 for own in listed(value.get("gaps"))]
    steps = [] if whole is None else [whole] if first is None else [first, *(gaps or [max(0.0, whole - first)])]
    row = row_of(number, Request(
        start=_moment(value.get("start")), steps=steps, error=str(value.get("error") or ""),
        tokens=_whole(value.get("tokens")), prompt_tokens=_whole(value.get("prompt_tokens")),
        text=str(value.get("text") or ""),
    ))  # fmt: skip
    if not gaps:
        row.gaps_ms, row.arrivals, row.events = [], 0, 0
    if first is None:
        row.first = row.visible = 0
    return row


def _run(path: Path, tool: str, rows: list[Row]) -> Foreign:
    ok = [row for row in rows if not row.error]
    figures = {"requests.completed": float(len(ok)), "requests.failed": float(len(rows) - len(ok))}
    for name in LATENCIES:
        group = distribution([GROUPS[name](row) for row in ok])
        if group is not None:
            figures |= {f"{name}.{part}": getattr(group, part) for part in ("mean", *SHARES)}
    seconds = (max(row.ended for row in rows) - min(row.sent for row in rows)) / 1e9
    if seconds > 0:
        figures |= {"seconds": seconds, "requests_per_s": len(ok) / seconds}
        figures["output_tokens_per_s"] = sum(row.tokens for row in ok) / seconds
    return Foreign(
        tool=tool, name=path.stem, figures=figures, rows=rows, untold=[*untold(figures, rows, ""), "its load"]
    )


def _without_rate(run: Foreign) -> Foreign:
    """Nobody knows when the requests began: what depends on it is no figure."""
    by_time = ("seconds", "requests_per_s", "output_tokens_per_s")
    figures = {name: value for name, value in run.figures.items() if name not in by_time}
    return Foreign(
        tool=run.tool, name=run.name, figures=figures, untold=[*run.untold, "when requests began, and so no rate"]
    )


def _moment(value: object) -> float:
    """Seconds since 1970, of a time in s, ms, us or ns: which of them is plain from its size."""
    if not isinstance(value, int | float):
        return 0.0
    return value / next((unit for least, unit in ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3)) if value > least), 1.0)


def _seconds(value: object, heading: str) -> float | None:
    if not isinstance(value, int | float) or value != value:  # noqa: PLR0124 a NaN of pandas is no time
        return None
    return value / 1000 if heading.lower().endswith("_ms") else float(value)


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) and value == value else None  # noqa: PLR0124


def _parquet_rows(path: Path) -> list[dict[str, Any]]:
    arrow, tables = parquet.library()
    try:
        return tables.read_table(path).to_pylist()
    except (OSError, arrow.ArrowException) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from error
