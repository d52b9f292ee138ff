"""The local Hub: repositories and Spaces in a folder, one process at a time.

It knows nothing of HTTP. The folder is all there is: another process that opens it later finds what this one left,
however it ended.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unified_intelligence.disk.lock import lock
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.spaces.simulator.clock import Clock, MachineClock
from unified_intelligence.spaces.simulator.faults import Faults
from unified_intelligence.spaces.simulator.front_matter import SDKS
from unified_intelligence.spaces.simulator.hardware import HARDWARE
from unified_intelligence.spaces.simulator.refusals import RefusalError, no_repository
from unified_intelligence.spaces.simulator.repository import MAIN, Change, Repository, checked_path
from unified_intelligence.spaces.simulator.space_record import FILE_NAME, SpaceRecord, load_record, values_of

KINDS = ("models", "datasets", "spaces")
_LARGE = (
    "7z arrow bin bz2 ckpt ftz gz h5 joblib model msgpack npy npz onnx ot parquet pb pickle pkl pt pth rar safetensors "
    "tar tflite tgz wasm xz zip zst"
).split()
GITATTRIBUTES = "".join(f"*.{ending} filter=lfs diff=lfs merge=lfs -text\n" for ending in _LARGE)
VISIBILITIES = ("public", "private", "protected")


class Call(NamedTuple):
    """One call of the API; `ms` is how long it took until its answer began."""

    method: str
    path: str
    status: int
    ms: float


class Hub:
    """`owner` is the account that every token belongs to. Raises ConfigurationError where another process has it."""

    def __init__(
        self, folder: Path, *, owner: str = "local", clock: Clock | None = None, faults: Faults | None = None
    ) -> None:
        self.folder, self.owner = folder, owner
        self.clock, self.faults = clock or MachineClock(), faults or Faults()
        self.calls: list[Call] = []
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock = lock(folder / "lock")
        except BlockingIOError as error:
            raise ConfigurationError(
                f"{folder} is the folder of a local Hub that is running.", hint="Stop it, or take another folder."
            ) from error
        shutil.rmtree(folder / "deleted", ignore_errors=True)

    def close(self) -> None:
        os.close(self._lock)

    def repository(self, kind: str, name: str) -> Repository:
        """`kind` is models, datasets or spaces, `name` OWNER/NAME. Raises RefusalError."""
        repository = Repository(self._place(kind, name))
        if not repository.exists:
            raise no_repository(name)
        return repository

    def record(self, name: str) -> SpaceRecord:
        return load_record(self.repository("spaces", name).folder)

    def save(self, name: str, record: SpaceRecord) -> None:
        record.save(self._place("spaces", name))

    def names(self, kind: str) -> list[str]:
        root = self.folder / kind
        return sorted(path.parent.relative_to(root).as_posix() for path in root.glob("*/*/HEAD"))

    def create(self, kind: str, name: str, given: Mapping[str, Any]) -> Repository:
        """`given` is the body of the call. Raises RefusalError: 409 if it is there, 400 for what cannot be."""
        repository = Repository(self._place(kind, name))
        if repository.exists:
            raise RefusalError(409, f"You already created this {kind[:-1]} repo: {name}")
        date = self.clock.date()
        files = {".gitattributes": GITATTRIBUTES.encode()}
        if kind == "spaces":
            record = _new_record(given, date.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
            record.save(repository.folder)
            files["README.md"] = _readme(name, record.sdk).encode()
        repository.create(files, self.owner, date)
        return repository

    def delete(self, kind: str, name: str) -> None:
        """Moved away in one step, then removed."""
        repository = self.repository(kind, name)
        aside = self.folder / "deleted" / str(os.getpid())
        aside.parent.mkdir(exist_ok=True)
        repository.folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)

    def commit(self, kind: str, name: str, changes: list[Change], words: tuple[str, str], **where: str) -> str:
        """`where` is `branch`, main if none is named, and `parent`, the head that is expected. The commit's id."""
        repository = self.repository(kind, name)
        branch, parent = where.get("branch", MAIN), where.get("parent", "")
        return repository.commit(branch, changes, words, self.owner, self.clock.date(), parent)

    def _place(self, kind: str, name: str) -> Path:
        owner, _, rest = checked_path(name).partition("/")
        if not rest or "/" in rest or FILE_NAME in {owner, rest}:
            raise RefusalError(400, f"A repository is named OWNER/NAME, not {name!r}.")
        return self.folder / kind / owner / rest


def _new_record(given: Mapping[str, Any], date: str) -> SpaceRecord:
    sdk = given.get("sdk")
    if sdk not in SDKS:
        raise RefusalError(400, f"sdk must be one of {', '.join(SDKS)}, not {sdk!r}.")
    return SpaceRecord(
        sdk=str(sdk), created=date,
        visibility=known_visibility(given.get("visibility") or ("private" if given.get("private") else "public")),
        hardware=known_hardware(given.get("hardware") or "cpu-basic"), sleep_time=given.get("sleepTimeSeconds"),
        variables=values_of(given.get("variables"), date), secrets=values_of(given.get("secrets"), date),
        volumes=list(given.get("volumes") or []),
    )  # fmt: skip


def known_hardware(flavour: object) -> str:
    if flavour not in HARDWARE:
        raise RefusalError(400, f"Invalid hardware flavor: {flavour}. Known: {', '.join(HARDWARE)}.")
    return str(flavour)


def known_visibility(visibility: object) -> str:
    if visibility not in VISIBILITIES:
        raise RefusalError(400, f"visibility must be one of {', '.join(VISIBILITIES)}, not {visibility!r}.")
    return str(visibility)


def _readme(name: str, sdk: str) -> str:
    """The one that a new Space has."""
    title = name.rpartition("/")[2]
    return f"---\ntitle: {title!r}\nemoji: 🚀\ncolorFrom: blue\ncolorTo: green\nsdk: {sdk}\npinned: false\n---\n"
