"""A run on disk: which tasks are done and what they gave, so that another process can do the rest.

Written anew at each change, into a file beside it that takes its place: whoever is killed leaves the last whole record.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from unified_intelligence.disk.lock import lock
from unified_intelligence.disk.whole import replace
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
        replace(path, json.dumps(asdict(self), indent=2, ensure_ascii=False).encode(), private=True)


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


@contextmanager
def held(path: Path) -> Generator[None]:
    """The run is this process's while the block lasts; the end of the process ends it too.

    Raises ConfigurationError if another process has it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    place = path.with_name(f".{path.name}.lock")
    try:
        own = lock(place)
    except BlockingIOError as error:
        raise ConfigurationError(
            f"The run {path.stem} is under way in another process.", hint="Wait for its end, or stop it there."
        ) from error
    try:
        yield
    finally:
        place.unlink(missing_ok=True)
        os.close(own)


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
