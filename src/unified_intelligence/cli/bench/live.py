"""A benchmark while it runs: a line that moves on a terminal, a line now and then elsewhere. All of it is talk."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unified_intelligence.benchmark.quota import gpu_seconds
from unified_intelligence.benchmark.statistics import percentile
from unified_intelligence.cli.output import Output

if TYPE_CHECKING:
    from unified_intelligence.benchmark.crew import Watch, Watcher

_MOVE_EVERY, _LINE_EVERY = 0.5, 10.0  # seconds
_LATEST = 2000  # requests that percentiles are taken over while it runs


@contextmanager
def watching(output: Output, label: str) -> Generator[Watcher]:
    """What is called as a run goes on."""
    if not output.stderr_is_terminal or output.environment.dumb:
        yield _every(_LINE_EVERY, lambda seen: output.note(line(seen, label)))
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, no_color=bool(output.environment.get("NO_COLOR")))
    with Live(console=console, auto_refresh=False, transient=True) as live:
        yield _every(_MOVE_EVERY, lambda seen: live.update(Text(line(seen, label)), refresh=True))


def _every(seconds: float, tell: Watcher) -> Watcher:
    told = time.perf_counter()

    def watch(seen: Watch) -> None:
        nonlocal told
        moment = time.perf_counter()
        if moment - told >= seconds and seen.start:
            told = moment
            tell(seen)

    return watch


def line(seen: Watch, label: str) -> str:
    """How it stands, in one line."""
    sent, done, failed = (seen.total(name) for name in ("sent", "done", "failed"))
    span = max(1e-9, (time.time_ns() - seen.start) / 1e9)
    latest = seen.rows[-_LATEST:]
    ttft = [row.ttft_ms for row in latest if row.ttft_ms is not None]
    gaps = [gap for row in latest[-200:] for gap in row.gaps_ms]
    ended = done + failed
    parts = [
        label,
        f"{ended}/{seen.planned}" if seen.planned else f"{ended} in {span:.0f} s",
        f"{ended / span:.1f}/s",
        f"{seen.total('in_flight')} under way",
    ]
    if ttft:
        parts.append(f"TTFT {percentile(ttft, 0.5):.0f}/{percentile(ttft, 0.99):.0f} ms")
    if gaps:
        parts.append(f"ITL {percentile(gaps, 0.5):.1f}/{percentile(gaps, 0.99):.1f} ms")
    queue = [row.queue_ms for row in latest if row.queue_ms is not None]
    if queue:
        parts.append(f"queue {percentile(queue, 0.5):.0f}/{percentile(queue, 0.99):.0f} ms")
        parts.append(f"GPU {sum(map(gpu_seconds, seen.rows)):.0f} s")
    if latest:
        parts.append(f"lag {percentile([row.lag_ms for row in latest], 0.99):.1f} ms")
    if failed:
        parts.append(f"{failed} of {sent} failed")
    if seen.planned and ended:
        parts.append(f"{max(0.0, (seen.planned - ended) * span / ended):.0f} s left")
    return "  ".join(parts)
