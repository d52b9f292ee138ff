"""The loads of a sweep, as its spec has them. What is left out is as `uic bench run` has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from unified_intelligence.benchmark.metrics import read_slo
from unified_intelligence.benchmark.plan import OPEN_WARMUP, REQUESTS, REQUESTS_EACH, Load, Prompt
from unified_intelligence.benchmark.prompts import prompts_of, read_trace
from unified_intelligence.benchmark.schedule import ARRIVALS
from unified_intelligence.benchmark.sweep.document import Part
from unified_intelligence.benchmark.sweep.search import Bounds
from unified_intelligence.entities.errors import UnifiedIntelligenceError

_WAYS = ("concurrency", "rate", "ramp", "trace", "find")
_KEYS = (
    *_WAYS, "name", "arrival", "prompts", "requests", "duration", "warmup", "slo", "max_tokens", "body", "processes",
    "seed", "timeout", "at_least", "from", "most",
)  # fmt: skip
_MADE = ("finance", "synthetic")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/s)?")


class Wanted(NamedTuple):
    """A load and what it asks. `label` names it in tables, `source` is what the prompts are called; `timeout` in s."""

    label: str
    load: Load
    prompts: list[Prompt]
    source: str
    max_tokens: int | None
    body: dict[str, Any]
    slo: dict[str, float]
    timeout: float
    processes: int
    search: Search | None = None


class Search(NamedTuple):
    """The load is only its first; `at` gives the one of a concurrency."""

    bounds: Bounds
    at: Callable[[int], Wanted]


def read_loads(part: Part, folder: Path) -> list[Wanted]:
    """The loads of a spec, one for each value of concurrency or rate. Raises ConfigurationError."""
    return [own for item in part.items() for own in _loads(item, folder)]


def _loads(part: Part, folder: Path) -> Iterator[Wanted]:
    keys = part.keys(_KEYS)
    ways = [way for way in _WAYS if way in keys]
    if len(ways) != 1:
        part.fail(f"takes one of {', '.join(_WAYS)}, and has {' and '.join(ways) or 'none of them'}.")
    if "requests" in keys and "duration" in keys:
        keys["duration"].fail("and requests both say when it ends: leave one out.")
    if "arrival" in keys and ways[0] not in {"rate", "ramp"}:
        keys["arrival"].fail("is for rate and ramp.")
    for name in ("at_least", "from", "most"):
        if name in keys and ways[0] != "find":
            keys[name].fail("is for find.")
    prefix = f"{keys['name'].text()}_" if "name" in keys else ""
    for load, prompts, source in _asked(keys, ways[0], folder):
        wanted = Wanted(
            label=f"{prefix}{load.label}",
            load=load,
            prompts=prompts,
            source=source,
            max_tokens=keys["max_tokens"].whole() if "max_tokens" in keys else None,
            body=_body(keys.get("body")),
            slo=_slo(keys.get("slo")),
            timeout=keys["timeout"].seconds() if "timeout" in keys else 600.0,
            processes=keys["processes"].whole() if "processes" in keys else 0,
        )
        yield wanted if ways[0] != "find" else _searching(keys, wanted, prefix)


def _searching(keys: Mapping[str, Part], wanted: Wanted, prefix: str) -> Wanted:
    keys["find"].one_of(("goodput",))
    if not wanted.slo:
        keys["find"].fail("needs a slo: the limits that are to be kept.")
    share = keys["at_least"].share() if "at_least" in keys else 0.95
    most = keys["most"].whole() if "most" in keys else 1024
    if most < wanted.load.concurrency:
        keys["most"].fail(f"is below from, {wanted.load.concurrency}.")

    def at(concurrency: int) -> Wanted:
        load = _bounded(keys, Load(concurrency=concurrency, seed=wanted.load.seed))
        return wanted._replace(label=f"{prefix}{load.label}", load=load)

    bounds = Bounds(share, wanted.load.concurrency, most)
    return wanted._replace(label=f"{prefix}knee", search=Search(bounds, at))


def _asked(keys: Mapping[str, Part], way: str, folder: Path) -> Iterator[tuple[Load, list[Prompt], str]]:
    seed = keys["seed"].whole(0) if "seed" in keys else 0
    if way == "trace":
        with_text = keys["trace"].text()
        if "prompts" in keys:
            keys["prompts"].fail("cannot stand beside a trace, which says what is asked.")
        try:
            arrivals = read_trace(folder / Path(with_text).expanduser(), seed)
        except UnifiedIntelligenceError as error:
            keys["trace"].fail(error.message, error.hint)
        times = tuple(own.at for own in arrivals)
        requests = keys["requests"].whole() if "requests" in keys else 0
        yield Load(trace=times, requests=requests, seed=seed), [own.prompt for own in arrivals], with_text
        return
    prompts, source = _prompts(keys.get("prompts"), seed, folder)
    if way == "find":
        first = keys["from"].whole() if "from" in keys else 1
        yield _bounded(keys, Load(concurrency=first, seed=seed)), prompts, source
        return
    for item in keys[way].items():
        yield _bounded(keys, _load(keys, way, item, seed)), prompts, source


def _prompts(part: Part | None, seed: int, folder: Path) -> tuple[list[Prompt], str]:
    source = "finance" if part is None else part.text()
    spec = source if source.startswith(_MADE) else str(folder / Path(source).expanduser())
    try:
        return prompts_of(spec, seed), source
    except UnifiedIntelligenceError as error:
        if part is None:
            raise
        part.fail(f"cannot be used: {error.message}", error.hint.removeprefix("--"))


def _load(keys: Mapping[str, Part], way: str, item: Part, seed: int) -> Load:
    if way == "concurrency":
        return Load(concurrency=item.whole(), seed=seed)
    arrival = keys["arrival"].one_of(ARRIVALS) if "arrival" in keys else "poisson"
    if way == "rate":
        return Load(rate=_rate(item, str(item.value)), arrival=arrival, seed=seed)
    first, dots, last = item.text().partition("..")
    if not dots:
        item.fail(f"takes two rates, as 1..50/s, not {item.shown()}.")
    return Load(rate=_rate(item, first), rate_end=_rate(item, last), arrival=arrival, seed=seed)


def _rate(part: Part, text: str) -> float:
    found = _RATE.fullmatch(text.strip())
    if not found or not float(found[1]):
        part.fail(f"takes requests a second above 0, as 10 or 10/s, not {part.shown()}.")
    return float(found[1])


def _bounded(keys: Mapping[str, Part], load: Load) -> Load:
    from msgspec.structs import replace

    warmup, span = load.concurrency or OPEN_WARMUP, 0.0
    if "warmup" in keys:
        part = keys["warmup"]
        warmup, span = (0, part.seconds()) if isinstance(part.value, str) else (part.whole(0), 0.0)
    duration = keys["duration"].seconds() if "duration" in keys else 0.0
    default = 0 if duration else REQUESTS_EACH * load.concurrency or REQUESTS
    requests = keys["requests"].whole() if "requests" in keys else default
    return replace(load, requests=requests, duration=duration, warmup=warmup, warmup_seconds=span)


def _body(part: Part | None) -> dict[str, Any]:
    if part is None:
        return {}
    part.parts()
    return cast("dict[str, Any]", part.value)


def _slo(part: Part | None) -> dict[str, float]:
    if part is None:
        return {}
    written = part.value
    if isinstance(written, dict):
        written = ",".join(f"{name}={own.scalar()}" for name, own in part.parts().items())
    try:
        return read_slo(str(written))
    except UnifiedIntelligenceError as error:
        part.fail(f"cannot be used: {error.message.removeprefix('--slo: ')}", error.hint)
