"""Whether a run's figures are good enough: what is asked of them, read from a text, and held against a run.

ttft_ms.p99<=500                 a latency: mean, p50, p90, p95 or p99; `.upper` is the end of its interval
itl_ms.p95.upper<=40
output_tokens_per_s>=100         a throughput
failed<=1%                       the share that failed
goodput.share.lower>=0.95        of the run's --slo
"""

from __future__ import annotations

from typing import NamedTuple

from unified_intelligence.benchmark.metrics import GROUPS, Metrics
from unified_intelligence.benchmark.statistics import SHARES, Distribution
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.figures.gate import Held, Limit, read_limit

_THROUGHPUT = ("requests_per_s", "output_tokens_per_s", "input_tokens_per_s", "output_tokens_per_s_of_a_request",
    "steady_requests_per_s", "steady_output_tokens_per_s")  # fmt: skip
_PLAIN = (*_THROUGHPUT, "failed", "goodput.share", "goodput.requests_per_s")


class Gate(NamedTuple):
    """`end` is "lower" or "upper" of the interval, or "" for the figure itself."""

    limit: Limit
    figure: str
    end: str


def read_gate(written: str) -> Gate:
    """Raises InvalidRequestError for what cannot be a gate."""
    limit = read_limit(written)
    known = [f"{name}.{part}" for name in GROUPS for part in ("mean", *SHARES)] + list(_PLAIN)
    path = limit.figure if limit else ""
    end = next((own for own in ("lower", "upper") if path.endswith(f".{own}")), "")
    figure = path.removesuffix(f".{end}") if end else path
    if limit is None or figure not in known:
        raise InvalidRequestError(
            f"{written!r} is no gate: FIGURE<=NUMBER.",
            hint=f"Such as ttft_ms.p99<=500. Figures: FIGURE_ms.p99 of {', '.join(GROUPS)}; {', '.join(_PLAIN)}.",
        )
    return Gate(limit, figure, end)


def hold(gate: Gate, metrics: Metrics) -> Held:
    return gate.limit.hold(_figure(gate, metrics))


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
