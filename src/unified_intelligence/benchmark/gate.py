"""Whether a run's figures are good enough: what is asked of them, read from a text, and held against a run.

ttft_ms.p99<=500                 a latency: mean, p50, p90, p95 or p99; `.upper` is the end of its interval
itl_ms.p95.upper<=40
output_tokens_per_s>=100         a throughput
failed<=1%                       the share that failed
goodput.share.lower>=0.95        of the run's --slo
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping

from msgspec import Struct

from unified_intelligence.benchmark.metrics import GROUPS, Metrics
from unified_intelligence.benchmark.statistics import SHARES, Distribution
from unified_intelligence.entities.errors import InvalidRequestError

_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
_WRITTEN = re.compile(
    r"(?P<path>[\w.]+?)\s*(?P<how>>=|<=|>|<)\s*(?P<value>[-+]?\d+(?:\.\d+)?(?:e-?\d+)?)\s*(?P<percent>%?)"
)
_THROUGHPUT = ("requests_per_s", "output_tokens_per_s", "input_tokens_per_s", "output_tokens_per_s_of_a_request",
    "steady_requests_per_s", "steady_output_tokens_per_s")  # fmt: skip
_PLAIN = (*_THROUGHPUT, "failed", "goodput.share", "goodput.requests_per_s")


class Gate(Struct, frozen=True):
    """`end` is "lower" or "upper" of the interval, or "" for the figure itself."""

    written: str
    figure: str
    end: str
    how: str
    value: float


class Held(Struct, frozen=True):
    """A gate held against a run. `found` is None where the run has no such figure: that fails."""

    gate: Gate
    found: float | None
    passed: bool


def read_gate(written: str) -> Gate:
    """Raises InvalidRequestError for what cannot be a gate."""
    found = _WRITTEN.fullmatch(written.strip())
    known = [f"{name}.{part}" for name in GROUPS for part in ("mean", *SHARES)] + list(_PLAIN)
    path = found["path"] if found else ""
    end = next((own for own in ("lower", "upper") if path.endswith(f".{own}")), "")
    figure = path.removesuffix(f".{end}") if end else path
    if found is None or figure not in known:
        raise InvalidRequestError(
            f"{written!r} is no gate: FIGURE<=NUMBER.",
            hint=f"Such as ttft_ms.p99<=500. Figures: FIGURE_ms.p99 of {', '.join(GROUPS)}; {', '.join(_PLAIN)}.",
        )
    value = float(found["value"]) / (100 if found["percent"] else 1)
    return Gate(written, figure, end, found["how"], value)


def hold(gate: Gate, metrics: Metrics) -> Held:
    found = _figure(gate, metrics)
    return Held(gate, found, found is not None and _COMPARISONS[gate.how](found, gate.value))


def _figure(gate: Gate, metrics: Metrics) -> float | None:
    name, _, part = gate.figure.partition(".")
    if name in GROUPS:
        own: Distribution | None = getattr(metrics, name)
        if own is None:
            return None
        return own.ci[part][gate.end == "upper"] if gate.end else getattr(own, part)
    if name == "goodput":
        return _goodput(metrics, part, gate.end)
    if gate.end:
        return None
    if name == "failed":
        return metrics.counts["failed"] / metrics.counts["measured"] if metrics.counts["measured"] else None
    return metrics.throughput.get(name)


def _goodput(metrics: Metrics, part: str, end: str) -> float | None:
    own = metrics.goodput
    if own is None:
        return None
    if part == "share" and end:
        return own.lo if end == "lower" else own.hi
    return None if end else getattr(own, part)
