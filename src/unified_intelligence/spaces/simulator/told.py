"""What the Hub tells of a Space and of a repository, in its own words."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from unified_intelligence.spaces.simulator.front_matter import read_front_matter
from unified_intelligence.spaces.simulator.repository import Repository
from unified_intelligence.spaces.simulator.requests import stamp
from unified_intelligence.spaces.simulator.space_record import SpaceRecord
from unified_intelligence.spaces.simulator.stages import SpaceState

_DAY = 86400


def runtime_told(record: SpaceRecord, state: SpaceState) -> dict[str, Any]:
    """`sha` is there once a commit runs or has failed."""
    free = record.hardware == "cpu-basic"
    told: dict[str, Any] = {
        "stage": state.stage,
        "hardware": {"current": record.hardware if state.shown else None, "requested": record.hardware},
        "storage": None,
        "gcTimeout": 2 * _DAY if free else record.sleep_time,
        "devMode": record.dev_mode,
        "replicas": {"current": 1 if state.serving else 0, "requested": 1},
        "volumes": record.volumes,
    }
    told |= {"sha": state.shown} if state.shown else {}
    told |= {"errorMessage": state.message} if state.message else {}
    return told


def repository_told(
    kind: str, name: str, repository: Repository, commit: str, *, blobs: bool = False
) -> dict[str, Any]:
    """A repository at a commit, less what is true only of Spaces."""
    files = repository.files(commit)
    card: dict[str, Any] = {}
    if "README.md" in files:
        with suppress(ValueError):
            card = read_front_matter(repository.read(files["README.md"]).decode("utf-8", "replace"))
    history = repository.history(commit)
    told: dict[str, Any] = {
        "_id": history[-1].oid[:24], "id": name, "author": name.partition("/")[0], "sha": commit,
        "lastModified": stamp(history[0].date), "createdAt": stamp(history[-1].date), "private": False,
        "disabled": False, "gated": False, "likes": 0, "tags": _texts(card.get("tags")), "cardData": card,
        "usedStorage": sum(entry.size for entry in files.values()),
        "siblings": [{"rfilename": path} for path in files],
    }  # fmt: skip
    if blobs:
        told["siblings"] = [
            {"rfilename": entry.path, "size": entry.size, "blobId": entry.oid}
            | (
                {"lfs": {"sha256": entry.large.sha256, "size": entry.size, "pointerSize": entry.pointer_size}}
                if entry.large
                else {}
            )
            for entry in files.values()
        ]
    return told | ({"modelId": name} if kind == "models" else {})


def space_told(name: str, record: SpaceRecord, state: SpaceState, host: str) -> dict[str, Any]:
    """What comes besides for a Space. `host` is its address."""
    return {
        "sdk": record.sdk, "private": record.is_private, "visibility": record.visibility, "host": host,
        "subdomain": name.replace("/", "-").lower(), "runtime": runtime_told(record, state),
    }  # fmt: skip


def _texts(values: object) -> list[str]:
    return [str(value) for value in cast("list[object]", values)] if isinstance(values, list) else []
