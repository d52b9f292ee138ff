"""Two runs of one load: what changed, and whether it is more than the noise of the two."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from unified_intelligence.benchmark.metrics import GROUPS
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.statistics import delta
from unified_intelligence.benchmark.store import Stored
from unified_intelligence.figures.changed import changed
from unified_intelligence.figures.statistics import wilson

_LEAST_MS, _LEAST = 0.2, 0.01

FIGURES = ("ttft_ms", "itl_ms", "tpot_ms", "e2e_ms")


class Change(Struct, kw_only=True, frozen=True):
    """`lower` and `upper` are the 99 % interval of the difference: where 0 is in it, it may be noise.

    A latency that moved by less than 1 % or 0.2 ms is called small: the measurement itself may be off by as much.
    `better` says which way is good: -1 less, 1 more.
    """

    figure: str
    before: float
    after: float
    lower: float
    upper: float
    better: int = -1

    @property
    def difference(self) -> float:
        return self.after - self.before

    @property
    def share(self) -> float | None:
        return self.difference / self.before if self.before else None

    @property
    def verdict(self) -> str:
        if self.lower <= 0 <= self.upper:
            return "noise"
        if self.figure.partition(".")[0].endswith("_ms") and abs(self.difference) < max(
            _LEAST_MS, _LEAST * self.before
        ):
            return "small"
        return "better" if self.difference * self.better > 0 else "worse"


class Comparison(Struct, kw_only=True, frozen=True):
    """`invalid` are the reasons for which either run is; `changed` what the figures depend on and was not the same."""

    first: str
    second: str
    changes: list[Change]
    invalid: list[str]
    changed: dict[str, tuple[Any, Any]]

    @property
    def worse(self) -> list[str]:
        return [own.figure for own in self.changes if own.verdict == "worse"]


def compare(first: Stored, second: Stored) -> Comparison:
    """Rows are drawn again with replacement, so the interval holds what one run alone can know of its noise."""
    sides = [[row for row in own.rows if not row.warmup and row.error != "stopped"] for own in (first, second)]
    changes: list[Change] = []
    for name in FIGURES:
        ok = [[GROUPS[name](row) for row in side if not row.error] for side in sides]
        found = delta(ok[0], ok[1])
        changes += [
            Change(figure=f"{name}.{part}", before=own[0], after=own[1], lower=own[2], upper=own[3])
            for part, own in (found or {}).items()
        ]
    changes.append(_failures(*sides))
    return Comparison(
        first=first.metrics.name,
        second=second.metrics.name,
        changes=changes,
        invalid=[f"{own.metrics.name}: {why}" for own in (first, second) for why in own.metrics.invalid],
        changed=changed(first.manifest.get("depends_on", {}), second.manifest.get("depends_on", {})),
    )


def as_json(found: Comparison) -> dict[str, Any]:
    import msgspec

    told: dict[str, Any] = msgspec.to_builtins(found)
    told["changes"] = [
        {**msgspec.to_builtins(own), "difference": own.difference, "share": own.share, "verdict": own.verdict}
        for own in found.changes
    ]
    return {**told, "worse": found.worse}


def _failures(first: list[Row], second: list[Row]) -> Change:
    """The share that failed; the interval is Newcombe's, from those of the two shares."""
    failed = [sum(bool(row.error) for row in side) for side in (first, second)]
    sizes = [max(1, len(first)), max(1, len(second))]
    one, other = failed[0] / sizes[0], failed[1] / sizes[1]
    (lo1, hi1), (lo2, hi2) = (wilson(own, size) for own, size in zip(failed, sizes, strict=True))
    lower = other - one - ((other - lo2) ** 2 + (hi1 - one) ** 2) ** 0.5
    upper = other - one + ((hi2 - other) ** 2 + (one - lo1) ** 2) ** 0.5
    return Change(figure="failed.share", before=one, after=other, lower=lower, upper=upper)
