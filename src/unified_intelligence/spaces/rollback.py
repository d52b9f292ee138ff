"""Back to a version that was good: its files in one commit, its settings, and then the same proof as of any deployment.

Files are copied on the host from the good commit, so that nothing is uploaded and nothing can differ. It is done once:
when the old version does not run either, hardware that costs money is paused, and people are needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from unified_intelligence.entities.errors import DeploymentError, RollbackError, UnifiedIntelligenceError
from unified_intelligence.entities.space import (
    Change,
    CopyFile,
    DeleteFile,
    NewCommit,
    SpaceTag,
    SpaceVolume,
    TreeFile,
    takes_sleep_time,
)
from unified_intelligence.interfaces.daemon_thread import in_daemon_thread
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.spaces.content import Deployment
from unified_intelligence.spaces.good_versions import before, chosen, good_versions, mark_good
from unified_intelligence.spaces.log_tail import Hear, unheard
from unified_intelligence.spaces.observe import HOSTS_OWN, ObservedSpace, observe, recorded
from unified_intelligence.spaces.spec import SpaceSpec, Volume
from unified_intelligence.spaces.verify import Target, Verification, Verifier


@dataclass(frozen=True, slots=True)
class Rollback:
    """What was done. `sha` is the new commit with the old files; `restored` tells in words what else was set back."""

    space: str
    tag: str
    sha: str
    digest: str
    restored: tuple[str, ...]
    not_restored: tuple[str, ...]
    verification: Verification | None = None
    restarts: bool = False

    def as_json(self) -> dict[str, Any]:
        return {
            "space": self.space,
            "tag": self.tag,
            "sha": self.sha,
            "content_digest": self.digest,
            "restored": list(self.restored),
            "not_restored": list(self.not_restored),
            "verification": self.verification.as_json() if self.verification else None,
        }


async def roll_back(
    host: ISpaceHost, verifier: Verifier, spec: SpaceSpec, *, to: str = "", hear: Hear = unheard
) -> Rollback:
    """Goes back to the newest good version that is not the one which runs now, or to the one that is named, and
    verifies it.

    Raises ConfigurationError and DeploymentError before anything is changed; StalePlanError where somebody else
    committed; RollbackError when the old version does not run either.
    """
    back, good = await in_daemon_thread(lambda: restore(host, spec.id, to=to, hear=hear))
    try:
        found = await verifier.verify(
            checked_as_then(spec, good), Target(back.space, back.sha, back.digest, back.restarts)
        )
    except UnifiedIntelligenceError as error:
        paused = await in_daemon_thread(lambda: pause_if_paid(host, spec.id))
        raise RollbackError(
            f"{spec.id} was set back to {back.tag}, and that does not run either: {error.message} {paused}",
            hint="Nothing more is tried. Read the report, mend the cause, then: uic space deploy NAME",
        ) from error
    return Rollback(back.space, back.tag, found.sha, back.digest, back.restored, back.not_restored, found)


def restore(host: ISpaceHost, space: str, *, to: str = "", hear: Hear = unheard) -> tuple[Rollback, Deployment]:
    """The files and settings of a good version, not verified yet, and the record of that version.

    Settings come first: the build of the old files is to find the old variables.
    """
    observed = observe(host, space)
    if observed is None or not observed.info.sha:
        raise DeploymentError(f"There is nothing to roll back: {space} is not there.")
    tag = _target(host, observed, to)
    record = recorded(host, space, tag.sha)
    if record is None:
        raise DeploymentError(
            f"{tag.name} of {space} has no record of its deployment.", hint="Roll back to another: --to TAG"
        )
    hear(f"back to {tag.name}, commit {tag.sha[:12]}")
    restored = tuple(_settings_restored(host, observed, record))
    wanted = host.tree(space, tag.sha)
    changes = tuple(_changes(observed.tree, wanted, tag.sha))
    sha = observed.info.sha
    restarts = bool(restored) and not changes
    if changes:
        described = f"The files of {tag.name}, commit {tag.sha}. Content {record.digest}"
        sha = host.commit(space, NewCommit(f"Roll back to {tag.name}", changes, sha, described))
        _check(host, space, sha, wanted)
    missing = tuple(f"the secret {name} is not there any more" for name in _secrets_gone(observed, record))
    for line in (*restored, *missing):
        hear(line)
    return Rollback(space, tag.name, sha, record.digest, restored, missing, restarts=restarts), record


def mark_returned(host: ISpaceHost, back: Rollback) -> str:
    """Tags what was gone back to where a version that was gone back from would be the newest good one; the tag or "".

    Else a deployment that fails later, or a second rollback, would bring that one again.
    """
    good = good_versions(host.tags(back.space))
    if not good or good[0].name == back.tag:
        return ""
    return mark_good(host, back.space, back.sha)


def checked_as_then(spec: SpaceSpec, record: Deployment) -> SpaceSpec:
    """The spec with the contract and the smoke requests that the old version was good by, where they are on record."""
    if not record.checks:
        return spec
    return SpaceSpec.model_validate({**spec.model_dump(), **record.checks})


def pause_if_paid(host: ISpaceHost, space: str) -> str:
    """Pauses what costs money, and says in a sentence what was done. It raises nothing: there is an error already."""
    try:
        hardware = host.runtime(space).wanted_hardware or ""
        price = host.prices()[hardware].dollars_per_hour if hardware in host.prices() else 0.0
        if price <= 0:
            return f"It was not paused: {hardware or 'its hardware'} costs nothing."
        host.pause(space)
    except UnifiedIntelligenceError as error:
        return f"It could not be paused, so it may cost money: {error.message}"
    return f"It was paused: {hardware} costs ${price:.2f} an hour."


def _target(host: ISpaceHost, observed: ObservedSpace, to: str) -> SpaceTag:
    tags = host.tags(observed.info.id)
    if to:
        return chosen(tags, to)
    tag = before(host, observed.info.id, observed.info.sha, observed.tree, tags)
    if tag is None:
        listed = ", ".join(each.name for each in good_versions(tags)[:5])
        raise DeploymentError(
            f"{observed.info.id} has no good version to roll back to" + (" before the one it has." if listed else "."),
            hint=f"Name another: --to TAG, of {listed}."
            if listed
            else "A version is tagged as good once it was verified: uic space verify NAME",
        )
    return tag


def _changes(now: Mapping[str, TreeFile], wanted: Mapping[str, TreeFile], sha: str) -> Iterator[Change]:
    for path in sorted(now.keys() | wanted.keys()):
        if path not in wanted:
            if path not in HOSTS_OWN:
                yield DeleteFile(path)
        elif path not in now or now[path].blob_id != wanted[path].blob_id:
            yield CopyFile(path, path, sha)


def _check(host: ISpaceHost, space: str, sha: str, wanted: Mapping[str, TreeFile]) -> None:
    """The tree byte for byte, by what git and LFS call each file."""
    left = [change.path for change in _changes(host.tree(space, sha), wanted, sha)]
    if left:
        raise DeploymentError(
            f"{space} does not have the old files after the commit that should bring them: {', '.join(left[:5])}.",
            hint="Try again: uic space rollback NAME",
        )


def _settings_restored(host: ISpaceHost, observed: ObservedSpace, record: Deployment) -> Iterator[str]:
    space, settings = observed.info.id, record.settings
    variables = cast("Mapping[str, str]", settings.get("variables", {}))
    for name, value in variables.items():
        if name in observed.secrets:
            host.delete_secret(space, name)  # no variable and secret have one name
            yield f"secret {name} removed"
        if name not in observed.variables or observed.variables[name].value != value:
            host.set_variable(space, name, value)
            yield f"variable {name} set back"
    for name in sorted(observed.variables.keys() - variables.keys()) if "variables" in settings else ():
        host.delete_variable(space, name)
        yield f"variable {name} removed"
    if "volumes" in settings:
        volumes = tuple(_volume(each) for each in cast("list[dict[str, Any]]", settings["volumes"]))
        if set(volumes) != set(observed.runtime.volumes):
            host.set_volumes(space, volumes)
            yield "volumes set back"
    hardware = settings.get("hardware")
    if isinstance(hardware, str) and hardware != (observed.runtime.wanted_hardware or hardware):
        host.set_hardware(space, hardware, observed.runtime.sleep_time if takes_sleep_time(hardware) else None)
        yield f"hardware set back to {hardware}"


def _volume(told: dict[str, Any]) -> SpaceVolume:
    return Volume.model_validate(told).as_entity()


def _secrets_gone(observed: ObservedSpace, record: Deployment) -> list[str]:
    names = cast("list[str]", record.settings.get("secrets", []))
    return sorted(set(names) - observed.secrets.keys())
