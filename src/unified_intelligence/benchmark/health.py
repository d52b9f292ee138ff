"""Whether the client itself kept up: what a run is worth. A run that fails here is INVALID, and every table says so."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from unified_intelligence.benchmark.advice import advice
from unified_intelligence.benchmark.crew import Gathered
from unified_intelligence.benchmark.plan import Load
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.statistics import percentile

STOPPED = "it was stopped before its end"
LAG_MS, LAG_SHARE, DELIVERED = 2.0, 0.01, 0.98
_LITTLE, _BUSY, _CLOCK_MS = 0.05, 0.85, 1.0


class Health(Struct, kw_only=True, frozen=True):
    """`delivered` of `asked`: requests a second of an open load, requests under way of a closed one.

    `lag_ms` is from when a request was due to when the client took it up, `read_late_ms` from the kernel's stamp to the
    reading, which costs no accuracy. `in_flight` was counted, `rate_times_latency` is what Little's law makes of the
    figures. `cpu` is the busiest process's share of a core. `next` is what to do where the run is `invalid`.
    """

    lag_p50_ms: float
    lag_p99_ms: float
    lag_limit_ms: float
    asked: float
    delivered: float
    in_flight: float
    rate_times_latency: float
    cpu: float
    cpu_s_per_1000: float
    processes: int
    read_late_p99_ms: float
    kernel_stamps: float
    clock_moved_ms: float
    connections: int
    invalid: list[str]
    notes: list[str]
    next: str = ""


def health_of(gathered: Gathered, load: Load, rows: Sequence[Row], measured_above: str = "") -> Health:
    """`rows` are the measured ones; `measured_above` names what lies between the clock and the wire, if anything."""
    ok = [row for row in rows if not row.error]
    lag = [row.lag_ms for row in rows]
    ttft = percentile([row.ttft_ms for row in ok if row.ttft_ms is not None], 0.5)
    limit = max(LAG_MS, LAG_SHARE * ttft)
    in_flight, little = _little(gathered, ok)
    asked, delivered = _delivered(load, rows, gathered.rows)
    busiest = max((own.cpu_s / own.wall_s for own in gathered.accounts if own.wall_s), default=0.0)
    moved = max((abs(own.clock_moved_ms) for own in gathered.accounts), default=0.0)
    health = Health(
        lag_p50_ms=percentile(lag, 0.5),
        lag_p99_ms=percentile(lag, 0.99),
        lag_limit_ms=limit,
        asked=asked,
        delivered=delivered,
        in_flight=in_flight,
        rate_times_latency=little,
        cpu=busiest,
        cpu_s_per_1000=1000 * sum(own.cpu_s for own in gathered.accounts) / max(1, len(gathered.rows)),
        processes=gathered.processes,
        read_late_p99_ms=percentile([row.read_late_ms for row in ok], 0.99),
        kernel_stamps=sum(row.kernel for row in ok) / len(ok) if ok else 0.0,
        clock_moved_ms=moved,
        connections=sum(own.connections for own in gathered.accounts),
        invalid=[],
        notes=[measured_above] if measured_above else [],
    )
    health.invalid.extend(_faults(health, load, ok, gathered))
    if gathered.spending is not None and gathered.spending.ended and not gathered.spending.refused:
        health.notes.append(gathered.spending.ended)
    health.notes.extend(_unsure(ok))
    health.notes.extend(_remarks(health, answered=bool(ok), in_process=bool(measured_above)))
    return replace(health, next=advice(health, load, ok))


def _faults(health: Health, load: Load, ok: Sequence[Row], gathered: Gathered) -> list[str]:
    found: list[str] = []
    if not ok:
        found.append("no request was answered")
    if gathered.gone:
        found.append("the server was gone before its end")
    if gathered.spending is not None and gathered.spending.refused:
        found.append(gathered.spending.ended)
    if gathered.stopped:
        found.append(STOPPED)
    if any(own.kind == "broken" for own in gathered.accounts):
        found.append("a process of the client broke")
    if load.is_open and health.lag_p99_ms > health.lag_limit_ms:
        found.append(
            f"the client was late: schedule lag p99 {health.lag_p99_ms:.1f} ms, at most {health.lag_limit_ms:.1f} ms"
        )
    if health.asked and health.delivered < DELIVERED * health.asked:
        what = "of the asked rate was sent" if load.is_open else "of the asked concurrency was under way"
        found.append(f"only {health.delivered / health.asked:.1%} {what}, at least {DELIVERED:.0%} are needed")
    if health.clock_moved_ms > _CLOCK_MS:
        found.append(f"the machine's clock was set by {health.clock_moved_ms:.1f} ms")
    return found


def _remarks(health: Health, *, answered: bool, in_process: bool) -> list[str]:
    found: list[str] = []
    if health.cpu > _BUSY and not in_process:
        found.append(f"a process of the client used {health.cpu:.0%} of a core: --processes {health.processes + 1}")
    if health.rate_times_latency and abs(health.in_flight / health.rate_times_latency - 1) > _LITTLE:
        found.append(
            f"Little's law: {health.in_flight:.1f} were under way, rate times latency says "
            f"{health.rate_times_latency:.1f}"
        )
    if answered and health.kernel_stamps < 1 and not in_process:
        found.append("not every arrival was stamped by the kernel: times include how late they were read")
    return found


def _unsure(ok: Sequence[Row]) -> list[str]:
    """What late reading may have done to the first pieces: the kernel's stamp is that of the last segment read."""
    unsure = [row.first_unsure_ms for row in ok if row.first_unsure_ms > LAG_MS]
    if len(unsure) <= LAG_SHARE * len(ok):
        return []
    return [
        f"the first piece of {len(unsure)} of {len(ok)} answers was read together with later ones: each may have come "
        f"up to {max(unsure):.0f} ms earlier (a busy machine, or a server that sends several at once)"
    ]


def _little(gathered: Gathered, ok: Sequence[Row]) -> tuple[float, float]:
    """Requests under way on average over the whole run, counted; and what the rate and the latency make of it."""
    rows = gathered.rows
    if not rows or not ok:
        return 0.0, 0.0
    wall_ns = max(row.ended for row in rows) - min(row.dispatched for row in rows)
    if wall_ns <= 0:
        return 0.0, 0.0
    mean_ns = sum(row.ended - row.dispatched for row in rows) / len(rows)
    return sum(own.in_flight_ns for own in gathered.accounts) / wall_ns, len(rows) / wall_ns * mean_ns


def _delivered(load: Load, rows: Sequence[Row], every: Sequence[Row]) -> tuple[float, float]:
    """What was asked of the load and what it was."""
    if len(rows) < 2:
        return 0.0, 0.0
    if load.is_open:
        first = min(row.intended for row in rows)
        wanted = max(row.intended for row in rows) - first
        needed = max(row.dispatched for row in rows) - first
        rate = (len(rows) - 1) / wanted * 1e9 if wanted > 0 else 0.0
        if load.rate and not load.rate_end:
            rate = load.rate
        return rate, rate * min(1.0, wanted / needed) if needed > 0 else rate
    return _steady(load.concurrency, rows, every)


def _steady(concurrency: int, rows: Sequence[Row], every: Sequence[Row]) -> tuple[float, float]:
    """Requests under way while there were any left to send: the last wave runs out by itself."""
    begin, end = min(row.dispatched for row in rows), max(row.dispatched for row in rows)
    asked = float(min(concurrency, len(rows)))
    if len(rows) <= 2 * concurrency or end <= begin:
        return 0.0, 0.0
    under_way = sum(max(0, min(row.ended, end) - max(row.sent or row.dispatched, begin)) for row in every)
    return asked, under_way / (end - begin)
