"""Whether what was deployed is what runs, and does what it must. In this order, each only after the one before:

| check | what must hold |
| --- | --- |
| runtime | the Space's newest commit, the commit that runs and the one that was deployed are one, and it is RUNNING |
| version | the app computes the digest of its files, and it is that of the files that were sent |
| contract | the endpoints, or the models, of the spec are there |
| smoke | every smoke request is answered as its spec expects |
| watch | it stays so for a while |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from unified_intelligence.entities.errors import NotFoundOrPrivateError, UnifiedIntelligenceError, VerificationError
from unified_intelligence.entities.space import SERVING_STAGES
from unified_intelligence.interfaces.daemon_thread import in_daemon_thread
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.interfaces.space_visitor import ISpaceVisitor
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.spaces.contract import check_contract, running_digest
from unified_intelligence.spaces.log_tail import Hear, LogTail, unheard
from unified_intelligence.spaces.patience import Patience, patience_of
from unified_intelligence.spaces.running import Seen, Wait, may_pass, pause, retried_until
from unified_intelligence.spaces.smoke import SmokeResult, ask
from unified_intelligence.spaces.spec import GradioContract, SpaceSpec

CHECKS = ("runtime", "version", "contract", "smoke", "watch")
RUNTIME = CHECKS[:1]
_WATCHED = SERVING_STAGES | {"SLEEPING"}


@dataclass(frozen=True, slots=True)
class Target:
    """What should run: the commit of a Space, and the digest of its files.

    `restarts`: settings changed and no file did, so what runs until the host restarts it has the old ones.
    """

    space: str
    sha: str
    digest: str
    restarts: bool = False


@dataclass(slots=True)
class Check:
    """`text` says what was found; `ok` is None for one that the spec has nothing for."""

    name: str
    ok: bool | None
    seconds: float = 0.0
    text: str = ""


@dataclass(slots=True)
class Verification:
    """What was found. `sha` is the commit that runs: another one than was deployed where a remedy made it."""

    space: str
    sha: str
    digest: str
    url: str = ""
    checks: list[Check] = field(default_factory=list[Check])
    smoke: list[SmokeResult] = field(default_factory=list[SmokeResult])
    stages: list[Seen] = field(default_factory=list[Seen])
    remedies: list[str] = field(default_factory=list[str])
    logs: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(check.ok is not False for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}


class Verifier:
    """Verifies on a host, with a visitor. `redact` takes secrets out of what is kept and told."""

    def __init__(
        self,
        host: ISpaceHost,
        visitor: ISpaceVisitor,
        *,
        hear: Hear = unheard,
        redact: Callable[[str], str] = str,
        patience: Patience | None = None,
    ) -> None:
        self._host, self._visitor = host, visitor
        self._hear, self._redact, self._patience = hear, redact, patience

    async def verify(self, spec: SpaceSpec, target: Target, only: Iterable[str] = ()) -> Verification:
        """Every check, or the ones that are named. Raises VerificationError, which carries what was found up to then.

        StalePlanError where somebody else committed meanwhile, SpacePausedError, ProviderError of the host.
        """
        found = Verification(target.space, target.sha, target.digest)
        patience = self._patience or patience_of(spec)
        wanted = frozenset(only or CHECKS)
        with LogTail(self._host, target.space, self._hear, self._redact) as log:
            wait = Wait(self._host, target.space, target.sha, patience, self._hear, log, target.restarts)
            try:
                await self._all(spec, wait, found, wanted)
            except VerificationError as error:
                await log.complete()
                error.log_tail, error.report = log.last(), found
                raise
            finally:
                found.sha, found.remedies = wait.commit, wait.remedies
                found.stages = wait.seen
                found.logs = dict(log.tails)
        return found

    async def _all(self, spec: SpaceSpec, wait: Wait, found: Verification, wanted: frozenset[str]) -> None:
        await wait.check_newest()
        if "runtime" in wanted:
            with _timed(found, "runtime") as check:
                await wait.until_running()
                check.text = f"commit {wait.commit[:12]} runs"
        found.url = (await in_daemon_thread(lambda: self._host.info(wait.space))).host.rstrip("/")
        if spec.contract is None:
            found.checks.append(Check("version", None, text="the spec has no contract, so the app was not asked"))
            return
        if "version" in wanted:
            with _timed(found, "version") as check:
                await self._version(spec, wait, found)
                check.text = f"the files that run are those of {found.digest[:12]}"
        if "contract" in wanted:
            with _timed(found, "contract") as check:
                check.text = await check_contract(self._visitor, found.url, spec.contract)
        if "smoke" in wanted and spec.smoke:
            with _timed(found, "smoke") as check:
                check.text = await self._smoke(spec, found)
        if "watch" in wanted and wait.patience.watch:
            with _timed(found, "watch") as check:
                check.text = await self._watch(spec, wait, found)

    async def _version(self, spec: SpaceSpec, wait: Wait, found: Verification) -> None:
        """Old files under the new commit, or an app that nobody reaches, are mended like a commit that does not run.

        What is wrong must stay so for a while: a host tells of a build, or of a remedy, a little later than it begins.
        """
        contract, since = spec.contract, time.monotonic()
        assert contract is not None
        while True:
            stages = len(wait.seen)
            await wait.until_running()
            if len(wait.seen) > stages:
                since = time.monotonic()
            try:
                running = await running_digest(self._visitor, found.url, contract)
                why = f"The app runs the files of {running[:12]}, not those of {found.digest[:12]}."
            except UnifiedIntelligenceError as error:
                late = time.monotonic() - since > wait.patience.answering
                if not may_pass(error) or (late and isinstance(error, NotFoundOrPrivateError)):
                    raise _not_there(found, error) from error
                running, why = "", f"The app does not answer: {error.message}"
            if running == found.digest:
                return
            if time.monotonic() - since > wait.patience.answering:
                await wait.mend(why, "version")
                since = time.monotonic()
            await pause(wait.patience.poll)

    async def _smoke(self, spec: SpaceSpec, found: Verification) -> str:
        generator = self.generator(spec, found)
        try:
            for smoke in spec.smoke:
                result = await ask(generator, smoke)
                result = _without_secrets(result, self._redact)
                found.smoke.append(result)
                self._hear(f"smoke {smoke.name}: {'; '.join(result.failed) or 'ok'} ({result.seconds:.1f} s)")
        finally:
            generator.close()
        failed = [result for result in found.smoke if not result.ok]
        if failed:
            said = " ".join(f"{one.name}: {'; '.join(one.failed).rstrip('.')}." for one in failed)
            raise VerificationError(
                "smoke", f"{found.space} does not answer as it must. {said}", hint="The answers are in the report."
            )
        return f"{len(found.smoke)} answered as expected"

    def generator(self, spec: SpaceSpec, found: Verification) -> ITextGenerator:
        """The provider of the spec's contract, asking the Space that was verified."""
        contract = spec.contract
        assert contract is not None
        if isinstance(contract, GradioContract):
            return self._visitor.generator(contract.provider, found.space, found.url)
        return self._visitor.generator(
            contract.provider, found.space, f"{found.url}/v1", key=contract.key, model=contract.models[0]
        )

    async def _watch(self, spec: SpaceSpec, wait: Wait, found: Verification) -> str:
        contract, until = spec.contract, time.monotonic() + wait.patience.watch
        assert contract is not None
        while True:
            await wait.check_newest()
            runtime = await wait.look()
            if runtime is not None and (runtime.stage not in _WATCHED or runtime.sha != wait.commit):
                raise VerificationError("watch", f"{found.space} left RUNNING after it was verified: {runtime.stage}.")
            if runtime is not None and runtime.serves:
                await self._same_files(found, spec)
            if time.monotonic() >= until:
                return f"nothing changed in {wait.patience.watch:g} s"
            await pause(min(wait.patience.watch_poll, max(0.0, until - time.monotonic())))

    async def _same_files(self, found: Verification, spec: SpaceSpec) -> None:
        contract = spec.contract
        assert contract is not None
        try:
            running = await retried_until(15.0, 2.0, lambda: running_digest(self._visitor, found.url, contract))
        except UnifiedIntelligenceError as error:
            raise VerificationError(
                "watch", f"The app stopped answering while it was watched: {error.message}"
            ) from error
        if running != found.digest:
            raise VerificationError(
                "watch", f"While it was watched the app changed to the files of {str(running)[:12]}."
            )


def _not_there(found: Verification, error: UnifiedIntelligenceError) -> UnifiedIntelligenceError:
    """No remedy makes a page that the app does not have, or opens a private Space to who has no token."""
    if not isinstance(error, NotFoundOrPrivateError):
        return error
    return VerificationError(
        "version",
        f"{found.url} runs and does not say which files: {error.message}",
        hint="Has it the version endpoint of its contract? Is it private, and the token not one of its owner's?",
    )


def _without_secrets(result: SmokeResult, redact: Callable[[str], str]) -> SmokeResult:
    failed = tuple(redact(one) for one in result.failed)
    return SmokeResult(
        result.name, result.seconds, failed, redact(result.text), result.finish_reason, result.completion_tokens
    )


@contextmanager
def _timed(found: Verification, name: str) -> Generator[Check]:
    """A check with its time; what it raises is what was found. A host that fails is no finding."""
    check, started = Check(name, ok=True), time.monotonic()
    found.checks.append(check)
    try:
        yield check
    except UnifiedIntelligenceError as error:
        check.ok, check.text = False, error.message
        if name not in {"contract", "smoke"} or isinstance(error, VerificationError):
            raise
        raise VerificationError(name, f"{found.space}: {error.message}", hint=error.hint) from error
    finally:
        check.seconds = round(time.monotonic() - started, 3)
