"""What a plan consists of. An action says what it will do, for people and for machines; `apply` does it.

No action holds a secret's value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import ClassVar, Literal, cast

from unified_intelligence.entities.space import NEVER_SLEEPS, SpaceVolume, Visibility
from unified_intelligence.spaces.differences import FileChange

Mark = Literal["+", "~", "-"]


@dataclass(frozen=True, slots=True)
class Action:
    """`mark` is + for what is made, ~ for what is changed, - for what is removed."""

    kind: ClassVar[str]

    @property
    def mark(self) -> Mark:
        return "~"

    def told(self) -> str:
        """For people, without the mark."""
        raise NotImplementedError

    def as_json(self) -> dict[str, object]:
        return {"action": self.kind, **{own.name: _plain(getattr(self, own.name)) for own in fields(self)}}


@dataclass(frozen=True, slots=True)
class CreateSpace(Action):
    """Makes the Space with everything but its files, so that the first build has its secrets."""

    kind: ClassVar[str] = "create"
    space: str
    sdk: str
    visibility: Visibility
    hardware: str
    sleep_time: int | None
    variables: Mapping[str, str]
    secrets: tuple[str, ...]
    volumes: tuple[SpaceVolume, ...]

    @property
    def mark(self) -> Mark:
        return "+"

    def told(self) -> str:
        parts = [self.visibility, f"on {self.hardware}"]
        if self.sleep_time is not None:
            parts.append(sleeps(self.sleep_time))
        return f"Space {self.space} ({self.sdk}, {', '.join(parts)})"


@dataclass(frozen=True, slots=True)
class SetVariable(Action):
    kind: ClassVar[str] = "set_variable"
    name: str
    before: str | None
    after: str

    @property
    def mark(self) -> Mark:
        return "+" if self.before is None else "~"

    def told(self) -> str:
        was = "" if self.before is None else f"{self.before!r} -> "
        return f"variable {self.name}: {was}{self.after!r}"


@dataclass(frozen=True, slots=True)
class RemoveVariable(Action):
    kind: ClassVar[str] = "remove_variable"
    name: str
    before: str

    @property
    def mark(self) -> Mark:
        return "-"

    def told(self) -> str:
        return f"variable {self.name}: {self.before!r} is not in the spec"


@dataclass(frozen=True, slots=True)
class SetSecret(Action):
    """`why`: new, changed, or unknown where nobody can tell what the Hub has."""

    kind: ClassVar[str] = "set_secret"
    name: str
    reference: str
    why: Literal["new", "changed", "unknown"]

    @property
    def mark(self) -> Mark:
        return "+" if self.why == "new" else "~"

    def told(self) -> str:
        why = {"new": "", "changed": ": the value is another one", "unknown": ": what the Hub has was not set by uic"}
        return f"secret {self.name} from {self.reference}{why[self.why]}"


@dataclass(frozen=True, slots=True)
class RemoveSecret(Action):
    kind: ClassVar[str] = "remove_secret"
    name: str

    @property
    def mark(self) -> Mark:
        return "-"

    def told(self) -> str:
        return f"secret {self.name}: it is not in the spec any more"


@dataclass(frozen=True, slots=True)
class SetVolumes(Action):
    kind: ClassVar[str] = "set_volumes"
    before: tuple[SpaceVolume, ...]
    after: tuple[SpaceVolume, ...]

    def told(self) -> str:
        listed = ", ".join(f"{volume.source} at {volume.mount_path}" for volume in self.after)
        return f"volumes: {listed or 'none'}"


@dataclass(frozen=True, slots=True)
class SetHardware(Action):
    """Sets the hardware, in one call with the sleep time where the spec has one."""

    kind: ClassVar[str] = "set_hardware"
    before: str | None
    after: str
    sleep_time: int | None

    def told(self) -> str:
        sleep = "" if self.sleep_time is None else f", {sleeps(self.sleep_time)}"
        return f"hardware: {self.before or 'none yet'} -> {self.after}{sleep}"


@dataclass(frozen=True, slots=True)
class SetSleepTime(Action):
    kind: ClassVar[str] = "set_sleep_time"
    before: int | None
    after: int

    def told(self) -> str:
        return f"{sleeps(self.after)}; now {'as the Hub does' if self.before is None else sleeps(self.before)}"


@dataclass(frozen=True, slots=True)
class SetVisibility(Action):
    kind: ClassVar[str] = "set_visibility"
    before: Visibility
    after: Visibility

    def told(self) -> str:
        return f"visibility: {self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class CommitFiles(Action):
    """One commit. `digest` is that of the content, which the Space tells once it runs it."""

    kind: ClassVar[str] = "commit"
    files: tuple[FileChange, ...]
    digest: str

    @property
    def mark(self) -> Mark:
        return "+" if all(change.kind == "added" for change in self.files) else "~"

    def told(self) -> str:
        counted = [
            (sum(change.kind == kind for change in self.files), kind) for kind in ("added", "changed", "removed")
        ]
        return f"one commit: {', '.join(f'{count} {kind}' for count, kind in counted if count)}"


def sleeps(seconds: int) -> str:
    """A sleep time in words."""
    if seconds == NEVER_SLEEPS:
        return "never sleeps"
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"sleeps after {seconds // length} {unit}"
    return f"sleeps after {seconds} s"


@dataclass(frozen=True, slots=True)
class Plan:
    """Actions in the order in which they are done. `parent` is the commit it was made for, "" where there is no Space
    yet.

    `state` is what the Space did then, in a few words. Prices are dollars an hour while it runs, None where nothing
    does.
    """

    space: str
    actions: tuple[Action, ...]
    parent: str
    digest: str
    price_before: float | None = None
    price_after: float | None = None
    notes: tuple[str, ...] = field(default=())
    state: str = "not there yet"

    @property
    def is_empty(self) -> bool:
        return not self.actions

    @property
    def commit(self) -> CommitFiles | None:
        return next((action for action in self.actions if isinstance(action, CommitFiles)), None)

    def counts(self) -> Iterator[tuple[str, int]]:
        for mark, word in (("+", "to add"), ("~", "to change"), ("-", "to remove")):
            yield word, sum(action.mark == mark for action in self.actions)

    def as_json(self) -> dict[str, object]:
        return {
            "schema": 1,
            "space": self.space,
            "state": self.state,
            "changes": not self.is_empty,
            "parent": self.parent,
            "content_digest": self.digest,
            "usd_per_hour": {"before": self.price_before, "after": self.price_after},
            "actions": [action.as_json() for action in self.actions],
            "notes": list(self.notes),
        }


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in cast("tuple[object, ...]", value)]
    return dict(cast("Mapping[str, object]", value)) if isinstance(value, Mapping) else value
