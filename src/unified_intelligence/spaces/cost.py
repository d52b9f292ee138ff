"""What a Space costs, from the dated table beside this file: never a promise, always with where the figure is from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, cast

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.entities.space import HardwarePrice
from unified_intelligence.spaces.spec import SpaceSpec

_TABLE = "prices.json"
DAYS = 30.4  # of a month


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars. `hours` a day it runs; None amounts where nobody knows the price. `notes` belong to the figure."""

    space: str
    hardware: str
    per_hour: float | None
    hours: float
    per_day: float | None
    per_month: float | None
    source: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@cache
def table() -> Mapping[str, Any]:
    """The dated table."""
    return cast("Mapping[str, Any]", json.loads(files(__package__ or "").joinpath(_TABLE).read_text("utf-8")))


def cost_of(spec: SpaceSpec, hours: float = 24.0, live: Mapping[str, HardwarePrice] | None = None) -> Cost:
    """`live` are the host's own prices, where they were asked for: they come before the table's.

    Raises ConfigurationError for a day of more than 24 hours.
    """
    if not 0 <= hours <= 24:
        raise ConfigurationError(f"A day has 0 to 24 hours, not {hours:g}.")
    if spec.is_zero_gpu:
        return _zero_gpu(spec, hours)
    prices = table()
    told = (live or {}).get(spec.hardware)
    per_hour = told.dollars_per_hour if told else prices["hardware"].get(spec.hardware)
    source = "the host, now" if told else f"table of {prices['as_of']}, {prices['source']}"
    notes = [prices["unit"]] if per_hour else []
    if not told and spec.hardware in prices["doubtful"]:
        notes.append(f"Doubtful: {prices['doubtful'][spec.hardware]}.")
    if per_hour is None:
        notes.append(f"The table has no price of {spec.hardware}.")
    if per_hour and (spec.sleep_time is None or spec.sleep_time < 0):
        notes.append("It never sleeps: sleep_time in its spec ends the bill when nobody asks.")
    return Cost(
        spec.id,
        spec.hardware,
        per_hour,
        hours,
        _times(per_hour, hours),
        _times(per_hour, hours * DAYS),
        source,
        tuple(notes),
    )


def _times(per_hour: float | None, hours: float) -> float | None:
    return None if per_hour is None else round(per_hour * hours, 2)


def _zero_gpu(spec: SpaceSpec, hours: float) -> Cost:
    """No bill for its owner, and a daily allowance for whoever calls it."""
    prices = table()
    zero = prices["zero_gpu"]
    allowance = ", ".join(f"{who} {seconds / 60:g} min" for who, seconds in zero["seconds_a_day"].items())
    used = sum(smoke.gpu_seconds or 0.0 for smoke in spec.smoke)
    notes = [f"GPU time a day for a caller: {allowance}. Beyond: {zero['beyond']}.", zero["note"]]
    if used:
        notes.append(f"The smoke requests of a deployment are thought to need {used:g} GPU seconds.")
    source = f"table of {prices['as_of']}, {prices['source']}"
    return Cost(spec.id, spec.hardware, 0.0, hours, 0.0, 0.0, source, tuple(notes))
