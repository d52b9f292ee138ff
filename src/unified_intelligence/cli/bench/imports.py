"""`uic bench import`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unified_intelligence.benchmark import store
from unified_intelligence.benchmark.export import as_csv
from unified_intelligence.benchmark.foreign import Foreign
from unified_intelligence.benchmark.foreign_files import as_metrics, manifest_of, read
from unified_intelligence.cli.bench.places import runs_of, slug
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError

_HEAD = (
    "RUN",
    "TOOL",
    "AT ONCE",
    "REQ/S",
    "OUT TOK/S",
    "TTFT P50",
    "P99",
    "ITL P50",
    "P99",
    "E2E P50",
    "P99",
    "FAILED",
)
_SHOWN = ("requests_per_s", "output_tokens_per_s", "ttft_ms.p50", "ttft_ms.p99", "itl_ms.p50", "itl_ms.p99",
    "e2e_ms.p50", "e2e_ms.p99", "requests.failed")  # fmt: skip


def import_files(output: Output, given: Mapping[str, Any]) -> int:
    """Raises ConfigurationError for a file of no known form."""
    found = [(path, own) for name in given["file"] for path in [Path(name).expanduser()] for own in read(path)]
    kept = [_kept(runs_of(output, given["runs"]), path, own) for path, own in found if own.rows and given["keep"]]
    if given["out"]:
        _write(Path(given["out"]).expanduser(), [own for _, own in found])
    if given["json"]:
        told = [{**own.row(), "untold": own.untold, "file": str(path)} for path, own in found]
        output.json({"runs": told, "kept": kept}, indented=True)
        return 0
    output.line(aligned([_HEAD, *(_row(own) for _, own in found)]))
    for _, own in found:
        output.line(f"{own.name}: not told is {'; '.join(own.untold)}.")
    if kept:
        output.note(f"Kept as {', '.join(kept)}: uic bench show, compare")
    elif given["keep"]:
        output.warn("None has its requests: there is nothing to keep.")
    return 0


def _kept(folder: Path, path: Path, own: Foreign) -> str:
    """Its name. Raises ConfigurationError where a run of that name was measured here."""
    metrics = as_metrics(own)
    metrics.name = slug(own.name)
    try:
        before = store.read_summary(folder, metrics.name)[1]
    except UnknownNameError:
        before = {"imported_from": path.name}
    if "imported_from" not in before:
        raise ConfigurationError(
            f"There is a run {metrics.name} that was measured here.", hint=f"Give {path.name} another name."
        )
    store.write(folder, metrics, manifest_of(own, metrics, path), own.rows)
    return metrics.name


def _write(path: Path, found: list[Foreign]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(as_csv([own.row() for own in found]), encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror or error}.", hint="Give another place: --out FILE"
        ) from error


def _row(own: Foreign) -> tuple[str, ...]:
    load = str(own.concurrency) if own.concurrency else f"{own.rate:g}/s" if own.rate else "-"
    figures = [own.figures.get(name) for name in _SHOWN]
    return own.name, own.tool, load, *("-" if value is None else f"{value:.4g}" for value in figures)
