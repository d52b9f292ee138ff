"""What the local Hub does wrong when it is told to, by name.

A fault of a build lies in wait for the next commit of its Space, and from then on holds for that commit, however often
it is built: the commit after it is well again. A fault of a route answers a number of calls, then is used up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError

BUILD_FAULTS = {
    "stale_build": "the Space is built from the commit before: the runtime's sha never moves, old code answers",
    "stale_snapshot": "the runtime's sha moves, but all the files that run are the old ones",
    "stale_layer": "the runtime's sha moves and deployment.json is new, but the other files that run are old",
    "lagging_sha": "new code answers for some seconds before the runtime's sha moves",
    "build_error": "the build fails",
    "crash_loop": "the app dies as soon as it is started",
    "stuck_running": "the stage is RUNNING, but no request reaches the app",
    "stuck_building": "the build never ends",
    "sleeping": "the Space falls asleep as soon as it runs",
    "lost_first_build": "the commit starts no build; a restart does",
    "failing_answers": "the app runs, but every POST to it is answered with 500, except for its version",
}
ROUTE_FAULTS = {
    "payment_required": "402 to what creates a Space or changes its hardware",
    "forbidden": "403 to what changes a Space",
    "conflict": "409 to what creates a Space or commits",
    "overtaken": "another commit comes in between, so that the next one's parent is stale: 412",
    "rate_limited": "429 with RateLimit headers to every call of the API",
    "server_error": "503 to every call of the API",
    "lost_answer": "the next commit is made, but its answer is lost: 502",
    "cut_logs": "every log stream breaks off after three lines",
}
FAULTS = {**BUILD_FAULTS, **ROUTE_FAULTS}
_CHANGES = frozenset({"POST", "PUT", "DELETE"})
_CREATES = r"/api/repos/create|/api/spaces/[^/]+/[^/]+/hardware"
_MATCHES = {
    "payment_required": (402, frozenset({"POST"}), _CREATES),
    "forbidden": (403, _CHANGES, r"/api/(?!validate-yaml).*"),
    "conflict": (409, frozenset({"POST"}), r"/api/repos/create|.*/commit/[^/]+"),
    "rate_limited": (429, frozenset({"GET", "HEAD"}) | _CHANGES, r"/api/.*"),
    "server_error": (503, frozenset({"GET", "HEAD"}) | _CHANGES, r"/api/.*"),
}


@dataclass
class Fault:
    """`space` is OWNER/NAME, empty for every Space. `seconds` is how long what lags lags, or what 429 asks to wait.

    `calls` is how many calls a fault of a route answers; 0 is all. `cured_by` is `restart` or `factory`, where that
    mends a commit that a fault of a build holds.
    """

    name: str
    space: str = ""
    seconds: float = 3.0
    calls: int = 1
    cured_by: str = ""
    answered: int = field(default=0)

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(f"There is no fault {self.name!r}. Known: {', '.join(FAULTS)}.")
        if self.cured_by not in {"", "restart", "factory"}:
            raise ValueError(f"A fault is cured by restart or factory, not by {self.cured_by!r}.")

    @property
    def used_up(self) -> bool:
        return bool(self.calls) and self.answered >= self.calls

    def status_for(self, method: str, path: str) -> int:
        """What a call is answered with; 0 if it is left alone."""
        status, methods, pattern = _MATCHES.get(self.name, (0, frozenset[str](), ""))
        about_space = not self.space or f"/{self.space}/" in f"{path}/" or path.startswith("/api/repos/")
        return status if status and method in methods and about_space and re.fullmatch(pattern, path) else 0


class Faults:
    """The faults that are set, and those of a build by the commit that they hold."""

    def __init__(self, faults: list[Fault] | None = None) -> None:
        self.waiting: list[Fault] = list(faults or [])
        self._held: dict[tuple[str, str], list[Fault]] = {}

    def clear(self, *, commits: bool = False) -> None:
        """Takes away the faults that wait; with `commits` also those that hold a commit."""
        self.waiting.clear()
        if commits:
            self._held.clear()

    def on_commit(self, space: str, commit: str) -> None:
        """The faults of a build that lie in wait for this Space hold this commit."""
        caught = [fault for fault in self.waiting if fault.name in BUILD_FAULTS and fault.space in {"", space}]
        self._held[space, commit] = caught
        self.waiting = [fault for fault in self.waiting if fault not in caught]

    def of_commit(self, space: str, commit: str, name: str) -> Fault | None:
        held = self._held.get((space, commit), [])
        return next((fault for fault in held if fault.name == name), None)

    def cure(self, space: str, commit: str, how: str) -> None:
        """A restart, or with `factory` one from nothing, which also does what a restart does."""
        cures = {"restart", "factory"} if how == "factory" else {how}
        held = self._held.get((space, commit), [])
        self._held[space, commit] = [
            fault for fault in held if fault.cured_by not in cures and fault.name != "lost_first_build"
        ]

    def take(self, name: str, space: str) -> Fault | None:
        """A fault that a route asks for by its name, counted as answered."""
        for fault in self.waiting:
            if fault.name == name and fault.space in {"", space} and not fault.used_up:
                fault.answered += 1
                return fault
        return None

    def answer(self, method: str, path: str) -> tuple[int, Fault] | None:
        """The status that a call is refused with instead of being heard, and by which fault."""
        for fault in self.waiting:
            if not fault.used_up and (status := fault.status_for(method, path)):
                fault.answered += 1
                return status, fault
        return None


def read_fault(text: str, space: str = "") -> Fault:
    """`NAME`, or `NAME:calls=3,seconds=1`. Raises ConfigurationError for a name or a setting that there is none of."""
    name, _, settings = text.partition(":")
    if name not in FAULTS:
        raise UnknownNameError("fault", name, FAULTS)
    given: dict[str, Any] = {
        key: value for key, _, value in (part.partition("=") for part in settings.split(",") if part)
    }
    try:
        given |= {key: kind(given[key]) for key, kind in (("seconds", float), ("calls", int)) if key in given}
        return Fault(name, space, **given)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{text!r} is not a fault.", hint=f"Like {name}:calls=3,seconds=1 or {name}:cured_by=restart"
        ) from error
