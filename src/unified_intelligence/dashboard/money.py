"""What answers cost at each load under limits, and where: `benchmark.cost` over runs, with the prices it is handed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from unified_intelligence.benchmark.cost import ZERO_GPU, Cost, Use, cost_of, speed_of
from unified_intelligence.benchmark.metrics import Goodput
from unified_intelligence.dashboard.results import Result
from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A run at a place; `cost` None where there is none, and `said` why. `kept` says that it met the limits."""

    result: Result
    cost: Cost | None
    kept: bool
    said: str = ""

    @property
    def dollars(self) -> float | None:
        """Dollars for a million tokens written, at the asked use."""
        if self.cost is None:
            return None
        return self.cost.full_1m_tokens if self.cost.used_1m_tokens is None else self.cost.used_1m_tokens


def offers(prices: Mapping[str, Any]) -> dict[str, str]:
    """Every price by its name, with its words."""
    spaces = {name: f"{name}, Space, ${price:.2f}/h" for name, price in prices["hardware"].items() if price}
    rented = {name: f"{name}, ${own['dollars_per_hour']:.2f}/h" for name, own in prices["gpu_hours"].items()}
    return {**spaces, **rented, ZERO_GPU: "ZeroGPU, a quota"}


def price(
    results: Sequence[tuple[Result, Goodput | None]], where: str, use: Use, prices: Mapping[str, Any], share: float
) -> list[Priced]:
    """Prices each run as if it were made there; it keeps its limits where so large a share of its requests met them."""
    return [_priced(result, good, where, use, prices, share) for result, good in results]


def cheapest(priced: Sequence[Priced]) -> Priced | None:
    """The cheapest of the valid runs that kept their limits."""
    able = [own for own in priced if own.kept and own.result.valid and own.dollars is not None]
    return min(able, key=lambda own: own.dollars or 0.0, default=None)


def _priced(
    result: Result, good: Goodput | None, where: str, use: Use, prices: Mapping[str, Any], share: float
) -> Priced:  # fmt: skip
    kept = good is None or good.share >= share
    try:
        cost = cost_of(speed_of(replace(result.metrics, goodput=good)), where, use, prices)
    except (InvalidRequestError, ConfigurationError) as error:
        return Priced(result=result, cost=None, kept=False, said=error.message)
    return Priced(result=result, cost=cost, kept=kept)
