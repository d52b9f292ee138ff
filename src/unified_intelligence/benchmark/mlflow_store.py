"""Runs in a tracking store of MLflow: what the figures depend on as parameters, figures as metrics, files as artifacts.

The latencies of single requests are metrics too, with the request's number as their step and when it was sent as their
time: a run that warms up or drifts shows it there.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from unified_intelligence.benchmark import store
from unified_intelligence.benchmark.export import figures, identity
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.store import Stored
from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError

_AT_ONCE, _PARAMS_AT_ONCE = 1000, 100  # that MLflow takes in one call
_MOST_STEPS = 2000  # requests of a run whose latencies are told one by one
_LONGEST = 500  # letters of a parameter


class Logged(NamedTuple):
    """Where a run is in the store; `new` is False where it already was there."""

    run: str
    run_id: str
    new: bool


def log(folder: Path, runs: Sequence[str], uri: str, experiment: str, artifacts: Path | None) -> list[Logged]:
    """Each run once: one that is there already is left as it is. `artifacts` is where a new experiment keeps files.

    Raises MissingDependencyError without MLflow, ConfigurationError for a store that cannot be used.
    """
    mlflow = _library()
    failure: Any = mlflow.exceptions.MlflowException

    try:
        client = mlflow.MlflowClient(tracking_uri=uri)
        where = _experiment(client, experiment, artifacts)
        return [_logged(mlflow, client, where, folder, run) for run in runs]
    except (failure, ImportError, OSError) as error:
        raise ConfigurationError(
            f"MLflow's store {public(uri)} cannot be used: {_first_line(error).replace(uri, public(uri))}",
            hint="Give another: --tracking-uri sqlite:///PATH, or http://HOST:PORT",
        ) from error


def public(uri: str) -> str:
    """The URI without the name and the password that may be in it."""
    scheme, found, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if found else uri


def _library() -> Any:
    try:
        import mlflow  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError as error:
        raise MissingDependencyError("uic bench export mlflow", "mlflow", "mlflow") from error
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow


def _experiment(client: Any, name: str, artifacts: Path | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    return client.create_experiment(name, artifact_location=artifacts.resolve().as_uri() if artifacts else None)


def _logged(mlflow: Any, client: Any, experiment: str, folder: Path, run: str) -> Logged:
    stored = store.read(folder, run)
    own = stored.metrics
    key = f"{own.name} {own.created} {own.config_hash}"
    for found in client.search_runs([experiment], filter_string=f"tags.`uic.bench` = '{key}'"):
        if found.info.status == "FINISHED":
            return Logged(own.name, found.info.run_id, new=False)
        client.delete_run(found.info.run_id)  # one that an earlier export did not end
    start = stored.manifest.get("start_ns", 0) // 1_000_000 or None
    tags = {"uic.bench": key, "uic.valid": str(own.valid).lower(), "uic.invalid": "; ".join(own.invalid)}
    began = client.create_run(experiment, start_time=start, tags=tags, run_name=own.name)
    run_id = began.info.run_id
    entities = mlflow.entities
    params = [entities.Param(name, text[:_LONGEST]) for name, text in _params(stored).items()]
    metrics = [entities.Metric(_place(name), value, start or 0, 0) for name, value in figures(own).items()]
    metrics += [entities.Metric(*point) for point in _steps(stored.rows)]
    for begin in range(0, len(params), _PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[begin : begin + _PARAMS_AT_ONCE])
    for begin in range(0, len(metrics), _AT_ONCE):
        client.log_batch(run_id, metrics=metrics[begin : begin + _AT_ONCE])
    for path in store.files_of(folder, run):
        client.log_artifact(run_id, str(path))
    ended = max((row.ended for row in stored.rows), default=0) // 1_000_000
    client.set_terminated(run_id, end_time=ended or None)
    return Logged(own.name, run_id, new=True)


def _params(stored: Stored) -> dict[str, str]:
    """What would change the figures, a level deep, and whose run it is."""
    found = {name: value for name, value in identity(stored.metrics, stored.manifest).items() if name != "run"}
    depends: Mapping[str, Any] = stored.manifest.get("depends_on", {})
    for name, value in [*depends.items(), ("machine", stored.manifest.get("machine", {}))]:
        if isinstance(value, dict):
            found |= {f"{name}.{part}": own for part, own in value.items()}  # pyright: ignore[reportUnknownVariableType]
        else:
            found[name] = value
    texts = {name: own if isinstance(own, str) else msgspec.json.encode(own).decode() for name, own in found.items()}
    return {name: text for name, text in texts.items() if text not in {"", "null"}}


def _place(name: str) -> str:
    """MLflow's page puts figures together by what is before a slash; a hundred ends of intervals stand apart."""
    return f"intervals/{name}" if name.endswith((".lower", ".upper")) else name.replace(".", "/", 1)


def _steps(rows: Sequence[Row]) -> Iterator[tuple[str, float, int, int]]:
    """(name, value, time in ms, step) of single requests; evenly chosen ones where there are too many."""
    answered = [row for row in rows if not row.error and not row.warmup]
    for row in answered[:: max(1, -(-len(answered) // _MOST_STEPS))]:
        for name, value in (("request/ttft_ms", row.ttft_ms), ("request/e2e_ms", row.e2e_ms)):
            if value is not None:
                yield name, value, row.sent // 1_000_000, row.number


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:300]
