"""The deployment of a Space as tasks, and the workflows that deploy ours.

    plan >> apply >> (wait_until_running >> verify >> smoke_test >> evaluate).on_failure(rollback) >> promote

The Space goes the way that its spec says: in place, or through its candidate; then `promote` brings the same bytes to
the Space itself, and `rollback` has nothing to set back and puts the candidate away.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

from unified_intelligence.dsl.binding import Failure, Progress
from unified_intelligence.dsl.flow import workflow
from unified_intelligence.dsl.task import task
from unified_intelligence.entities.errors import DeploymentError, UnifiedIntelligenceError
from unified_intelligence.interfaces.daemon_thread import in_daemon_thread
from unified_intelligence.spaces.deployer import STAYS, Deployer
from unified_intelligence.spaces.render import RenderedSpace
from unified_intelligence.spaces.spec import SpaceSpec
from unified_intelligence.spaces.verify import Target, Verification


class OpenedDeployment(NamedTuple):
    """A Space's files as they are here now, who deploys them, and what writes his report."""

    rendered: RenderedSpace
    deployer: Deployer
    write_report: Callable[[], object]

    @property
    def is_candidate(self) -> bool:
        """Whether a new version goes to another Space first."""
        return self.rendered.spec.rollout.strategy == "candidate"

    @property
    def tried(self) -> SpaceSpec:
        """The Space that a new version goes to first."""
        return self.rendered.spec.candidate() if self.is_candidate else self.rendered.spec


@dataclass(frozen=True, slots=True)
class SpaceOpener:
    """A service: opens a Space by the name it has here and its owner. A report is written when it is left."""

    open: Callable[[str, str, Progress], OpenedDeployment]

    @asynccontextmanager
    async def __call__(self, name: str, owner: str, progress: Progress) -> AsyncGenerator[OpenedDeployment]:
        opened = await in_daemon_thread(lambda: self.open(name, owner, progress), "open")
        report = opened.deployer.report
        try:
            yield opened
            report.outcome = "done"
        except UnifiedIntelligenceError as error:
            report.failed(error)
            raise
        finally:
            path = opened.write_report()
            if report.outcome == "failed":
                progress.say(f"Report: {path}")


@dataclass(frozen=True, slots=True)
class Planned:
    """What is to change in `space`, which is at the commit `parent`, in words; `digest` is that of the wanted files."""

    space: str
    parent: str
    digest: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppliedVersion:
    """The commit of a Space that has the wanted files. `committed` and `restarts` are as `Applied` has them."""

    space: str
    sha: str
    digest: str
    committed: bool = True
    restarts: bool = False


@dataclass(frozen=True, slots=True)
class RunningVersion:
    """A commit that runs, and answers with the files that were sent; another one than was applied after a remedy."""

    space: str
    sha: str
    digest: str
    url: str


@dataclass(frozen=True, slots=True)
class Promoted:
    """A version that is good, and its tag."""

    space: str
    sha: str
    digest: str
    tag: str
    url: str


@task(timeout=900, always=True)
async def plan(opener: SpaceOpener, progress: Progress, name: str, owner: str = "") -> Planned:
    """What a deployment would change, read from the Hub."""
    async with opener(name, owner, progress) as opened:
        opened.deployer.check_suite(opened.rendered.spec)
        made = await opened.deployer.plan(opened.rendered, opened.tried)
        changes = tuple(action.told() for action in made.actions)
        progress.say(f"{len(changes)} change{'' if len(changes) == 1 else 's'} in {made.space}")
        return Planned(made.space, made.parent, made.digest, changes)


@task(timeout=1800)
async def apply(
    opener: SpaceOpener, progress: Progress, name: str, owner: str = "", planned: Planned | None = None
) -> AppliedVersion:
    """Changes the Space: settings first, then all files in one commit."""
    async with opener(name, owner, progress) as opened:
        if planned is not None:
            _check_digest(opened.rendered, planned.digest)
        made = await opened.deployer.plan(opened.rendered, opened.tried)  # the one that was shown may be half done
        done = await opened.deployer.apply(made, opened.rendered)
        if opened.is_candidate:
            await opened.deployer.wake_if_paused(done.space)
        return AppliedVersion(done.space, done.sha, done.digest, done.committed, done.restarts)


@task
async def wait_until_running(
    opener: SpaceOpener, progress: Progress, name: str, owner: str = "", applied: AppliedVersion | None = None
) -> RunningVersion:
    """Waits until a commit runs and the app answers with its files; mends what stays on the old version."""
    async with opener(name, owner, progress) as opened:
        spec = opened.tried if applied else opened.rendered.spec
        there = applied or await opened.deployer.deployed(spec.id)
        target = Target(there.space, there.sha, there.digest, there.restarts)
        found = await opened.deployer.verifier.verify(spec, target, ("runtime", "version"))
        opened.deployer.report.step(progress.task, sum(check.seconds for check in found.checks), found.as_json())
        return RunningVersion(found.space, found.sha, found.digest, found.url)


@task
async def verify(
    opener: SpaceOpener, progress: Progress, name: str, owner: str = "", running: RunningVersion | None = None
) -> tuple[str, ...]:
    """Holds what the app offers against the contract of the spec, and watches it for a while."""
    async with opener(name, owner, progress) as opened:
        found = await _checked(opened, running, progress, "contract", "watch")
        return tuple(f"{check.name}: {check.text}" for check in found.checks)


@task
async def smoke_test(
    opener: SpaceOpener, progress: Progress, name: str, owner: str = "", running: RunningVersion | None = None
) -> tuple[str, ...]:
    """Sends the smoke requests of the spec and looks at the answers."""
    async with opener(name, owner, progress) as opened:
        found = await _checked(opened, running, progress, "smoke")
        return tuple(f"{one.name}: {one.seconds:.1f} s, {one.finish_reason}" for one in found.smoke)


@task
async def evaluate(
    opener: SpaceOpener, progress: Progress, name: str, owner: str = "", running: RunningVersion | None = None
) -> str:
    """Runs the evaluation suite that the spec names; "" where it names none."""
    async with opener(name, owner, progress) as opened:
        spec = opened.tried if running else opened.rendered.spec
        found = _verified(running) if running else await _checked(opened, None, progress, "runtime")
        return await opened.deployer.run_suite(spec, found)


@task
async def promote(
    opener: SpaceOpener, progress: Progress, name: str, owner: str = "", running: RunningVersion | None = None
) -> Promoted:
    """Tags the version as good; the bytes of a candidate go to the Space itself first, and are verified there too."""
    async with opener(name, owner, progress) as opened:
        deployer, rendered = opened.deployer, opened.rendered
        spec = rendered.spec
        if opened.is_candidate:
            tried = running or await deployer.deployed(opened.tried.id)
            _check_digest(rendered, tried.digest)
            good = await deployer.settle(spec, await deployer.apply(await deployer.plan(rendered), rendered))
            await deployer.put_away(opened.tried.id)
        else:
            found = _verified(running) if running else await deployer.verify(spec, await deployer.deployed(spec.id))
            good = await deployer.keep(spec, found)
        return Promoted(good.space, good.sha, good.digest, good.tag, good.url)


@task
async def rollback(
    opener: SpaceOpener,
    progress: Progress,
    name: str,
    owner: str = "",
    to: str = "",
    *,
    failure: Failure | None = None,
    applied: AppliedVersion | None = None,
) -> str:
    """Back to the last good version, verified; a candidate that failed is paused instead. What was done, in a line."""
    async with opener(name, owner, progress) as opened:
        done = await _gone_back(opened, to, failure, applied)
        progress.say(done)
        return done


async def _gone_back(opened: OpenedDeployment, to: str, failure: Failure | None, applied: AppliedVersion | None) -> str:
    spec = opened.rendered.spec
    if failure and opened.is_candidate:
        await opened.deployer.put_away(opened.tried.id)
        return f"{spec.id} was not touched"
    if failure and not spec.rollout.auto_rollback:
        return f"the spec of {spec.id} wants no rollback"
    if failure and applied and not applied.committed and (tag := await opened.deployer.was_good(spec.id)):
        return STAYS.format(tag=tag)
    back = await opened.deployer.rollback(spec, to)
    return f"{spec.id} is back at {back.tag}, verified"


def _check_digest(rendered: RenderedSpace, digest: str) -> None:
    if rendered.digest != digest:
        raise DeploymentError(
            f"The files of {rendered.spec.id} changed since they were planned: {digest[:12]} then, "
            f"{rendered.digest[:12]} now.",
            hint="Begin anew: uic task run, without --resume.",
        )


async def _checked(
    opened: OpenedDeployment, running: RunningVersion | None, progress: Progress, *checks: str
) -> Verification:
    spec = opened.tried if running else opened.rendered.spec
    there = running or await opened.deployer.deployed(spec.id)
    found = await opened.deployer.verifier.verify(spec, Target(there.space, there.sha, there.digest), checks)
    opened.deployer.report.step(progress.task, sum(check.seconds for check in found.checks), found.as_json())
    return found


def _verified(running: RunningVersion) -> Verification:
    return Verification(running.space, running.sha, running.digest, running.url)


DEPLOYMENT = plan >> apply >> (wait_until_running >> verify >> smoke_test >> evaluate).on_failure(rollback) >> promote

redeploy_qwen3_inference = workflow(
    "redeploy_qwen3_inference", "deploy the Space that answers, and prove it", DEPLOYMENT, name="qwen3-inference"
)
redeploy_qwen3_eval = workflow(
    "redeploy_qwen3_eval", "deploy the Space that evaluates, and prove it", DEPLOYMENT, name="qwen3-eval"
)
redeploy_open_finance = workflow(
    "redeploy_open_finance",
    "deploy the finance model's Docker Space, and prove it",
    DEPLOYMENT,
    name="open-finance-llm-8b",
)
