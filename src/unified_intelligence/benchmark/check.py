"""Tables of figures held against arithmetic: what cannot be true at once, or is not what its heading says.

A table is Markdown, CSV, JSON or JSON Lines, or what another load generator wrote; a column is known by its heading, in
many spellings. A rule speaks only where a row has all the columns it needs.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from unified_intelligence.benchmark.foreign_files import found
from unified_intelligence.entities.errors import ConfigurationError

_TOLERANCE = 0.05
_FILLINGS = 20  # so often a closed load is filled before its end is a twentieth of it
_COLUMNS: Sequence[tuple[str, str]] = (
    ("usd_per_1m_requests", r"(cost|\$|usd|price).*1\s?m(illion)?\b.*req"),
    ("usd_per_1m_tokens", r"(cost|\$|usd|price).*1\s?m(illion)?\b.*tok"),
    ("usd_per_1k_tokens", r"(cost|\$|usd|price).*(1\s?k|1,?000)\b.*tok"),
    ("usd_per_hour", r"(cost|\$|usd|price).*(hour|/\s?h\b)"),
    ("max_tokens", r"max.*(new|out)?.*tok"),
    ("concurrency", r"concurren|at once|in flight|parallel"),
    ("requests_per_s", r"req(uest)?s?\s*(/|per)\s*s|requests_per_s"),
    ("tokens_per_s", r"tok(en)?s?\s*(/|per)\s*s|tokens_per_s"),
    ("completed", r"completed|successful"),
    ("failed", r"failed"),
    ("latency_s", r"latency|mean e2e|e2e_ms\.mean|response time"),
    ("seconds_per_call", r"seconds? (a|per) (call|query|request)"),
    ("quota", r"quota|inference|included"),
    ("label", r"^(run|config|setup|name|model|plan|load)"),
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


REMARKS = frozenset({"short answers"})
"""Rules whose findings may well be true, and should be known."""


class Finding(Struct, frozen=True):
    """What does not fit, in which row of which table (both from 1); `rule` names the arithmetic."""

    table: int
    row: int
    rule: str
    said: str


class Table(Struct, frozen=True):
    """Rows by the columns that are known; a range is (least, most). `raw` keeps the cells."""

    rows: list[dict[str, tuple[float, float]]]
    raw: list[dict[str, str]]


def check_file(path: Path) -> tuple[list[Table], list[Finding]]:
    """All tables of a file, and what is wrong with them. Raises ConfigurationError for a file without any."""
    try:
        text = "" if path.suffix == ".parquet" else path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{path} cannot be read: {reason}.") from error
    tables = [own for cells in _cells(path, text) if (own := _table(cells)).rows and any(own.rows)]
    if not tables:
        raise ConfigurationError(
            f"{path} has no table with a known column.", hint="Known: requests/s, latency ms, concurrency, tokens/s ..."
        )
    return tables, [own for number, table in enumerate(tables, 1) for own in check(table, number)]


def check(table: Table, number: int = 1) -> Iterator[Finding]:
    for at, row in enumerate(table.rows, 1):
        for rule, of_row in _RULES.items():
            said = of_row(row)
            if said:
                yield Finding(number, at, rule, said)
        said = _unlimited(table.raw[at - 1], row)
        if said:
            yield Finding(number, at, "quota", said)
    yield from _copies(table, number)


_Row = Mapping[str, tuple[float, float]]


def _little(row: _Row) -> str:
    if not {"requests_per_s", "latency_s", "concurrency"} <= row.keys():
        return ""
    rate, latency, at_once = (row[name][0] for name in ("requests_per_s", "latency_s", "concurrency"))
    if abs(rate * latency / at_once - 1) <= _TOLERANCE:
        return ""
    if rate * latency < at_once and not _long(row):
        return ""
    under_way = f"{rate * latency:.0f}"
    if under_way == f"{at_once:g}":
        under_way = f"{rate * latency:.2f}"
    return (
        f"{rate:g} requests/s of {latency:g} s each are {under_way} under way, not {at_once:g}: "
        "one of the three is not what it says"
    )


def _long(row: _Row) -> bool:
    """Whether beginning, end and failures are too little of a run to matter, as far as the row tells."""
    if "completed" in row and row["completed"][0] < _FILLINGS * row["concurrency"][0]:
        return False
    return "failed" not in row or not row["failed"][0]


def _amortised(row: _Row) -> str:
    if not {"tokens_per_s", "latency_s", "max_tokens"} <= row.keys():
        return ""
    tokens, rate, latency = (row[name][0] for name in ("max_tokens", "tokens_per_s", "latency_s"))
    if abs(tokens / rate / latency - 1) > 0.005:
        return ""
    return (
        f"the latency {latency:g} s is {tokens:g} tokens by {rate:g} tokens/s: wall time by the number of answers, "
        "which no request took where several ran at once"
    )


def _short(row: _Row) -> str:
    if not {"tokens_per_s", "requests_per_s"} <= row.keys():
        return ""
    each = row["tokens_per_s"][0] / row["requests_per_s"][0]
    return f"an answer has {each:.1f} tokens: its latency is nearly all time to first token" if each < 8 else ""


def _cost(row: _Row) -> str:
    if not {"usd_per_1m_requests", "requests_per_s", "tokens_per_s"} <= row.keys():
        return ""
    stated = row.get("usd_per_1m_tokens") or (
        tuple(1000 * own for own in row["usd_per_1k_tokens"]) if "usd_per_1k_tokens" in row else None
    )
    if stated is None:
        return ""
    each = row["tokens_per_s"][0] / row["requests_per_s"][0]
    follows = [own / each for own in row["usd_per_1m_requests"]]
    if follows[0] * (1 - _TOLERANCE) <= stated[0] and stated[1] <= follows[1] * (1 + _TOLERANCE):
        return ""
    factors = sorted(stated[0] / own for own in follows)
    return (
        f"${_range(row['usd_per_1m_requests'])} for 1M requests of {each:.1f} tokens are ${_range(follows)} for 1M "
        f"tokens, not ${_range(stated)}: {_range(factors)} times off"
    )


def _hourly(row: _Row) -> str:
    if not {"usd_per_hour", "tokens_per_s", "usd_per_1m_tokens"} <= row.keys():
        return ""
    follows = row["usd_per_hour"][0] / (row["tokens_per_s"][0] * 3600) * 1e6
    stated = row["usd_per_1m_tokens"]
    if stated[0] * (1 - _TOLERANCE) <= follows <= stated[1] * (1 + _TOLERANCE):
        return ""
    return f"${row['usd_per_hour'][0]:g} an hour at this rate are ${follows:.2f} for 1M tokens, not ${_range(stated)}"


_RULES: Mapping[str, Callable[[_Row], str]] = {
    "little": _little,
    "amortised": _amortised,
    "short answers": _short,
    "cost of requests and tokens": _cost,
    "cost of the hour": _hourly,
}


def _unlimited(raw: Mapping[str, str], row: _Row) -> str:
    if not any("unlimited" in cell.lower() for cell in raw.values()):
        return ""
    each = row.get("seconds_per_call")
    calls = f", and at {each[0]:g} s a call an hour of it is {3600 / each[0]:.0f} calls" if each else ""
    return f"no GPU quota is unlimited: it is so many seconds a day{calls}; see uic cost"


def _copies(table: Table, number: int) -> Iterator[Finding]:
    """Two loads with the same figures to the last digit are one measurement."""
    settings = {"concurrency", "label"}
    for at, row in enumerate(table.rows):
        figures = {name: value for name, value in row.items() if name not in settings}
        for before in range(at):
            other = {name: value for name, value in table.rows[before].items() if name not in settings}
            if len(figures) >= 2 and figures == other and row != table.rows[before]:
                said = f"all its figures are those of row {before + 1}, digit for digit: one measurement, copied"
                yield Finding(number, at + 1, "copied row", said)


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.2f}" if abs(high - low) < 0.005 else f"{low:.2f}-{high:.2f}"


def _table(cells: list[dict[str, str]]) -> Table:
    rows: list[dict[str, tuple[float, float]]] = []
    for line in cells:
        row: dict[str, tuple[float, float]] = {}
        for heading, cell in line.items():
            name = _column(heading)
            value = _value(cell, heading) if name not in {"", "label", "quota"} else None
            if value is not None and name not in row:
                row[name] = value
        rows.append(row)
    return Table(rows, cells)


def _column(heading: str) -> str:
    words = heading.lower().replace("_", " ")
    if words.startswith("health."):  # of the client of uic bench export, not of the server
        return ""
    return next((name for name, form in _COLUMNS if re.search(form, words) or re.search(form, heading.lower())), "")


def _value(cell: str, heading: str) -> tuple[float, float] | None:
    found = [float(own.replace(",", "")) for own in _NUMBER.findall(cell)]
    if not found:
        return None
    unit = 0.001 if re.search(r"(?:\b|_|\d)(?:ms|milliseconds)\b", f"{heading.lower()} {cell.lower()}") else 1.0
    ends = found[:2] if re.search(r"\d\s*[-–]\s*\$?\d", cell) else found[:1]
    return min(ends) * unit, max(ends) * unit


def _cells(path: Path, text: str) -> Iterator[list[dict[str, str]]]:
    if path.suffix == ".csv":
        yield list(csv.DictReader(text.splitlines()))
    elif path.suffix in {".json", ".jsonl", ".parquet"}:
        yield [_written(own.row()) for own in found(path)] or _json_rows(path, text)
    else:
        yield from _markdown(text)


def _markdown(text: str) -> Iterator[list[dict[str, str]]]:
    head: list[str] = []
    rows: list[dict[str, str]] = []
    for line in [*text.split("\n"), ""]:
        if not line.lstrip().startswith("|"):
            if rows:
                yield rows
            head, rows = [], []
            continue
        cells = [cell.strip().strip("*`") for cell in line.strip().strip("|").split("|")]
        if not head:
            head = cells
        elif not set("".join(cells)) <= set("-: "):
            rows.append(dict(zip(head, cells, strict=False)))


def _written(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in row.items() if value is not None}


def _json_rows(path: Path, text: str) -> list[dict[str, str]]:
    try:
        lines = text.split("\n") if path.suffix == ".jsonl" else [text]
        told: list[Any] = [json.loads(line) for line in lines if line.strip()]
    except ValueError as error:
        raise ConfigurationError(f"{path} is no JSON: {error}.") from error
    rows: Any = told[0] if path.suffix == ".json" and told else told
    rows = [rows] if isinstance(rows, dict) else rows
    try:
        found = msgspec.convert(rows, list[dict[str, Any]])
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{path} holds no rows: {error}.") from error
    return [{name: str(value) for name, value in row.items()} for row in found]
