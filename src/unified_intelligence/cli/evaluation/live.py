"""A run while it goes on: a view that moves on a terminal, a line now and then elsewhere. All of it is talk."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from unified_intelligence.cli.output import Output

if TYPE_CHECKING:
    from rich.console import RenderableType

    from unified_intelligence.evaluation.progress import Progress

_LINE_EVERY = 10.0  # seconds
_LOOK = 0.25


def watcher(output: Output) -> Callable[[Progress], Awaitable[None]]:
    """What is run beside a run to tell of it."""

    async def on_terminal(progress: Progress) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True, no_color=bool(output.environment.get("NO_COLOR")))
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                live.update(_view(progress), refresh=True)
                await asyncio.sleep(_LOOK)

    async def in_lines(progress: Progress) -> None:
        told, tenth = time.perf_counter(), 0
        while True:
            await asyncio.sleep(_LOOK)
            reached = 10 * progress.done // max(1, progress.planned)
            if time.perf_counter() - told >= _LINE_EVERY or reached > tenth:
                told, tenth = time.perf_counter(), reached
                output.note(line(progress))

    return on_terminal if output.stderr_is_terminal and not output.environment.dumb else in_lines


def line(progress: Progress) -> str:
    """How it stands, in one line."""
    lo, hi = progress.interval
    accuracy = (
        f"{progress.right / progress.answered:.1%} right [{lo:.1%}, {hi:.1%}]" if progress.answered else "no answer yet"
    )
    parts = [f"{progress.done}/{progress.planned}", accuracy, f"{progress.rate():.1f}/s", f"{_left(progress)} left"]
    if progress.errors:
        parts.append("errors: " + ", ".join(f"{name} {n}" for name, n in progress.errors.most_common()))
    if progress.retries:
        parts.append("tried again: " + ", ".join(f"{name} {n}" for name, n in progress.retries.most_common()))
    return "  ".join(parts)


def _left(progress: Progress) -> str:
    seconds = progress.remaining()
    if seconds is None:
        return "?"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _view(progress: Progress) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    head = Table.grid(padding=(0, 2))
    head.add_row(
        ProgressBar(total=max(1, progress.planned), completed=progress.done, width=32),
        f"{progress.done}/{progress.planned}",
        f"{progress.rate():.1f}/s",
        f"{_left(progress)} left",
        f"{progress.asked} under way",
    )
    lo, hi = progress.interval
    shown = f"{progress.right / progress.answered:.1%}  [{lo:.1%}, {hi:.1%}]" if progress.answered else "no answer yet"
    body = Table.grid(padding=(0, 2))
    body.add_row("right of answered", shown)
    body.add_row("ends", ", ".join(f"{name} {n}" for name, n in progress.outcomes.most_common()) or "none yet")
    for what, counted in (("errors", progress.errors), ("tried again", progress.retries)):
        if counted:
            body.add_row(what, ", ".join(f"{name} {n}" for name, n in counted.most_common(6)))
    return Group(head, body)
