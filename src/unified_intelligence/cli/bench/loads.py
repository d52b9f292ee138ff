"""From the flags of `uic bench run` to loads, prompts and limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from unified_intelligence.benchmark.plan import OPEN_WARMUP, REQUESTS, REQUESTS_EACH, Load, Prompt
from unified_intelligence.benchmark.prompts import prompts_of, read_trace
from unified_intelligence.cli import numbers as typed
from unified_intelligence.entities.errors import InvalidRequestError

COMMAND = "bench run"
_WAYS = ("concurrency", "rate", "ramp", "trace")


class Asked(NamedTuple):
    """The loads of a command, one after another, and what each asks. `source` is what the prompts are called."""

    loads: list[Load]
    prompts: list[Prompt]
    source: str


def read_loads(given: Mapping[str, Any]) -> Asked:
    """Raises InvalidRequestError for what is no load, and for two ways at once."""
    ways = [way for way in _WAYS if given[way] is not None]
    if len(ways) > 1:
        raise InvalidRequestError(
            f"--{ways[0]} and --{ways[1]} are two different loads.", hint="Give one of them; see: uic bench run --help"
        )
    if given["requests"] and given["duration"]:
        raise InvalidRequestError("--requests and --duration both say when it ends.", hint="Give one of them.")
    seed = whole(given, "load_seed", 0, least=0)
    if given["trace"]:
        if given["prompts"]:
            raise InvalidRequestError("A trace says what is asked: --prompts cannot be used with it.")
        arrivals = read_trace(Path(given["trace"]).expanduser(), seed)
        load = Load(trace=tuple(own.at for own in arrivals), requests=whole(given, "requests", 0), seed=seed)
        return Asked([load], [own.prompt for own in arrivals], given["trace"])
    source = given["prompts"] or "finance"
    loads = [_bounded(given, _load(given, number, seed)) for number in _numbers(given)]
    return Asked(loads, prompts_of(source, seed), source)


def numbers(given: Mapping[str, Any], name: str, default: str) -> list[int]:
    """Whole numbers from 1, with commas between."""
    text: str = given[name] or default
    parts = text.split(",")
    if not all(part.isascii() and part.isdigit() and int(part) for part in parts):
        wrong(name, "whole numbers from 1, as 1,16,32", text)
    return [int(part) for part in parts]


def whole(given: Mapping[str, Any], name: str, default: int, least: int = 1) -> int:
    return typed.whole(COMMAND, given, name, default, least=least)


def seconds(given: Mapping[str, Any], name: str, default: float) -> float:
    """A number of seconds, with or without an s."""
    text = given[name]
    if text is None:
        return default
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|m|min)?", text)
    if not found or not float(found[1]):
        wrong(name, "a number of seconds above 0, as 60s", text)
    return float(found[1]) * (60 if found[2] in {"m", "min"} else 1)


def wrong(name: str, what: str, text: str) -> NoReturn:
    typed.wrong(COMMAND, name, what, text)


def _numbers(given: Mapping[str, Any]) -> list[int]:
    return [0] if given["rate"] or given["ramp"] else numbers(given, "concurrency", "1")


def _load(given: Mapping[str, Any], concurrency: int, seed: int) -> Load:
    arrival = given["arrival"] or "poisson"
    if concurrency:
        if given["arrival"]:
            raise InvalidRequestError("--arrival is for --rate and --ramp.", hint="See: uic bench run --help")
        return Load(concurrency=concurrency, seed=seed)
    if arrival not in {"poisson", "constant"}:
        wrong("arrival", "poisson or constant", arrival)
    if given["rate"]:
        return Load(rate=_rate("rate", given["rate"]), arrival=arrival, seed=seed)
    first, dots, last = given["ramp"].partition("..")
    if not dots:
        wrong("ramp", "two rates, as 1..50/s", given["ramp"])
    return Load(rate=_rate("ramp", first), rate_end=_rate("ramp", last), arrival=arrival, seed=seed)


def _rate(name: str, text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(?:/s)?", text.strip())
    if not found or not float(found[1]):
        wrong(name, "a number of requests a second above 0, as 10/s", text)
    return float(found[1])


def _bounded(given: Mapping[str, Any], load: Load) -> Load:
    from msgspec.structs import replace

    text: str | None = given["warmup"]
    count, span = load.concurrency or OPEN_WARMUP, 0.0
    if text is not None and text.endswith("s"):
        count, span = 0, seconds(given, "warmup", 0.0)
    elif text is not None:
        count = whole(given, "warmup", 0, least=0)
    duration = seconds(given, "duration", 0.0)
    requests = whole(given, "requests", 0 if duration else REQUESTS_EACH * load.concurrency or REQUESTS)
    return replace(load, requests=requests, duration=duration, warmup=count, warmup_seconds=span)
