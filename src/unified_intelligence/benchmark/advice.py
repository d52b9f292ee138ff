"""What to do about a run that is INVALID: the flags of the next one, from its own figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unified_intelligence.benchmark.plan import Load
from unified_intelligence.benchmark.row import Row

if TYPE_CHECKING:
    from unified_intelligence.benchmark.health import Health

_A_HUNDREDTH = 100
_FEWEST, _WAVES = 50, 20  # of a closed load: then its beginning and one slow moment weigh less than 2 %


def advice(health: Health, load: Load, rows: Sequence[Row]) -> str:
    """One sentence, "" where the fault says itself what to do. `rows` are the measured ones."""
    if not health.invalid or not rows:
        return ""
    if load.is_open:
        return _of_open(health, load, rows)
    if health.delivered < health.asked:
        return _of_closed(health, load, rows)
    return "Measure again." if health.clock_moved_ms else ""


def _of_open(health: Health, load: Load, rows: Sequence[Row]) -> str:
    """A p99 of fewer than 100 requests is their slowest: one that was late by chance makes them INVALID."""
    late = sum(row.lag_ms > health.lag_limit_ms for row in rows)
    enough = _A_HUNDREDTH * (late + 1)
    if 0 < late <= max(2, len(rows) // 20) and len(rows) < enough:
        were = "was" if late == 1 else "were"
        seconds = f", here --duration {-(-enough // load.rate):.0f}s" if load.rate and not load.rate_end else ""
        return (
            f"Only {late} of {len(rows)} {were} late, and of so few that is more than 1 %: "
            f"--requests {enough}{seconds}, or a machine that does nothing else."
        )
    if late or health.delivered < health.asked:
        more = f"--processes {health.processes + 1}, a machine that does nothing else"
        return f"Try {more}{f', or a lower rate: --rate {load.rate / 2:g}' if load.rate else ''}."
    return ""


def _of_closed(health: Health, load: Load, rows: Sequence[Row]) -> str:
    count, enough = len(rows), max(_FEWEST, _WAVES * load.concurrency)
    if count < enough:
        return f"{count} requests are few for {load.concurrency} at once: --requests {enough}"
    mean = sum(row.ended - row.dispatched for row in rows) / count / 1e6
    between = mean * (health.asked / health.delivered - 1) if health.delivered else 0.0
    fewer = f", or fewer at once: --concurrency {load.concurrency // 2}" if load.concurrency > 1 else ""
    return (
        f"The client took {between:.1f} ms from one answer of {mean:.0f} ms to the next request: try longer answers "
        f"(--max-tokens), a machine that does nothing else{fewer}."
    )
