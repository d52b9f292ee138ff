"""From what a Space is to be and what it is to what must be done. It asks the Hub and changes nothing.

The order is the order of doing: what the new code needs comes before it, what the old code needs goes after it. A Space
is closed first and opened last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from unified_intelligence.entities.errors import ConfigurationError, DeploymentError
from unified_intelligence.entities.space import (
    FREE_HARDWARE,
    NEVER_SLEEPS,
    HardwarePrice,
    SpaceVolume,
    Visibility,
    takes_sleep_time,
)
from unified_intelligence.interfaces.space_host import ISpaceHost
from unified_intelligence.spaces.actions import (
    Action,
    CommitFiles,
    CreateSpace,
    Plan,
    RemoveSecret,
    RemoveVariable,
    SetHardware,
    SetSecret,
    SetSleepTime,
    SetVariable,
    SetVisibility,
    SetVolumes,
)
from unified_intelligence.spaces.differences import FileChange, changes, to_commit
from unified_intelligence.spaces.fingerprint import is_fingerprint
from unified_intelligence.spaces.observe import ObservedSpace, observe
from unified_intelligence.spaces.render import RenderedSpace
from unified_intelligence.spaces.secret_values import SecretValues
from unified_intelligence.spaces.spec import SpaceSpec

_OPENNESS: Mapping[Visibility, int] = {"private": 0, "protected": 1, "public": 2}


def make_plan(
    host: ISpaceHost,
    rendered: RenderedSpace,
    secrets: SecretValues | None = None,
    *,
    spec: SpaceSpec | None = None,
    adopt: bool = False,
    resend: bool = False,
) -> Plan:
    """`spec` is the rendered one, or its candidate: the same bytes in another Space. `resend` sets every secret again.

    Raises DeploymentError for a Space that we did not make (unless `adopt`), and for more than the budget;
    ConfigurationError for hardware that there is none of; ProviderError.
    """
    spec, secrets = spec or rendered.spec, secrets or SecretValues()
    prices = host.prices()
    price = _checked_price(spec, prices)
    observed = observe(host, spec.id)
    if observed is None:
        files = changes({}, rendered.files)
        actions = (_creation(spec), CommitFiles(files, rendered.digest))
        notes = (*_missing(spec, secrets), *_runs_on(spec, price), *_uncommitted(rendered, files))
        return Plan(spec.id, actions, "", rendered.digest, None, price, notes)
    if observed.record is None and not observed.is_blank and not adopt:
        raise DeploymentError(
            f"{spec.id} exists and was not deployed with uic: it has {len(observed.tree)} files of its own.",
            hint="--adopt takes it over: files, variables and settings that are not in the spec are then replaced.",
        )
    now = observed.runtime.wanted_hardware or FREE_HARDWARE
    files = to_commit(observed.tree, rendered, observed.record)
    return Plan(
        space=spec.id,
        actions=tuple(_differences(spec, observed, secrets, CommitFiles(files, rendered.digest), resend=resend)),
        parent=observed.info.sha,
        digest=rendered.digest,
        price_before=prices[now].dollars_per_hour if now in prices else None,
        price_after=price,
        notes=(*_notes(spec, observed, secrets), *_runs_on(spec, price), *_uncommitted(rendered, files)),
        state=f"{observed.runtime.stage} on {now}",
    )


def _checked_price(spec: SpaceSpec, prices: Mapping[str, HardwarePrice]) -> float | None:
    if spec.is_zero_gpu and spec.hardware not in prices:
        return 0.0
    if spec.hardware not in prices:
        near = get_close_matches(spec.hardware, prices, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(sorted(prices))}."
        raise ConfigurationError(f"The Hub has no hardware {spec.hardware!r}.", hint=hint)
    price, most = prices[spec.hardware].dollars_per_hour, spec.budget.usd_per_hour_max
    if most is not None and price > most:
        raise DeploymentError(
            f"{spec.hardware} costs ${price:.2f} an hour, more than the ${most:.2f} of the spec's budget.",
            hint="Take other hardware, or raise budget.usd_per_hour_max.",
        )
    return price


def _creation(spec: SpaceSpec) -> CreateSpace:
    return CreateSpace(
        space=spec.id,
        sdk=spec.sdk,
        visibility=spec.visibility,
        hardware=spec.hardware,
        sleep_time=spec.sleep_time if takes_sleep_time(spec.hardware) else None,
        variables=dict(sorted(spec.variables.items())),
        secrets=tuple(sorted(spec.secrets)),
        volumes=tuple(volume.as_entity() for volume in spec.volumes),
    )


def _differences(
    spec: SpaceSpec, observed: ObservedSpace, secrets: SecretValues, commit: CommitFiles, *, resend: bool
) -> Iterator[Action]:
    visibility = SetVisibility(observed.info.visibility, spec.visibility)
    opens = _OPENNESS[visibility.after] - _OPENNESS[visibility.before]
    if opens < 0:
        yield visibility
    yield from _changing_sides(spec, observed)
    yield from _to_set(spec, observed, secrets, resend=resend)
    yield from _machine(spec, observed)
    if commit.files:
        yield commit
    yield from _to_remove(spec, observed)
    if opens > 0:
        yield visibility


def _changing_sides(spec: SpaceSpec, observed: ObservedSpace) -> Iterator[Action]:
    """The Hub has no variable and secret of one name: the one must go before the other comes."""
    for name in sorted(observed.variables.keys() & spec.secrets.keys()):
        yield RemoveVariable(name, observed.variables[name].value)
    for name in sorted(observed.secrets.keys() & spec.variables.keys()):
        yield RemoveSecret(name)


def _to_set(spec: SpaceSpec, observed: ObservedSpace, secrets: SecretValues, *, resend: bool) -> Iterator[Action]:
    for name, value in sorted(spec.variables.items()):
        before = observed.variables[name].value if name in observed.variables else None
        if before != value:
            yield SetVariable(name, before, value)
    for name, reference in sorted(spec.secrets.items()):
        if name not in observed.secrets:
            yield SetSecret(name, reference, "new")
            continue
        fits = secrets.fits(name, observed.secrets[name].description)
        told = fits is not None or not _is_untold(observed, name)
        if name in secrets.values and not fits and (told or resend):
            yield SetSecret(name, reference, "unknown" if fits is None else "changed")


def _is_untold(observed: ObservedSpace, name: str) -> bool:
    """Set by us, as the committed record says, and told without our description: a Hub may keep those to itself."""
    recorded = observed.record.settings.get("secrets") if observed.record else None
    return not observed.secrets[name].description and isinstance(recorded, list) and name in recorded


def _machine(spec: SpaceSpec, observed: ObservedSpace) -> Iterator[Action]:
    volumes = tuple(volume.as_entity() for volume in spec.volumes)
    if {_comparable(each) for each in volumes} != {_comparable(each) for each in observed.runtime.volumes}:
        yield SetVolumes(observed.runtime.volumes, volumes)
    sleep = spec.sleep_time if takes_sleep_time(spec.hardware) else None
    now = observed.runtime.wanted_hardware
    if (now or FREE_HARDWARE) != spec.hardware:
        yield SetHardware(now, spec.hardware, sleep)
    elif sleep is not None and sleep != _slept(observed.runtime.sleep_time):
        yield SetSleepTime(observed.runtime.sleep_time, sleep)


def _slept(told: int | None) -> int:
    """Paid hardware of which the Hub tells no sleep time runs on."""
    return NEVER_SLEEPS if told is None else told


def _to_remove(spec: SpaceSpec, observed: ObservedSpace) -> Iterator[Action]:
    for name, variable in sorted(observed.variables.items()):
        if name not in spec.variables and name not in spec.secrets:
            yield RemoveVariable(name, variable.value)
    for name, secret in sorted(observed.secrets.items()):
        ours = is_fingerprint(secret.description) or _is_untold(observed, name)
        if name not in spec.secrets and name not in spec.variables and ours:
            yield RemoveSecret(name)


def _notes(spec: SpaceSpec, observed: ObservedSpace, secrets: SecretValues) -> Iterator[str]:
    for name, secret in sorted(observed.secrets.items()):
        if name not in spec.secrets and not is_fingerprint(secret.description) and not _is_untold(observed, name):
            yield f"The secret {name} is on the Hub and not in the spec. uic did not set it and leaves it."
    for name in sorted(spec.secrets.keys() & observed.secrets.keys() - secrets.values.keys()):
        yield f"The secret {name} could not be compared: {_problem(name, secrets)}"
    untold = [name for name in sorted(spec.secrets.keys() & observed.secrets.keys()) if _is_untold(observed, name)]
    if untold:
        yield f"The Hub does not tell what was set as {', '.join(untold)}: taken to be the same. --secrets sends them."
    yield from _missing(spec, secrets, observed.secrets.keys())
    if observed.runtime.stage == "PAUSED":
        yield "The Space is paused; a deployment does not start it: uic space wake"


def _runs_on(spec: SpaceSpec, price: float | None) -> Iterator[str]:
    if price and spec.sleep_time in {None, NEVER_SLEEPS}:
        yield f"It never sleeps, which is ${24 * price:.2f} a day. sleep_time: 1h would let it, when nobody asks."


def _uncommitted(rendered: RenderedSpace, files: tuple[FileChange, ...]) -> Iterator[str]:
    source = rendered.deployment.source
    if files and source.endswith("+"):
        yield f"The files are those of the commit {source[:12]} with changes that nobody committed."


def _missing(spec: SpaceSpec, secrets: SecretValues, there: Iterable[str] = ()) -> Iterator[str]:
    for name in sorted(spec.secrets.keys() - secrets.values.keys() - set(there)):
        yield f"The secret {name} must be set, and cannot be here: {_problem(name, secrets)}"


def _problem(name: str, secrets: SecretValues) -> str:
    problem = secrets.problems.get(name)
    return problem.message if problem else "its value was not read."


def _comparable(volume: SpaceVolume) -> tuple[object, ...]:
    """Two volumes that the Hub takes for the same: of a repository main is the default, and reading only."""
    is_bucket = volume.kind == "bucket"
    return (
        volume.kind, volume.source, volume.mount_path, None if is_bucket else volume.revision or "main",
        bool(volume.read_only) if is_bucket else True, volume.path or "",
    )  # fmt: skip
