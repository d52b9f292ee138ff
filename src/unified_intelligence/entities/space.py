"""What a host of Spaces tells about one, and what can be asked of it: values without behaviour of their own.

Sizes are bytes, times seconds, prices US dollars an hour. A revision is a commit id of 40 hexadecimal digits, a branch
or a tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Visibility = Literal["public", "private", "protected"]
VolumeKind = Literal["bucket", "model", "dataset", "space"]
LogKind = Literal["run", "build"]

BUILDING_STAGES = frozenset({"BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING"})
SERVING_STAGES = frozenset({"RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING"})
BROKEN_STAGES = frozenset({"BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE"})
STOPPED_STAGES = frozenset({"PAUSED", "STOPPED"})
NEVER_SLEEPS = -1
FREE_HARDWARE = "cpu-basic"


def host_of(space: str) -> str:
    """The host name that the Hub gives the server of a Space."""
    return f"{re.sub('[^a-z0-9]+', '-', space.lower()).strip('-')}.hf.space"


def takes_sleep_time(hardware: str) -> bool:
    """The Hub lets free hardware and ZeroGPU sleep as it likes."""
    return hardware != FREE_HARDWARE and not is_zero_gpu(hardware)


def is_zero_gpu(hardware: str) -> bool:
    return hardware.startswith("zero-")


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """`sha` is the newest commit of the branch that is built, "" where there is none yet; `host` its own address."""

    id: str
    sha: str
    sdk: str = ""
    visibility: Visibility = "public"
    host: str = ""


@dataclass(frozen=True, slots=True)
class TreeFile:
    """`blob_id` is git's SHA-1; of a file kept outside git (LFS) it is the pointer's, and `sha256` the content's."""

    path: str
    size: int
    blob_id: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class SpaceVolume:
    """Something of the Hub that a Space sees as a folder."""

    kind: VolumeKind
    source: str
    mount_path: str
    revision: str | None = None
    read_only: bool | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class SpaceRuntime:
    """What runs. `stage` is the host's word, which may be one nobody has heard of. `sha` is the commit that runs, not
    the newest one; None where the host does not say. `sleep_time` of None is the host's own choice, -1 is never.
    """

    stage: str
    hardware: str | None = None
    requested_hardware: str | None = None
    sha: str | None = None
    error_message: str | None = None
    sleep_time: int | None = None
    volumes: tuple[SpaceVolume, ...] = ()
    raw: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)

    @property
    def wanted_hardware(self) -> str | None:
        """What was asked for last: the host may still be moving the Space there."""
        return self.requested_hardware or self.hardware

    @property
    def serves(self) -> bool:
        return self.stage in SERVING_STAGES

    @property
    def is_broken(self) -> bool:
        return self.stage in BROKEN_STAGES


@dataclass(frozen=True, slots=True)
class SpaceVariable:
    """Whoever may see the Space may read it."""

    name: str
    value: str
    description: str | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SpaceSecret:
    """A secret as the host tells it: never its value."""

    name: str
    description: str | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret on its way to the host. Its value is in no repr."""

    name: str
    value: str = field(repr=False)
    description: str = ""


@dataclass(frozen=True, slots=True)
class NewSpace:
    """What a Space is created with, so that its first build has everything it needs."""

    id: str
    sdk: str
    visibility: Visibility = "private"
    hardware: str | None = None
    sleep_time: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: tuple[NewSecret, ...] = ()
    volumes: tuple[SpaceVolume, ...] = ()


@dataclass(frozen=True, slots=True)
class AddFile:
    """A file with its new content."""

    path: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeleteFile:
    path: str


@dataclass(frozen=True, slots=True)
class CopyFile:
    """A file as it was at another revision of the same Space."""

    path: str
    source_path: str
    source_revision: str


Change = AddFile | DeleteFile | CopyFile


@dataclass(frozen=True, slots=True)
class NewCommit:
    """One commit. It is refused unless `parent` is the branch's newest commit."""

    summary: str
    changes: tuple[Change, ...]
    parent: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class SpaceTag:
    name: str
    sha: str


@dataclass(frozen=True, slots=True)
class HardwarePrice:
    """`dollars_per_hour` is 0.0 for what is free."""

    name: str
    pretty_name: str
    dollars_per_hour: float
