"""What a run says: its figures, each with its interval, and what stands beside them so that they can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from unified_intelligence.benchmark.crew import Gathered
from unified_intelligence.benchmark.health import Health, health_of
from unified_intelligence.benchmark.plan import Load
from unified_intelligence.benchmark.quota import gpu_seconds
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.statistics import Distribution, distribution
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.figures.statistics import wilson

SCHEMA = "uic-bench/1"

GROUPS: Mapping[str, Callable[[Row], Sequence[float]]] = {
    "ttft_ms": lambda row: _one(row.ttft_ms),
    "visible_ms": lambda row: _one(row.visible_ms),
    "itl_ms": lambda row: row.gaps_ms,
    "tpot_ms": lambda row: _one(row.tpot_ms),
    "e2e_ms": lambda row: _one(row.e2e_ms),
    "scheduled_ms": lambda row: _one(row.scheduled_ms),
    "connect_ms": lambda row: _one(row.connect_ms),
    "queue_ms": lambda row: _one(row.queue_ms),
    "join_ms": lambda row: _one(row.join_ms),
    "gpu_wait_ms": lambda row: _one(row.gpu_wait_ms),
    "compute_ms": lambda row: _one(row.compute_ms),
    "work_ms": lambda row: _one(row.work_ms),
}
_SLO = {"ttft": "ttft_ms", "e2e": "e2e_ms", "tpot": "tpot_ms", "visible": "visible_ms"}
_UNITS = {"ms": 1.0, "s": 1000.0, "": 1.0}


class Goodput(Struct, kw_only=True, frozen=True):
    """Requests that met all of `slo` (milliseconds), of all that were measured: a failed one met none."""

    slo: dict[str, float]
    met: int
    of: int
    share: float
    lo: float
    hi: float
    requests_per_s: float


class Metrics(Struct, kw_only=True):
    """A run. `counts`: measured, completed, failed, warmup; `failures` by kind, `failures_said` the words of
    the first of each.

    `throughput` is a second of the measured time, which goes from the first request sent to the last reply's end; its
    `steady_` figures leave out how the load begins and runs out, and are missing where the run is too short for that.
    `tokens`: means of a request, tokens_per_event and events_per_arrival; where one is above 1, `itl_ms` is not a
    token's. `gpu`, of a Gradio Space: the seconds of all measured requests, failed ones too, as `told` of them told,
    else the whole time of the work; and those of an answer. `config_hash` is of everything known that would change
    the figures; the manifest holds it.
    """

    schema: str = SCHEMA
    name: str
    created: str
    valid: bool
    invalid: list[str]
    load: Load
    seconds: float
    counts: dict[str, int]
    failures: dict[str, int]
    failures_said: dict[str, str] = field(default_factory=dict[str, str])
    ttft_ms: Distribution | None = None
    visible_ms: Distribution | None = None
    itl_ms: Distribution | None = None
    tpot_ms: Distribution | None = None
    e2e_ms: Distribution | None = None
    scheduled_ms: Distribution | None = None
    connect_ms: Distribution | None = None
    queue_ms: Distribution | None = None
    join_ms: Distribution | None = None
    gpu_wait_ms: Distribution | None = None
    compute_ms: Distribution | None = None
    work_ms: Distribution | None = None
    gpu: dict[str, float] = field(default_factory=dict[str, float])
    throughput: dict[str, float] = field(default_factory=dict[str, float])
    goodput: Goodput | None = None
    tokens: dict[str, float | None] = field(default_factory=dict[str, float | None])
    counted_by: dict[str, int] = field(default_factory=dict[str, int])
    health: Health
    calibration: dict[str, Any] | None = None
    config_hash: str = ""


def measure(
    name: str, created: str, gathered: Gathered, load: Load, slo: Mapping[str, float], above: str = ""
) -> Metrics:
    """The figures of a run. Failures are counted and are in no latency."""
    rows = [row for row in gathered.rows if not row.warmup and row.error != "stopped"]
    ok = [row for row in rows if not row.error]
    seconds = _seconds(rows)
    health = health_of(gathered, load, rows, above)
    metrics = Metrics(
        name=name,
        created=created,
        valid=not health.invalid,
        invalid=health.invalid,
        load=load,
        seconds=seconds,
        counts={
            "measured": len(rows),
            "completed": len(ok),
            "failed": len(rows) - len(ok),
            "warmup": sum(row.warmup for row in gathered.rows),
        },
        failures=dict(Counter(row.error for row in rows if row.error).most_common()),
        failures_said={row.error: row.message for row in reversed(rows) if row.error},
        throughput=_throughput(ok, seconds) | _steady(gathered.rows, rows, load),
        goodput=_goodput(rows, ok, slo, seconds),
        tokens=_tokens(ok),
        counted_by=dict(Counter(row.counted_by for row in ok)),
        health=health,
        gpu=_gpu(rows, len(ok)),
    )
    for figure, values in GROUPS.items():
        setattr(metrics, figure, distribution([values(row) for row in ok]))
    return metrics


def read_slo(text: str) -> dict[str, float]:
    """`ttft=500ms,e2e=2s` in milliseconds by figure. Raises InvalidRequestError."""
    found: dict[str, float] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.strip().partition("=")
        number = value.rstrip("ms ")
        unit = value[len(number) :].strip()
        if name not in _SLO or unit not in _UNITS or not number.replace(".", "", 1).isdigit():
            raise InvalidRequestError(
                f"--slo: {part!r} is no limit.", hint=f"Such as ttft=500ms,e2e=2s, of {', '.join(_SLO)}."
            )
        found[name] = float(number) * _UNITS[unit]
    return found


def goodput_of(rows: Sequence[Row], slo: Mapping[str, float], seconds: float) -> Goodput | None:
    """Under any limits, of the measured rows of a run that took so long. None without a limit or a row."""
    return _goodput(rows, [row for row in rows if not row.error], slo, seconds)


def meets(row: Row, slo: Mapping[str, float]) -> bool:
    if row.error:
        return False
    values = {name: getattr(row, _SLO[name]) for name in slo}
    return all(value is None or value <= slo[name] for name, value in values.items())


def _one(value: float | None) -> Sequence[float]:
    return () if value is None else (value,)


def _seconds(rows: Sequence[Row]) -> float:
    if not rows:
        return 0.0
    return (max(row.ended for row in rows) - min(row.dispatched for row in rows)) / 1e9


def _throughput(ok: Sequence[Row], seconds: float) -> dict[str, float]:
    if not seconds:
        return {}
    written = sum(row.tokens for row in ok)
    answering = sum((row.last - row.sent) / 1e9 for row in ok)
    return {
        "requests_per_s": len(ok) / seconds,
        "output_tokens_per_s": written / seconds,
        "input_tokens_per_s": sum(row.prompt_tokens or 0 for row in ok) / seconds,
        "output_tokens_per_s_of_a_request": written / answering if answering else 0.0,
    }


def _steady(every: Sequence[Row], rows: Sequence[Row], load: Load) -> dict[str, float]:
    """The same while the load was whole: before it began to be felt and after the last request nothing is counted."""
    if not rows:
        return {}
    begin = min(row.ended for row in rows) if load.is_open else min(row.dispatched for row in rows)
    end = max(row.dispatched for row in rows)
    inside = [row for row in every if begin < row.ended <= end and not row.error]
    longest = max(row.ended - row.dispatched for row in rows)
    if end - begin < longest:
        return {}
    span = (end - begin) / 1e9
    return {
        "steady_requests_per_s": len(inside) / span,
        "steady_output_tokens_per_s": sum(row.tokens for row in inside) / span,
    }


def _gpu(rows: Sequence[Row], completed: int) -> dict[str, float]:
    if not any(row.joined for row in rows):
        return {}
    seconds = sum(map(gpu_seconds, rows))
    told = sum(row.gpu_ms is not None for row in rows)
    return {"seconds": seconds, "told": told} | ({"seconds_of_an_answer": seconds / completed} if completed else {})


def _goodput(rows: Sequence[Row], ok: Sequence[Row], slo: Mapping[str, float], seconds: float) -> Goodput | None:
    if not slo or not rows:
        return None
    met = sum(meets(row, slo) for row in ok)
    lo, hi = wilson(met, len(rows))
    return Goodput(
        slo=dict(slo), met=met, of=len(rows), share=met / len(rows), lo=lo, hi=hi,
        requests_per_s=met / seconds if seconds else 0.0,
    )  # fmt: skip


def _tokens(ok: Sequence[Row]) -> dict[str, float | None]:
    known = [row.prompt_tokens for row in ok if row.prompt_tokens is not None]
    events, arrivals = sum(row.events for row in ok), sum(row.arrivals for row in ok)
    reasoning = [row.reasoning_tokens for row in ok if row.reasoning_tokens is not None]
    return {
        "output": sum(row.tokens for row in ok) / len(ok) if ok else None,
        "input": sum(known) / len(known) if known else None,
        "reasoning": sum(reasoning) / len(reasoning) if reasoning else None,
        "reasoning_events": sum(row.reasoning_events for row in ok) / len(ok) if ok else None,
        "tokens_per_event": sum(row.tokens for row in ok) / events if events else None,
        "events_per_arrival": events / arrivals if arrivals else None,
    }
