"""Runs on disk: NAME_metrics.json, NAME_responses.jsonl (and .parquet where pyarrow is there), NAME_manifest.json.

A response is its row, what is derived from it, and what was asked.

The metrics are written last: where they are, the run is whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from unified_intelligence.benchmark import parquet
from unified_intelligence.benchmark.metrics import Metrics
from unified_intelligence.benchmark.row import Row
from unified_intelligence.disk.whole import replace
from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError, UnknownNameError

METRICS, RESPONSES, PARQUET, MANIFEST = "_metrics.json", "_responses.jsonl", "_responses.parquet", "_manifest.json"
CALIBRATION = "calibration.json"
_ENCODE = msgspec.json.Encoder()


class Stored(NamedTuple):
    """`prompts` are what was asked, by the rows' `prompt`."""

    metrics: Metrics
    manifest: dict[str, Any]
    rows: list[Row]
    prompts: Mapping[int, str] = MappingProxyType({})


class _Asked(msgspec.Struct):
    prompt: int = 0
    prompt_text: str | None = None


def config_hash(depends_on: Mapping[str, Any]) -> str:
    """A hash of everything that would change the figures, in any order of its keys."""
    return hashlib.sha256(msgspec.json.encode(depends_on, order="deterministic")).hexdigest()[:16]


def write(
    folder: Path, metrics: Metrics, manifest: Mapping[str, Any], rows: Sequence[Row], prompts: Sequence[str] = ()
) -> list[Path]:
    """The files of a run, each there whole or not at all. `prompts` are what was asked, by the rows' `prompt`."""
    folder.mkdir(parents=True, exist_ok=True)
    stem, asked = folder / metrics.name, dict(enumerate(prompts))
    return [
        _written(Path(f"{stem}{RESPONSES}"), b"".join(_line(row, asked) for row in rows)),
        *_parquet(Path(f"{stem}{PARQUET}"), [parquet.flat(row, asked) for row in rows], manifest),
        _written(Path(f"{stem}{MANIFEST}"), _indented(manifest)),
        _written(Path(f"{stem}{METRICS}"), _indented(metrics)),
    ]


def write_json(path: Path, value: object) -> Path:
    return _written(path, _indented(value))


def names(folder: Path) -> list[str]:
    """All runs there, the latest first."""
    found = sorted(folder.glob(f"*{METRICS}"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [path.name.removesuffix(METRICS) for path in found]


def read_metrics(folder: Path, run: str) -> Metrics:
    """The metrics of a run, by its name or the path of its file. Raises UnknownNameError, ConfigurationError for
    another form.
    """
    path = _path(folder, run)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Metrics)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(
            f"{path} is no result of uic bench: {error}", hint="All runs: uic bench show"
        ) from error


def read(folder: Path, run: str) -> Stored:
    metrics, path = read_metrics(folder, run), _path(folder, run)
    stem = str(path).removesuffix(METRICS)
    row_of, asked_of = msgspec.json.Decoder(Row), msgspec.json.Decoder(_Asked)
    try:
        lines = [line for line in Path(f"{stem}{RESPONSES}").read_bytes().split(b"\n") if line]
        rows = [row_of.decode(line) for line in lines]
        asked = [asked_of.decode(line) for line in lines]
        manifest: dict[str, Any] = msgspec.json.decode(Path(f"{stem}{MANIFEST}").read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"The run {run} is not whole: {error}", hint="Run it again.") from error
    prompts = {own.prompt: own.prompt_text for own in asked if own.prompt_text is not None}
    return Stored(metrics, manifest, rows, prompts)


def read_summary(folder: Path, run: str) -> tuple[Metrics, dict[str, Any]]:
    """The metrics and the manifest, without the requests."""
    metrics, path = read_metrics(folder, run), _path(folder, run)
    try:
        return metrics, msgspec.json.decode(Path(f"{str(path).removesuffix(METRICS)}{MANIFEST}").read_bytes())
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"The run {run} is not whole: {error}", hint="Run it again.") from error


def files_of(folder: Path, run: str) -> list[Path]:
    """All of a run's files that are there."""
    stem = str(_path(folder, run)).removesuffix(METRICS)
    return [path for end in (METRICS, MANIFEST, RESPONSES, PARQUET) if (path := Path(f"{stem}{end}")).is_file()]


def read_calibration(folder: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = msgspec.json.decode((folder / CALIBRATION).read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None
    return found


def _path(folder: Path, run: str) -> Path:
    direct = Path(run).expanduser()
    for path in (direct, Path(f"{direct}{METRICS}"), folder / f"{run}{METRICS}"):
        if path.is_file() and path.name.endswith(METRICS):
            return path
    raise UnknownNameError("run", run, names(folder), hint="All runs: uic bench show")


def _line(row: Row, prompts: Mapping[int, str]) -> bytes:
    """A row as JSON, with what is derived from the stamps and what was asked, for readers in other languages."""
    asked = {parquet.PROMPT: prompts[row.prompt]} if row.prompt in prompts else {}
    return _ENCODE.encode({**msgspec.to_builtins(row), **row.figures(), **asked}) + b"\n"


def _indented(value: object) -> bytes:
    return msgspec.json.format(_ENCODE.encode(value), indent=2) + b"\n"


def _written(path: Path, data: bytes) -> Path:
    replace(path, data)
    return path


def _parquet(path: Path, rows: Sequence[Mapping[str, Any]], manifest: Mapping[str, Any]) -> list[Path]:
    """Writes the rows as Parquet; without pyarrow nothing, and what an earlier run of this name left goes."""
    try:
        return [parquet.write(path, rows, manifest)]
    except MissingDependencyError:
        path.unlink(missing_ok=True)
        return []
