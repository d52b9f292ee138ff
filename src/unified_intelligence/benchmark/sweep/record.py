"""A sweep on disk: NAME_sweep.json, written anew and whole after every step, and the logs of its servers beside it."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from unified_intelligence.benchmark.store import write_json
from unified_intelligence.disk.lock import lock
from unified_intelligence.entities.errors import ConfigurationError

SCHEMA = "uic-bench-sweep/1"
SUFFIX, LOGS = "_sweep.json", "_sweep_logs"
MEASURED, INVALID, FAILED, STOPPED = "measured", "invalid", "failed", "stopped"


class Planned(Struct, kw_only=True):
    """A configuration of the sweep, in the order of its spec. `gpus` None is unknown; PORT stands in `command`.

    `runs` are its loads: label, the run's name and the hash that it will have. A search has no run of its name: "".
    """

    configuration: str
    server: str
    kind: str
    model: str
    options: dict[str, Any]
    gpus: int | None
    command: list[str]
    runs: list[dict[str, str]]


class Run(Struct, kw_only=True):
    """A load that was sent to a server of an attempt. `state`: measured, invalid, failed (nothing is kept), stopped."""

    load: str
    run: str
    config_hash: str
    state: str
    said: str = ""


class Found(Struct, kw_only=True):
    """What a search found: the highest `concurrency` that keeps the limits, 0 for none, and its run.

    `share` of its requests met them, which is `goodput_per_s` requests a second. `said` is why it is no higher.
    """

    state: str
    said: str = ""
    load: str = ""
    config_hash: str = ""
    concurrency: int = 0
    run: str = ""
    share: float = 0.0
    goodput_per_s: float = 0.0


class Ended(Struct, kw_only=True):
    """How a server ended. `outlived` are processes of its tree that did not end with it, `left` those nobody could end.

    `how`: by itself, SIGTERM or SIGKILL. `processes` is how many the tree had.
    """

    how: str = ""
    exit: int | None = None
    seconds: float = 0.0
    processes: int = 0
    outlived: list[str] = field(default_factory=list[str])
    left: list[str] = field(default_factory=list[str])


class Gpu(Struct, kw_only=True):
    """Memory of each GPU in MiB: before the sweep, highest seen, after this server. `why` it was not looked at."""

    checked: bool
    why: str = ""
    driver: str = ""
    names: list[str] = field(default_factory=list[str])
    baseline_mib: list[int] = field(default_factory=list[int])
    peak_mib: list[int] = field(default_factory=list[int])
    after_mib: list[int] = field(default_factory=list[int])
    holders: list[str] = field(default_factory=list[str])


class Attempt(Struct, kw_only=True):
    """One start of one configuration.

    `state`: running, ended, failed, stopped (by a person), killed (the sweep was, which the next one found).
    `failure` is its kind in one word, `said` the sentence. `cookie` marks the processes that were started. Times in s.
    """

    configuration: str
    attempt: int
    state: str = "running"
    failure: str = ""
    said: str = ""
    created: str = ""
    cookie: str = ""
    pid: int = 0
    began: int = 0
    port: int = 0
    command: list[str] = field(default_factory=list[str])
    models: list[str] = field(default_factory=list[str])
    ready_s: float | None = None
    log: str = ""
    runs: list[Run] = field(default_factory=list[Run])
    found: list[Found] = field(default_factory=list[Found])
    ended: Ended | None = None
    gpu: Gpu | None = None


class Record(Struct, kw_only=True):
    """The whole file."""

    schema: str = SCHEMA
    name: str
    created: str
    spec: str
    version: str
    machine: dict[str, Any]
    plan: list[Planned]
    attempts: list[Attempt] = field(default_factory=list[Attempt])

    def measured(self, config_hash: str) -> Run | None:
        """The latest whole run of that hash."""
        found = [run for own in self.attempts for run in own.runs if run.config_hash == config_hash]
        whole = [run for run in found if run.state == MEASURED]
        return whole[-1] if whole else None

    def found(self, config_hash: str) -> Found | None:
        """The latest search of that hash."""
        every = [found for own in self.attempts for found in own.found if found.config_hash == config_hash]
        return every[-1] if every else None


def path_of(folder: Path, name: str) -> Path:
    return folder / f"{name}{SUFFIX}"


def read(path: Path) -> Record | None:
    """The record at a path, None where there is none. Raises ConfigurationError for what is no record."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(
            f"{path} is no record of a sweep: {error}", hint="Move it away, or give the sweep another name."
        ) from error


def keep(path: Path, record: Record) -> None:
    write_json(path, record)


@contextmanager
def alone(folder: Path, name: str) -> Generator[None]:
    """Holds the sweep's name: two at once would end each other's servers. Raises ConfigurationError."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f".{name}_sweep.lock"
    try:
        held = lock(place)
    except BlockingIOError:
        raise ConfigurationError(
            f"The sweep {name} is running already, as process {place.read_text().strip() or 'unknown'}.",
            hint="Wait for it, or give this one another name in its spec.",
        ) from None
    try:
        os.ftruncate(held, 0)
        os.write(held, f"{os.getpid()}".encode())
        yield
    finally:
        os.close(held)
