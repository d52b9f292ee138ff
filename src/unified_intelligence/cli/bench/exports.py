"""`uic bench export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unified_intelligence.benchmark import mlflow_store, parquet
from unified_intelligence.benchmark.export import as_csv, requests, summaries
from unified_intelligence.benchmark.store import names
from unified_intelligence.cli.bench.places import runs_of
from unified_intelligence.cli.output import Output
from unified_intelligence.config.places import tracking_store
from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError

_ROWS = {"csv": "runs", "parquet": "requests"}


def export_runs(output: Output, given: Mapping[str, Any]) -> int:
    """Raises InvalidRequestError, UnknownNameError, MissingDependencyError, ConfigurationError."""
    form, rows = given["form"], given["rows"] or _ROWS.get(given["form"], "")
    if form not in {*_ROWS, "mlflow"}:
        raise InvalidRequestError(f"{form!r} is no form: csv, parquet or mlflow.", hint="See: uic bench export --help")
    if form != "mlflow" and rows not in _ROWS.values():
        raise InvalidRequestError(f"--rows is runs or requests, not {rows!r}.")
    _refuse_what_has_no_reader(form, given)
    folder = runs_of(output, given["runs"])
    runs: list[str] = [*(given["run"] or names(folder))]
    if not runs:
        raise ConfigurationError(f"No runs in {folder}.", hint="One is made by: uic bench run --url URL")
    if form == "mlflow":
        return _to_mlflow(output, given, folder, runs)
    listed = summaries(folder, runs) if rows == "runs" else [row for run in runs for row in requests(folder, run)]
    return _to_file(output, given, listed, f"bench-{rows}.{form}")


def _refuse_what_has_no_reader(form: str, given: Mapping[str, Any]) -> None:
    others = ("out", "rows") if form == "mlflow" else ("tracking_uri", "experiment")
    for name in others:
        if given[name] is not None:
            raise InvalidRequestError(
                f"--{name.replace('_', '-')} is not for {form}.", hint="See: uic bench export --help"
            )


def _to_file(output: Output, given: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], name: str) -> int:
    if name.endswith(".csv") and given["out"] is None and not given["json"]:
        output.line(as_csv(rows).removesuffix("\n"))
        return 0
    path = Path(given["out"] or name).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".csv"):
            path.write_text(as_csv(rows), encoding="utf-8", newline="")
        else:
            parquet.write(path, rows, {"runs": [*dict.fromkeys(str(row["run"]) for row in rows)]})
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror or error}.", hint="Give another place: --out FILE"
        ) from error
    if given["json"]:
        output.json({"written": str(path), "rows": len(rows)}, indented=True)
    else:
        output.note(f"{len(rows)} rows in {path}")
    return 0


def _to_mlflow(output: Output, given: Mapping[str, Any], folder: Path, runs: Sequence[str]) -> int:
    uri, beside = tracking_store(given["tracking_uri"], output.environment, folder)
    artifacts = folder / "mlflow-artifacts" if beside else None
    experiment = given["experiment"] or "benchmarks"
    found = mlflow_store.log(folder, runs, uri, experiment, artifacts)
    if given["json"]:
        output.json({"tracking_uri": mlflow_store.public(uri), "runs": [own._asdict() for own in found]}, indented=True)
        return 0
    for own in found:
        output.line(f"{own.run}  {own.run_id}{'' if own.new else '  was there already'}")
    local = f"; look at it with: mlflow ui --backend-store-uri {uri}" if uri.startswith("sqlite:") else ""
    output.note(f"In {mlflow_store.public(uri)}, experiment {experiment}{local}")
    return 0
