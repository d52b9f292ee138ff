"""How a Space is now, against how it was when it was last found good. Nothing is changed, and no question is asked.

What differs has drifted: somebody pushed, set or moved something, or what runs is not what was pushed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast

from pydantic import TypeAdapter

from unified_intelligence.entities.errors import (
    DeploymentError,
    NotFoundOrPrivateError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.space import SpaceTag
from unified_intelligence.interfaces.daemon_thread import in_daemon_thread
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.interfaces.space_visitor import ISpaceVisitor
from unified_intelligence.spaces.content import Deployment
from unified_intelligence.spaces.contract import running_digest
from unified_intelligence.spaces.good_versions import last_good
from unified_intelligence.spaces.observe import HOSTS_OWN, ObservedSpace, observe, recorded
from unified_intelligence.spaces.spec import Contract, SpaceSpec

Where = Literal["files", "version", "app", "variable", "secret", "hardware", "visibility"]


@dataclass(frozen=True, slots=True)
class Drift:
    """`wanted` is what was deployed, `found` what is there; "" for nothing. Values of variables are public."""

    where: Where
    what: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True)
class Status:
    """`good` is the tag that it is held against; "" where no version was found good yet, then it is the newest."""

    space: str
    stage: str
    hardware: str
    visibility: str
    newest: str
    running: str
    good: str
    url: str
    drifts: tuple[Drift, ...]

    def as_json(self) -> dict[str, Any]:
        return {"drifted": bool(self.drifts), **asdict(self)}


async def status_of(host: ISpaceHost, visitor: ISpaceVisitor, spec: SpaceSpec) -> Status:
    """Raises NotFoundOrPrivateError, DeploymentError for a Space that was not deployed by us, ProviderError."""
    observed, tag, record = await in_daemon_thread(lambda: _read(host, spec.id))
    drifts = list(await in_daemon_thread(lambda: tuple(_drifts(host, observed, tag, record, spec))))
    drifts += [drift async for drift in _app(visitor, observed, record, spec)]
    runtime = observed.runtime
    return Status(
        spec.id,
        runtime.stage,
        runtime.wanted_hardware or "not told",
        observed.info.visibility,
        observed.info.sha,
        runtime.sha or "",
        tag.name if tag else "",
        observed.info.host,
        tuple(drifts),
    )


def _read(host: ISpaceHost, space: str) -> tuple[ObservedSpace, SpaceTag | None, Deployment]:
    observed = observe(host, space)
    if observed is None:
        raise NotFoundOrPrivateError(
            f"There is no Space {space}, or none for this token.", hint="Make it: uic space deploy NAME"
        )
    tag = last_good(host.tags(space))
    record = recorded(host, space, tag.sha) if tag else observed.record
    if record is None:
        raise DeploymentError(
            f"{space} was not deployed with uic: there is nothing to hold it against.",
            hint="Take it over: uic space apply NAME --adopt",
        )
    return observed, tag, record


def _drifts(
    host: ISpaceHost, observed: ObservedSpace, tag: SpaceTag | None, record: Deployment, spec: SpaceSpec
) -> Iterator[Drift]:
    newest, runtime = observed.info.sha, observed.runtime
    if tag is not None and tag.sha != newest:
        yield from _files(host, observed, tag)
    if runtime.sha is not None and runtime.sha != newest:
        yield Drift("version", "the commit that runs", newest[:12], runtime.sha[:12])
    if runtime.is_broken:
        yield Drift("version", "the stage", "RUNNING", runtime.stage)
    yield from _variables(observed, record)
    yield from _secrets(observed, record)
    hardware = record.settings.get("hardware")
    if hardware is not None and hardware != (runtime.wanted_hardware or hardware):
        yield Drift("hardware", "", str(hardware), runtime.wanted_hardware or "")
    if observed.info.visibility != spec.visibility:
        yield Drift("visibility", "", spec.visibility, observed.info.visibility)


def _files(host: ISpaceHost, observed: ObservedSpace, tag: SpaceTag) -> Iterator[Drift]:
    wanted, found = host.tree(observed.info.id, tag.sha), observed.tree
    for path in sorted(wanted.keys() | found.keys()):
        if path in HOSTS_OWN:
            continue
        before = wanted[path].blob_id[:12] if path in wanted else ""
        now = found[path].blob_id[:12] if path in found else ""
        if before != now:
            yield Drift("files", path, before, now)


def _variables(observed: ObservedSpace, record: Deployment) -> Iterator[Drift]:
    wanted = cast("Mapping[str, str]", record.settings.get("variables", {}))
    for name in sorted(wanted.keys() | observed.variables.keys()):
        before = wanted.get(name, "")
        now = observed.variables[name].value if name in observed.variables else ""
        if before != now or (name in wanted) != (name in observed.variables):
            yield Drift("variable", name, before, now)


def _secrets(observed: ObservedSpace, record: Deployment) -> Iterator[Drift]:
    """Drift of the secrets, by name: nobody can read a value."""
    wanted = set(cast("list[str]", record.settings.get("secrets", [])))
    for name in sorted(wanted ^ observed.secrets.keys()):
        yield Drift("secret", name, "set" if name in wanted else "", "set" if name in observed.secrets else "")


async def _app(
    visitor: ISpaceVisitor, observed: ObservedSpace, record: Deployment, spec: SpaceSpec
) -> AsyncIterator[Drift]:
    contract = spec.contract
    if "contract" in record.checks:
        contract = TypeAdapter[Contract](Contract).validate_python(record.checks["contract"])
    if contract is None or observed.runtime.stage != "RUNNING":
        return
    url = observed.info.host.rstrip("/")
    try:
        running = await running_digest(visitor, url, contract)
    except UnifiedIntelligenceError as error:
        yield Drift("app", "its answer", record.digest[:12], error.message)
        return
    if running != record.digest:
        yield Drift("app", "the files that run", record.digest[:12], running[:12])
