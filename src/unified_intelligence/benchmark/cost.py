"""What answers cost: billed time by its price, over the answers that were good.

at full use     price an hour / (good answers a second x 3600)
at your use     the same, with the hours that are billed although nobody asks, and those of starting
ZeroGPU         no bill but a quota: GPU seconds a day, so calls a day; beyond, so much for each GPU second
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from unified_intelligence.benchmark.metrics import Metrics
from unified_intelligence.entities.errors import InvalidRequestError, UnknownNameError

DAYS = 30.4  # of a month
ZERO_GPU = "zero-gpu"


class Speed(Struct, kw_only=True, frozen=True):
    """How fast a measured run was. `good_per_s` are answers that met its SLO, or all answered; failures take time and
    give none.

    `gpu` says whose `seconds_each` of a GPU are.
    """

    name: str
    good_per_s: float
    output_tokens: float
    input_tokens: float
    seconds_each: float
    valid: bool
    sustained: bool
    gpu: str = ""


class Use(Struct, kw_only=True, frozen=True):
    """`requests_a_day` 0 is full use. `hours` a day a machine runs; `starting` seconds a day it starts, billed."""

    requests_a_day: float = 0.0
    utilisation: float = 0.0
    hours: float = 24.0
    starting: float = 0.0


class Cost(Struct, kw_only=True, frozen=True):
    """US dollars; None where it cannot be said. `used` is the share of the billed time that answers take."""

    offer: str
    per_hour: float | None
    full_1m_requests: float | None
    full_1m_tokens: float | None
    used: float | None
    used_1m_requests: float | None
    used_1m_tokens: float | None
    a_day: float | None
    source: str
    notes: list[str]


def speed_of(metrics: Metrics, gpu_seconds: float = 0.0) -> Speed:
    """What a run says of one machine. Raises InvalidRequestError for a run without an answer, or without a good one."""
    good = metrics.goodput.share if metrics.goodput else 1.0
    rate = metrics.throughput.get("steady_requests_per_s") or metrics.throughput.get("requests_per_s", 0.0)
    if not rate or metrics.e2e_ms is None:
        raise InvalidRequestError(f"{metrics.name} answered nothing: there is no cost of it.")
    if not good:
        raise InvalidRequestError(f"No answer of {metrics.name} met its limits: there is no cost of one that does.")
    completed = metrics.counts["completed"] / max(1, metrics.counts["measured"])
    each = gpu_seconds or metrics.e2e_ms.mean / 1000
    if not gpu_seconds and metrics.gpu:
        each = metrics.gpu["seconds_of_an_answer"] * completed  # failed calls took theirs, which is in it
    return Speed(
        name=metrics.name,
        good_per_s=rate * (good / completed if metrics.goodput else 1.0),
        output_tokens=metrics.tokens.get("output") or 0.0,
        input_tokens=metrics.tokens.get("input") or 0.0,
        seconds_each=each / max(1e-9, good if metrics.goodput else completed),
        valid=metrics.valid,
        sustained="steady_requests_per_s" in metrics.throughput,
        gpu=_whose(metrics, gpu_seconds),
    )


def _whose(metrics: Metrics, given: float) -> str:
    if given:
        return "as you gave them"
    if not metrics.gpu:
        return "the whole answer's time"
    return "as the Space told" if metrics.gpu["told"] else "the whole time of the Space's work"


def cost_of(speed: Speed, where: str, use: Use, prices: Mapping[str, Any]) -> Cost:
    """What the run would cost if it were made at `where`. Raises UnknownNameError for what the price file does not
    have.
    """
    if where == ZERO_GPU:
        return _quota(speed, use, prices)
    if "," in where:
        return _by_token(speed, where, use)
    per_hour, source, notes = _price(where, prices)
    full = per_hour / (speed.good_per_s * 3600) * 1e6
    capacity = speed.good_per_s * 3600
    used, day = _used(use, capacity, per_hour)
    return Cost(
        offer=f"{speed.name}@{where}",
        per_hour=per_hour,
        full_1m_requests=full,
        full_1m_tokens=_of_tokens(full, speed),
        used=used,
        used_1m_requests=full / used if used else None,
        used_1m_tokens=_of_tokens(full / used, speed) if used else None,
        a_day=day,
        source=source,
        notes=[*notes, *_doubts(speed)],
    )


def _used(use: Use, capacity: float, per_hour: float) -> tuple[float, float | None]:
    """The share of the billed time that answers take, and dollars a day; machines are whole ones."""
    billed = use.hours + use.starting / 3600
    awake = use.hours / billed if billed else 1.0
    if use.requests_a_day:
        machines = max(1, math.ceil(use.requests_a_day / (capacity * use.hours)))
        bill = math.ceil(machines * billed * 60) / 60  # by the minute
        return use.requests_a_day / (capacity * bill), bill * per_hour
    return (use.utilisation or 1.0) * awake, billed * per_hour


def _price(where: str, prices: Mapping[str, Any]) -> tuple[float, str, list[str]]:
    if where.endswith("/h"):
        try:
            return float(where[:-2]), "as you gave it", []
        except ValueError:
            raise InvalidRequestError(f"{where!r} is no price an hour.", hint="Such as: RUN@2.50/h") from None
    if where in prices["hardware"]:
        doubtful: Mapping[str, str] = prices["doubtful"]
        notes = [f"{where} is doubtful: {doubtful[where]}"] if where in doubtful else []
        return prices["hardware"][where], f"{prices['as_of']}, Hugging Face Spaces", notes
    rented: Mapping[str, Any] = prices["gpu_hours"]
    if where in rented:
        own = rented[where]
        return own["dollars_per_hour"], f"{own['as_of']}, {own['source']}", []
    known = [*prices["hardware"], *rented, ZERO_GPU]
    raise UnknownNameError("price", where, known, hint="Or a price of your own: RUN@2.50/h. All: uic cost --prices")


def _by_token(speed: Speed, where: str, use: Use) -> Cost:
    """An API that bills tokens: `IN,OUT` dollars for a million of each."""
    try:
        read, written = map(float, where.split(","))
    except ValueError:
        raise InvalidRequestError(f"{where!r} is no price of tokens.", hint="Such as: RUN@0.50,1.50") from None
    each = (speed.input_tokens * read + speed.output_tokens * written) / 1e6
    full = each * 1e6
    return Cost(
        offer=f"{speed.name}@{where}",
        per_hour=None,
        full_1m_requests=full,
        full_1m_tokens=_of_tokens(full, speed),
        used=None,
        used_1m_requests=full,
        used_1m_tokens=_of_tokens(full, speed),
        a_day=each * use.requests_a_day if use.requests_a_day else None,
        source="as you gave it",
        notes=[],
    )


def _quota(speed: Speed, use: Use, prices: Mapping[str, Any]) -> Cost:
    allowance: Mapping[str, float] = prices["zero_gpu"]["seconds_a_day"]
    calls = {who: seconds / speed.seconds_each for who, seconds in allowance.items()}
    beyond = prices["beyond_quota"]
    each_beyond = speed.seconds_each * beyond["dollars"] / beyond["gpu_seconds"]
    month = prices["pro_dollars_a_month"]
    each = month / DAYS / calls["PRO"]
    told = ", ".join(f"{who} {number:.0f}" for who, number in calls.items())
    notes = [
        f"a quota, never unlimited: calls a day at {speed.seconds_each:.1f} GPU seconds each ({speed.gpu}): {told}",
        f"with PRO (${month:g} a month) all used; beyond it ${each_beyond * 1e6:,.0f} for 1M requests, paid ahead",
        prices["zero_gpu"]["note"],
    ]
    day = None
    if use.requests_a_day:
        day = month / DAYS + max(0.0, use.requests_a_day - calls["PRO"]) * each_beyond
    mean = day / use.requests_a_day if day is not None else each
    return Cost(
        offer=f"{speed.name}@{ZERO_GPU}",
        per_hour=None,
        full_1m_requests=each * 1e6,
        full_1m_tokens=_of_tokens(each * 1e6, speed),
        used=min(1.0, use.requests_a_day / calls["PRO"]) if use.requests_a_day else None,
        used_1m_requests=mean * 1e6,
        used_1m_tokens=_of_tokens(mean * 1e6, speed),
        a_day=day,
        source=f"{prices['as_of']}, Hugging Face",
        notes=[*notes, *_doubts(speed)],
    )


def _doubts(speed: Speed) -> list[str]:
    found = [] if speed.valid else [f"{speed.name} is INVALID: so is every cost of it"]
    if not speed.sustained:
        found.append(f"{speed.name} is too short for a steady rate: it is thought dearer than it is")
    return found


def _of_tokens(dollars: float, speed: Speed) -> float | None:
    return dollars / speed.output_tokens if speed.output_tokens else None
