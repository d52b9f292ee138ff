"""A deployment from plan to proof: in place, or through a candidate that is proven first; back when the proof fails.

Every step can be cut off and run again: what is done is found done, and what was verified is verified again.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from unified_intelligence.entities.errors import (
    ConfigurationError,
    DeploymentError,
    RollbackError,
    StalePlanError,
    UnifiedIntelligenceError,
    VerificationError,
)
from unified_intelligence.entities.space import STOPPED_STAGES
from unified_intelligence.interfaces.daemon_thread import in_daemon_thread
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.interfaces.space_visitor import ISpaceVisitor
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.spaces.actions import Plan
from unified_intelligence.spaces.apply import Applied, apply
from unified_intelligence.spaces.good_versions import last_good, mark_good, version_of
from unified_intelligence.spaces.log_tail import Hear, unheard
from unified_intelligence.spaces.observe import recorded, unrecorded
from unified_intelligence.spaces.patience import Patience
from unified_intelligence.spaces.plan import make_plan
from unified_intelligence.spaces.render import RenderedSpace
from unified_intelligence.spaces.report import DeploymentReport
from unified_intelligence.spaces.rollback import Rollback, mark_returned, roll_back
from unified_intelligence.spaces.secret_values import SecretValues
from unified_intelligence.spaces.spec import SpaceSpec
from unified_intelligence.spaces.verify import Target, Verification, Verifier

STAYS = "Its files are those of {tag}, which was good, so nothing was rolled back: what changed is around them."
Evaluate = Callable[[str, ITextGenerator, Verification], Awaitable[str]]
"""Runs the suite of a spec against what was verified and says in a line how it went. Raises VerificationError."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """A version that was found good. `tag` is what it is called on the host; `url` where it answers."""

    space: str
    sha: str
    digest: str
    tag: str
    url: str

    def as_json(self) -> dict[str, Any]:
        return {
            "space": self.space, "sha": self.sha, "content_digest": self.digest, "tag": self.tag, "url": self.url,
        }  # fmt: skip


@dataclass(slots=True)
class Deployer:
    """Deploys to a host. `redact` takes the secrets out of what is told and kept."""

    host: ISpaceHost
    visitor: ISpaceVisitor
    secrets: SecretValues = field(default_factory=SecretValues)
    hear: Hear = unheard
    redact: Callable[[str], str] = str
    patience: Patience | None = None
    evaluate: Evaluate | None = None
    report: DeploymentReport = field(default_factory=lambda: DeploymentReport("", ""))

    @property
    def verifier(self) -> Verifier:
        return Verifier(self.host, self.visitor, hear=self.hear, redact=self.redact, patience=self.patience)

    async def plan(self, rendered: RenderedSpace, spec: SpaceSpec | None = None, *, adopt: bool = False) -> Plan:
        """What would change; `spec` is the rendered one or its candidate."""
        with self._step("plan") as found:
            made = await in_daemon_thread(
                lambda: make_plan(self.host, rendered, self.secrets, spec=spec, adopt=adopt), "plan"
            )
            found["plan"] = made.as_json()
            return made

    async def apply(self, made: Plan, rendered: RenderedSpace) -> Applied:
        """Changes the Space. Raises what `apply` raises, StalePlanError where somebody else was faster."""
        with self._step("apply") as found:
            done = await in_daemon_thread(
                lambda: apply(
                    self.host,
                    made,
                    rendered,
                    self.secrets,
                    done=lambda action: self.hear(f"done: {action.told()}"),
                    after_creating=(self.patience or Patience()).created,
                ),
                "apply",
            )
            found["applied"] = done.as_json()
            return done

    async def deploy(self, rendered: RenderedSpace, made: Plan) -> Deployed:
        """The whole way, by the strategy of the spec; `made` is the plan for the Space itself.

        Raises VerificationError, which says what was done about it, and RollbackError.
        """
        self.check_suite(rendered.spec)
        if rendered.spec.rollout.strategy == "candidate" and not made.is_empty:
            await self.try_candidate(rendered)
        return await self.settle(rendered.spec, await self.apply(made, rendered))

    async def try_candidate(self, rendered: RenderedSpace) -> Verification:
        """The same bytes in `ID-candidate`, verified and evaluated there; paused afterwards, however it ended."""
        spec = rendered.spec.candidate()
        self.hear(f"candidate: {spec.id}")
        applied = await self.apply(await self.plan(rendered, spec), rendered)
        try:
            await self.wake_if_paused(spec.id)
            found = await self.verify(spec, target_of(applied))
            await self.run_suite(spec, found)
        except VerificationError as error:
            error.message = f"{error.message} That is the candidate; {rendered.spec.id} was not touched."
            raise
        finally:
            await self.put_away(spec.id)
        return found

    async def settle(self, spec: SpaceSpec, applied: Applied) -> Deployed:
        """Verified and tagged as good; else, where the spec wants it, rolled back, and the failure raised."""
        try:
            found = await self.verify(spec, target_of(applied))
            if spec.rollout.strategy == "in_place":
                await self.run_suite(spec, found)
        except VerificationError as error:
            if spec.rollout.auto_rollback:
                await self._go_back(spec, error, committed=applied.committed)
            raise
        return await self.keep(spec, found)

    async def verify(self, spec: SpaceSpec, target: Target) -> Verification:
        """Every check. Raises VerificationError."""
        self.hear(f"verify: {target.space} at {target.sha[:12]}")
        with self._step("verify") as found:
            verified = await self.verifier.verify(spec, target)
            found["verification"] = verified.as_json()
            return verified

    async def keep(self, spec: SpaceSpec, found: Verification) -> Deployed:
        """Tags what was verified. Raises StalePlanError if it is not the newest version any more."""

        def mark() -> str:
            newest = self.host.info(spec.id).sha
            if newest != found.sha:
                raise StalePlanError(
                    f"{spec.id} is at commit {newest[:12]} now, not at {found.sha[:12]}, which was verified.",
                    hint="Verify what is there: uic space verify NAME",
                )
            return mark_good(self.host, spec.id, found.sha)

        with self._step("tag") as told:
            tag = await in_daemon_thread(mark, "tag")
            told["tag"] = tag
        self.hear(f"good: {tag}")
        return Deployed(spec.id, found.sha, found.digest, tag, found.url)

    async def rollback(self, spec: SpaceSpec, to: str = "") -> Rollback:
        """A version that was newer is the last good one no longer: what was gone back to is. Raises as `roll_back`."""
        with self._step("rollback") as found:
            back = await roll_back(self.host, self.verifier, spec, to=to, hear=self.hear)
            found["rollback"] = back.as_json()
            if kept := await in_daemon_thread(lambda: mark_returned(self.host, back)):
                self.hear(f"good: {kept}")
            return back

    async def run_suite(self, spec: SpaceSpec, found: Verification) -> str:
        """The spec's suite against what was verified; "" where it names none."""
        self.check_suite(spec)
        if spec.rollout.suite is None or self.evaluate is None:
            return ""
        with self._step("evaluate") as told:
            generator = self.verifier.generator(spec, found)
            try:
                told["evaluation"] = said = await self.evaluate(spec.rollout.suite, generator, found)
            finally:
                generator.close()
            self.hear(f"evaluation {spec.rollout.suite}: {said}")
            return said

    def check_suite(self, spec: SpaceSpec) -> None:
        """Raises ConfigurationError where a suite is wanted that nobody can run."""
        if spec.rollout.suite is not None and self.evaluate is None:
            raise ConfigurationError(
                f"The spec of {spec.id} names the suite {spec.rollout.suite}, and nothing here can run it.",
                hint="Take rollout.suite out of the spec, or install what evaluates.",
            )

    async def deployed(self, space: str) -> Target:
        """The newest commit, by what its record says.

        Raises DeploymentError for one that is not ours, or whose files are not those of its record.
        """

        def read() -> Target:
            sha = self.host.info(space).sha
            record = recorded(self.host, space, sha) if sha else None
            if record is None:
                raise DeploymentError(
                    f"{space} has no record of a deployment, so nobody knows what should run there.",
                    hint="Deploy it: uic space deploy NAME",
                )
            pushed = unrecorded(self.host, space, sha, record)
            if pushed:
                raise DeploymentError(
                    f"{space} has files at {sha[:12]} that were not deployed so: {', '.join(pushed[:5])}.",
                    hint="Somebody pushed by hand. Deploy again, or go back: uic space rollback NAME",
                )
            return Target(space, sha, record.digest)

        return await in_daemon_thread(read)

    async def wake_if_paused(self, space: str) -> None:
        """A candidate was paused when it was used last; a deployment does not start what is paused."""
        runtime = await in_daemon_thread(lambda: self.host.runtime(space))
        if runtime.stage in STOPPED_STAGES:
            await in_daemon_thread(lambda: self.host.restart(space))

    async def put_away(self, space: str) -> None:
        """Pauses a candidate. It raises nothing: what went before is of more interest."""
        try:
            await in_daemon_thread(lambda: self.host.pause(space))
            self.hear(f"paused: {space}")
        except UnifiedIntelligenceError as error:
            self.hear(f"{space} could not be paused: {error.message}")

    async def was_good(self, space: str) -> str:
        """The tag of the good version whose files the Space has now; "" where there is none."""

        def found() -> str:
            tag = version_of(self.host, space, self.host.tree(space), self.host.tags(space))
            return tag.name if tag else ""

        return await in_daemon_thread(found)

    async def _go_back(self, spec: SpaceSpec, error: VerificationError, *, committed: bool) -> None:
        """Changes the error's words to what was done; raises RollbackError if that failed too."""
        if not committed and (tag := await self.was_good(spec.id)):
            error.message = f"{error.message} {STAYS.format(tag=tag)}"
            return
        newest = (await in_daemon_thread(lambda: self.host.info(spec.id))).sha
        if last_good(await in_daemon_thread(lambda: self.host.tags(spec.id)), {newest}) is None:
            error.message = f"{error.message} There is no good version to go back to."
            return
        self.hear(f"{error.message} Rolling back.")
        self.report.failed(error)
        try:
            back = await self.rollback(spec)
        except RollbackError as worse:
            worse.message = f"{error.message} {worse.message}"
            raise worse from error
        except UnifiedIntelligenceError as worse:
            error.message = f"{error.message} It was not rolled back: {worse.message}"
            return
        error.message = f"{error.message} It was rolled back to {back.tag}, which was verified and runs."

    @contextmanager
    def _step(self, name: str) -> Generator[dict[str, Any]]:
        found: dict[str, Any] = {}
        started = time.monotonic()
        yield found
        self.report.step(name, time.monotonic() - started, found)


def target_of(applied: Applied) -> Target:
    """What should run after an apply."""
    return Target(applied.space, applied.sha, applied.digest, applied.restarts)
