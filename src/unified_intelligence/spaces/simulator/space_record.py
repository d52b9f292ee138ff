"""What a Space is set to, kept in a file of its owner's beside its repository: values of secrets are in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from unified_intelligence.spaces.simulator.git_objects import write_whole

FILE_NAME = "space.json"


@dataclass
class Value:
    """A variable or a secret; `updated` is a date in ISO 8601."""

    value: str
    description: str | None
    updated: str

    def told(self) -> dict[str, Any]:
        """As the Hub tells it: without the value."""
        return {"description": self.description, "updatedAt": self.updated}


@dataclass
class SpaceRecord:
    """`sleep_time` in seconds, None for the hardware's own; `port` is where its address was last, to have it again."""

    sdk: str
    created: str
    visibility: str = "public"
    hardware: str = "cpu-basic"
    sleep_time: int | None = None
    variables: dict[str, Value] = field(default_factory=dict[str, Value])
    secrets: dict[str, Value] = field(default_factory=dict[str, Value])
    volumes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    dev_mode: bool = False
    paused: bool = False
    port: int = 0

    @property
    def is_private(self) -> bool:
        return self.visibility == "private"

    def save(self, folder: Path) -> None:
        write_whole(folder / FILE_NAME, json.dumps(asdict(self), indent=1, ensure_ascii=False).encode())


def load_record(folder: Path) -> SpaceRecord:
    content = cast("dict[str, Any]", json.loads((folder / FILE_NAME).read_text("utf-8")))
    for name in ("variables", "secrets"):
        content[name] = {key: Value(**value) for key, value in content[name].items()}
    return SpaceRecord(**content)


def values_of(given: object, date: str) -> dict[str, Value]:
    """Variables or secrets from a list of `{key, value, description}`, as a new Space is given them."""
    items = cast("list[Mapping[str, Any]]", given or [])
    return {str(item["key"]): Value(str(item.get("value", "")), item.get("description"), date) for item in items}
