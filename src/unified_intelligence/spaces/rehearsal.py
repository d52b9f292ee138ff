"""A deployment tried on a local Hub: as it goes when all is well, and as it ends when something is not.

Everything but the Hub and the machine is real: the files, the commits, the app that starts, the model that answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from unified_intelligence.entities.errors import DeploymentError, UnifiedIntelligenceError, VerificationError
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.spaces.deployer import Deployer
from unified_intelligence.spaces.patience import Patience
from unified_intelligence.spaces.render import RenderedSpace
from unified_intelligence.spaces.simulator.faults import FAULTS, Fault
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.repository import MAIN
from unified_intelligence.spaces.spec import SpaceSpec

RUNS, BACK, REFUSED = "runs", "back", "refused"
MEANING = {
    RUNS: "the new version runs and is verified",
    BACK: "a check fails, and the old version runs, byte for byte, and is verified",
    REFUSED: "the Hub refuses, and nothing is changed",
}
_ENDS: Mapping[str, str] = {
    "build_error": BACK,
    "crash_loop": BACK,
    "failing_answers": BACK,
    "payment_required": REFUSED,
    "forbidden": REFUSED,
    "conflict": REFUSED,
    "overtaken": REFUSED,
}
ENDS = {name: _ENDS.get(name, RUNS) for name in FAULTS}
OF_A_NEW_SPACE = frozenset({"payment_required"})
_WATCH = 2.0


@dataclass(slots=True)
class Rehearsed:
    """How it ended. `seconds` and `calls`, those of the Hub's API, are by step; `exit_code` is what deploying gives."""

    space: str
    fault: str = ""
    wanted: str = RUNS
    ended: str = ""
    message: str = ""
    exit_code: int = 0
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    calls: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def ok(self) -> bool:
        return self.ended == self.wanted

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}

    def told(self) -> str:
        """How it ended, in one sentence."""
        took = f"{sum(self.seconds.values()):.1f} s and {sum(self.calls.values())} calls of the Hub"
        if not self.fault:
            return f"{self.space} was deployed and verified, and a second plan is empty: {took}."
        exits = f", exit {self.exit_code}" if self.exit_code else ""
        return f"{self.fault} ends as it should{exits}: {MEANING[self.ended]} ({took})."


@dataclass(slots=True)
class Rehearsal:
    """On one local Hub. A `deployer` is made for each deployment; `host` is the same Hub."""

    hub: Hub
    host: ISpaceHost
    deployer: Callable[[], Deployer]
    hear: Callable[[str], None]

    async def rehearse(self, first: RenderedSpace, second: RenderedSpace, fault: Fault | None = None) -> Rehearsed:
        """The first version, and with a fault the second one too. Raises what deploying the first one raises.

        Raises DeploymentError where the end is not the one that it should be.
        """
        told = Rehearsed(first.spec.id)
        if fault is None:
            with self._step(told, "deploy"):
                await self._deploy(first)
            with self._step(told, "plan"):
                await self._is_settled(first)
            told.ended = RUNS
            return told
        told.fault, told.wanted = fault.name, ENDS[fault.name]
        if fault.name not in OF_A_NEW_SPACE:
            self.hear("first a version that is good")
            with self._step(told, "good version"):
                await self._deploy(first)
        self.hear(f"then {fault.name}: {FAULTS[fault.name]}")
        self.hub.faults.waiting.append(fault)
        before = self._contents(first.spec.id)
        with self._step(told, "with the fault"):
            told.ended = await self._try(second, told)
        self.hub.faults.clear(commits=True)
        if not told.ok:
            raise DeploymentError(
                f"{fault.name} should end so: {MEANING[told.wanted]}. It ended so: {MEANING[told.ended]}."
                f" {told.message}".rstrip()
            )
        await self._check(second, told, before)
        return told

    async def _try(self, second: RenderedSpace, told: Rehearsed) -> str:
        try:
            await self._deploy(second)
        except UnifiedIntelligenceError as error:
            told.message, told.exit_code = error.message, error.exit_code
            self.hear(error.message)
            return BACK if isinstance(error, VerificationError) else REFUSED
        return RUNS

    async def _check(self, second: RenderedSpace, told: Rehearsed, before: Mapping[str, bytes]) -> None:
        """What is on the Hub, by its own files: the new version, or exactly the old one."""
        space = second.spec.id
        wanted = {**before, **second.files} if told.ended == RUNS else before
        found = self._contents(space)
        if told.fault == "overtaken":
            found = {path: content for path, content in found.items() if path in wanted}
        different = sorted(path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path))
        if different:
            raise DeploymentError(f"{told.fault} left {', '.join(different[:3])} of {space} as it should not be.")
        if told.ended == BACK and not self._runs(space):
            raise DeploymentError(f"{told.fault} left {space} without a version that runs.")
        if told.ended == RUNS:
            await self._is_settled(second)

    def _runs(self, space: str) -> bool:
        runtime = self.host.runtime(space)
        return runtime.stage in {"RUNNING", "SLEEPING"} and runtime.sha == self.host.info(space).sha

    def _contents(self, space: str) -> dict[str, bytes]:
        """Read from the local Hub's own disk: nothing where there is no such Space."""
        if space not in self.hub.names("spaces"):
            return {}
        repository = self.hub.repository("spaces", space)
        files = repository.files(repository.resolve(MAIN))
        return {path: repository.read(entry) for path, entry in files.items()}

    async def _deploy(self, version: RenderedSpace) -> None:
        deployer = self.deployer()
        made = await deployer.plan(version)
        for action in made.actions:
            self.hear(f"plan: {action.told()}")
        await deployer.deploy(version, made)

    async def _is_settled(self, version: RenderedSpace) -> None:
        made = await self.deployer().plan(version)
        if not made.is_empty:
            left = "; ".join(action.told() for action in made.actions)
            raise DeploymentError(f"After the deployment the plan is not empty: {left}.")

    @contextmanager
    def _step(self, told: Rehearsed, name: str) -> Generator[None]:
        started, calls = time.monotonic(), len(self.hub.calls)
        yield
        told.seconds[name] = round(time.monotonic() - started, 2)
        told.calls[name] = len(self.hub.calls) - calls


def patience_of_rehearsal(spec: SpaceSpec) -> Patience:
    """Short times: nothing is built and nobody else's machine is waited for."""
    return Patience(
        poll=0.2, longest_poll=1.0, unmoved=15.0, starting=min(120.0, float(spec.startup_timeout)), answering=20.0,
        watch=min(_WATCH, float(spec.rollout.watch)), watch_poll=1.0,
    )  # fmt: skip
