"""The figures as rows of tables: INVALID is said in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unified_intelligence.benchmark.compare import Comparison
from unified_intelligence.benchmark.metrics import Goodput
from unified_intelligence.benchmark.statistics import Distribution
from unified_intelligence.dashboard.curves import Knee, requests_per_s, tokens_per_s
from unified_intelligence.dashboard.money import Priced
from unified_intelligence.dashboard.results import Attempt, Result, load_said
from unified_intelligence.dashboard.words import THIN, dollars, percent, thin, time_said, when

Rows = list[dict[str, Any]]


def runs(results: Sequence[Result]) -> Rows:
    return [
        {
            "run": own.name,
            "state": _state(own),
            "configuration": own.configuration,
            "load": load_said(own.metrics.load),
            "when (UTC)": when(own.metrics.created),
            "model": own.model,
            "requests/s": round(requests_per_s(own.metrics), 3),
            "tokens/s": round(tokens_per_s(own.metrics), 1),
            "TTFT p50, ms": _part(own.metrics.ttft_ms, "p50"),
            "TTFT p99, ms": _part(own.metrics.ttft_ms, "p99"),
            "E2E p99, ms": _part(own.metrics.e2e_ms, "p99"),
            "answered": own.metrics.counts["completed"],
            "failed": own.metrics.counts["failed"],
            "why INVALID": own.why,
            "measured above": "; ".join(note for note in own.metrics.health.notes if note.startswith("measured above")),
        }
        for own in results
    ]


def knees(found: Mapping[str, Knee], good: Mapping[str, Goodput | None]) -> Rows:
    rows: Rows = []
    for name, own in found.items():
        at = own.result
        if at is None:
            lacking = dict.fromkeys(("within the limits", "requests/s", "tokens/s", "TTFT p99", "E2E p99"), "–")
            rows.append({"configuration": name, "knee": "below the lowest load measured", **lacking})
            continue
        rows.append(
            {
                "configuration": name,
                "knee": load_said(at.metrics.load) + ("" if own.reached else " or more: measure higher loads"),
                "within the limits": _share(good.get(at.name)),
                "requests/s": thin(requests_per_s(at.metrics)),
                "tokens/s": thin(tokens_per_s(at.metrics)),
                "TTFT p99": time_said(at.metrics.ttft_ms.p99 if at.metrics.ttft_ms else None),
                "E2E p99": time_said(at.metrics.e2e_ms.p99 if at.metrics.e2e_ms else None),
            }
        )
    return rows


def costs(found: Sequence[Priced], good: Mapping[str, Goodput | None]) -> Rows:
    rows: Rows = []
    for own in found:
        cost = own.cost
        rows.append(
            {
                "run": own.result.name,
                "state": _state(own.result),
                "load": load_said(own.result.metrics.load),
                "within the limits": _share(good.get(own.result.name)),
                "1M tokens": dollars(own.dollars),
                "1M requests": dollars(cost.used_1m_requests or cost.full_1m_requests if cost else None),
                "1M tokens at full use": dollars(cost.full_1m_tokens if cost else None),
                "remarks": own.said or "; ".join(cost.notes if cost else ()),
            }
        )
    return rows


def failures(results: Sequence[Result]) -> Rows:
    return [
        {
            "run": own.name,
            "state": _state(own),
            "cause": kind,
            "requests": count,
            "of": own.metrics.counts["measured"],
            "first said": own.metrics.failures_said.get(kind, ""),
        }
        for own in results
        for kind, count in own.metrics.failures.items()
    ]


def attempts(failed: Sequence[Attempt]) -> Rows:
    return [
        {
            "sweep": own.sweep,
            "configuration": own.configuration,
            "attempt": own.attempt,
            "cause": own.failure,
            "said": own.said,
        }
        for own in failed
    ]


def health(results: Sequence[Result]) -> Rows:
    rows: Rows = []
    for own in results:
        told = own.metrics.health
        rows.append(
            {
                "run": own.name,
                "state": _state(own),
                "lag p99": f"{time_said(told.lag_p99_ms)} of {time_said(told.lag_limit_ms)}",
                "sent": f"{thin(told.delivered)} of {thin(told.asked)}" if told.asked else "too short to tell",
                "CPU of a core": percent(told.cpu),
                "CPU s for 1000": thin(told.cpu_s_per_1000),
                "under way, counted": thin(told.in_flight),
                "rate × latency": thin(told.rate_times_latency),
                "kernel's stamps": percent(told.kernel_stamps),
                "remarks": "; ".join([*own.metrics.invalid, *told.notes]),
            }
        )
    return rows


def changes(found: Comparison) -> Rows:
    rows: Rows = []
    for own in found.changes:
        say = percent if own.figure.endswith(".share") else time_said
        rows.append(
            {
                "figure": own.figure,
                "A": say(own.before),
                "B": say(own.after),
                "B − A": _signed(own.difference, say(own.difference)),
                "99 % interval": f"{_signed(own.lower, say(own.lower))} … {_signed(own.upper, say(own.upper))}",
                "change": "–" if own.share is None else _signed(own.share, percent(own.share)),
                "verdict": own.verdict if not found.invalid else f"{own.verdict} · INVALID",
            }
        )
    return rows


def _signed(value: float, said: str) -> str:
    return f"+{said}" if value > 0 else said


def _state(own: Result) -> str:
    return "valid" if own.valid else "INVALID"


def _part(found: Distribution | None, name: str) -> float | None:
    return None if found is None else round(float(getattr(found, name)), 2)


def _share(good: Goodput | None) -> str:
    return (
        "–"
        if good is None
        else f"{percent(good.share)} [{percent(good.lo)}, {percent(good.hi)}]".replace(f"{THIN}%,", ",")
    )
