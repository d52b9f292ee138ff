"""What lies in a folder of benchmark runs, read for plots: whole runs, and a sentence about each that is not.

A file is read again only when it changed. Rows are read when a plot needs them, for they may be many.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import msgspec

from unified_intelligence.benchmark.metrics import Metrics
from unified_intelligence.benchmark.plan import Load
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.store import MANIFEST, METRICS, RESPONSES, names, read_metrics
from unified_intelligence.entities.errors import ConfigurationError

CLOSED, OPEN, OTHER = "requests under way", "requests a second", "other"
SWEEP = "_sweep.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A run. `configuration` is what was measured; runs that differ in the load alone share it.

    `group` is the sweep that it is of, "" for none. `gpus` is how many were used, 0 where nobody says it.
    """

    name: str
    configuration: str
    group: str
    metrics: Metrics
    depends_on: Mapping[str, Any]
    gpus: int

    @property
    def valid(self) -> bool:
        return self.metrics.valid

    @property
    def why(self) -> str:
        """The reasons for which it is INVALID."""
        return "; ".join(self.metrics.invalid)

    @property
    def label(self) -> str:
        """Its name in every legend; of an INVALID run it says so."""
        return self.name if self.valid else f"{self.name} · INVALID"

    @property
    def model(self) -> str:
        return str(self.depends_on.get("model", "") or "")

    @property
    def axis(self) -> str:
        """Which kind of load it has a place on: CLOSED, OPEN or OTHER, as a ramp and a trace."""
        return axis_of(self.metrics.load)

    @property
    def place(self) -> float:
        """Where its load is on that axis."""
        return self.metrics.load.concurrency or self.metrics.load.rate


class Attempt(msgspec.Struct, frozen=True):
    """A start of a server in a sweep, as far as it is shown: `failure` is a word, `said` its sentence."""

    configuration: str
    attempt: int = 1
    state: str = ""
    failure: str = ""
    said: str = ""
    sweep: str = ""


class _Sweep(msgspec.Struct):
    name: str
    attempts: list[Attempt] = []


@dataclass(frozen=True, slots=True)
class Found:
    """Runs, the latest first; `broken` says of each other file what is wrong with it, and what to do.

    `failed` are servers of sweeps that were never measured.
    """

    results: tuple[Result, ...]
    broken: tuple[str, ...]
    failed: tuple[Attempt, ...] = ()


def axis_of(load: Load) -> str:
    if load.concurrency:
        return CLOSED
    return OPEN if load.rate and not load.rate_end and not load.trace else OTHER


def load_said(load: Load) -> str:
    """A load for a reader."""
    if load.concurrency:
        return f"{load.concurrency} at once"
    if load.trace:
        return f"trace of {len(load.trace)}"
    return f"{load.rate:g}{f' to {load.rate_end:g}' if load.rate_end else ''}/s"


def read_folder(folder: Path) -> Found:
    """Everything there is. Nothing is raised for a file that cannot be read: it is told among the broken."""
    results: list[Result] = []
    broken: list[str] = []
    for name in names(folder) if folder.is_dir() else ():
        path = folder / f"{name}{METRICS}"
        try:
            results.append(result_of(folder, name))
        except (OSError, ConfigurationError) as error:
            said = error.message if isinstance(error, ConfigurationError) else f"{path}: {error.strerror or error}"
            broken.append(f"{said} Run it again, or move its files away.")
    failed, unread = _failed(folder)
    return Found(tuple(results), (*broken, *unread), failed)


def result_of(folder: Path, name: str) -> Result:
    """A run. Raises ConfigurationError for another form, OSError."""
    path = folder / f"{name}{METRICS}"
    return _result(str(path), *_state(path), *_state(folder / f"{name}{MANIFEST}"))


def state_of_rows(folder: Path, name: str) -> tuple[int, int]:
    """What changes when they do; (0, 0) of none."""
    try:
        return _state(folder / f"{name}{RESPONSES}")
    except OSError:
        return 0, 0


def rows_of(folder: Path, name: str) -> tuple[Row, ...]:
    """All requests of a run. Raises ConfigurationError, whose message says what to do, where there are none."""
    path = folder / f"{name}{RESPONSES}"
    try:
        rows = _rows(str(path), *_state(path))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{name} has no rows: {path.name} is not beside its metrics. Copy it there, or run it again."
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name} is broken: {error}. Run {name} again.") from error
    if not rows:
        raise ConfigurationError(f"{name} has no rows: {path.name} is empty. Run it again.")
    return rows


def asked_of(folder: Path, name: str) -> Mapping[int, str]:
    """What was asked, by a row's `prompt`; only what is kept beside the rows."""
    path = folder / f"{name}{RESPONSES}"
    try:
        return _asked(str(path), *_state(path))
    except (OSError, msgspec.MsgspecError):
        return {}


def measured(rows: Sequence[Row]) -> list[Row]:
    """The rows that count: after the warm-up, and not stopped by hand."""
    return [row for row in rows if not row.warmup and row.error != "stopped"]


def _state(path: Path) -> tuple[int, int]:
    """What changes when a file does; of a file that need not be there too."""
    try:
        found = path.stat()
    except FileNotFoundError:
        if path.name.endswith(MANIFEST):
            return 0, 0
        raise
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4096)
def _result(path: str, *_state: int) -> Result:
    metrics = read_metrics(Path(path).parent, path)
    name = Path(path).name.removesuffix(METRICS)
    manifest = _manifest(Path(f"{path.removesuffix(METRICS)}{MANIFEST}"))
    sweep = object_of(manifest, "sweep")
    configuration = name.removesuffix(f"_{metrics.load.label}") or name
    if sweep:
        configuration = f"{sweep.get('name', '')}/{sweep.get('configuration', '')}"
    gpus = sweep.get("gpus")
    return Result(
        name=name,
        configuration=configuration,
        group=str(sweep.get("name", "")),
        metrics=metrics,
        depends_on=object_of(manifest, "depends_on"),
        gpus=gpus if isinstance(gpus, int) else 0,
    )


def object_of(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What is there under a name, where it is an object; files come from anywhere."""
    found = told.get(name)
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _manifest(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError):
        return {}


def _failed(folder: Path) -> tuple[tuple[Attempt, ...], list[str]]:
    """The last attempts of sweeps at what they could not start; and sweeps that cannot be read."""
    failed: list[Attempt] = []
    unread: list[str] = []
    for path in sorted(folder.glob(f"*{SWEEP}")):
        try:
            sweep = msgspec.json.decode(path.read_bytes(), type=_Sweep)
        except (OSError, msgspec.MsgspecError) as error:
            unread.append(f"{path} is no sweep: {error}. The same uic bench sweep writes it again.")
            continue
        last = {own.configuration: own for own in sweep.attempts}
        failed += [msgspec.structs.replace(own, sweep=sweep.name) for own in last.values() if own.state == "failed"]
    return tuple(failed), unread


@lru_cache(maxsize=64)
def _rows(path: str, *_state: int) -> tuple[Row, ...]:
    decoder = msgspec.json.Decoder(Row)
    return tuple(decoder.decode(line) for line in Path(path).read_bytes().split(b"\n") if line)


class _Asked(msgspec.Struct):
    prompt: int = 0
    prompt_text: str = ""


@lru_cache(maxsize=16)
def _asked(path: str, *_state: int) -> Mapping[int, str]:
    decoder = msgspec.json.Decoder(_Asked)
    lines = (decoder.decode(line) for line in Path(path).read_bytes().split(b"\n") if line)
    return {own.prompt: own.prompt_text for own in lines if own.prompt_text}
