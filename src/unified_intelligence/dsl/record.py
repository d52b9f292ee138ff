"""A run on disk: which tasks are done and what they gave, so that another process can do the rest.

Written anew at each change, into a file beside it that takes its place: whoever is killed leaves the last whole record.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from unified_intelligence.dsl.values import from_json
from unified_intelligence.entities.errors import ConfigurationError

SCHEMA = 1
State = Literal["waiting", "running", "done", "failed", "skipped", "interrupted"]
RunState = Literal["running", "done", "failed", "interrupted"]


@dataclass(slots=True)
class TaskRecord:
    """`fingerprint` is a digest of all that the output depends on; `seconds` are those of the last run of the task."""

    state: State = "waiting"
    fingerprint: str = ""
    output: Any = None
    attempts: int = 0
    started: str = ""
    seconds: float = 0.0
    code: str = ""
    error: str = ""


@dataclass(slots=True)
class RunRecord:
    """`parameters` are those that were given, as JSON; secrets belong in references, not in values."""

    run: str
    flow: str
    started: str
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    state: RunState = "running"
    tasks: dict[str, TaskRecord] = field(default_factory=dict[str, TaskRecord])
    schema: int = SCHEMA

    def save(self, path: Path) -> None:
        """Takes the place of what is there, whole or not at all. Only its owner may read it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(asdict(self), file, indent=2, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)


def new_record(flow: str, parameters: dict[str, Any]) -> RunRecord:
    """A run that has not begun. Its name begins with the time, so that names sort by age."""
    now = datetime.now(UTC)
    return RunRecord(f"{now:%Y%m%d-%H%M%S}-{flow}-{secrets.token_hex(2)}", flow, now.isoformat(), parameters)


def read_record(path: Path) -> RunRecord:
    """Raises ConfigurationError for a file that is not a run record of this program."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not a run record.") from error
    record: RunRecord = from_json(data, RunRecord, f"{path}")
    if record.schema != SCHEMA:
        raise ConfigurationError(f"{path} is a run record of schema {record.schema}; this program reads {SCHEMA}.")
    return record


def find_record(folder: Path, asked: str) -> Path:
    """The record of a run: its path, its name, a part of the name that only one has, or `last`.

    Raises ConfigurationError.
    """
    if asked.endswith(".json"):
        return Path(asked)
    records = sorted(folder.glob("*.json"))
    found = records[-1:] if asked == "last" else [path for path in records if asked in path.stem]
    exact = [path for path in found if path.stem == asked]
    if len(exact or found) == 1:
        return (exact or found)[0]
    names = ", ".join(path.stem for path in (found or records)[-5:]) or "none"
    raise ConfigurationError(
        f"{'Several runs are' if found else 'No run is'} called {asked!r}.", hint=f"Runs in {folder}: {names}"
    )
