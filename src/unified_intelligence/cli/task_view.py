"""A run as it goes: a table that is kept up to date on a terminal, a line for each change anywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unified_intelligence.cli.output import Output
from unified_intelligence.cli.terminal import harmless
from unified_intelligence.dsl.binding import Bound
from unified_intelligence.dsl.run import Change

if TYPE_CHECKING:
    from rich.table import Table

_SIGNS: Mapping[str, tuple[str, str]] = {
    "waiting": ("·", "dim"),
    "running": ("▶", "cyan"),
    "retrying": ("↻", "yellow"),
    "done": ("✓", "green"),
    "kept": ("✓", "dim"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
    "interrupted": ("!", "yellow"),
}


@contextmanager
def watched(output: Output, bound: Bound) -> Generator[Callable[[Change], None]]:
    """Who listens to the run. It talks on stderr."""
    if not (output.stderr_is_terminal and not output.environment.dumb):
        yield lambda change: output.note(_line(change))
        return
    from rich.console import Console
    from rich.live import Live

    rows = _Rows(bound)
    console = Console(stderr=True, no_color=not output.environment.colours(is_terminal=True))
    with Live(get_renderable=rows.table, console=console, refresh_per_second=4) as live:
        yield rows.heard
        live.refresh()


def _line(change: Change) -> str:
    seconds = f" ({change.seconds:.1f} s)" if change.seconds else ""
    tries = f", try {change.attempt}" if change.what == "running" and change.attempt > 1 else ""
    what = "" if change.what == "said" else {"kept": "done in an earlier run"}.get(change.what, change.what)
    text = f"{': ' if what else ''}{change.text}" if change.text else ""
    return f"{change.task}: {what}{tries}{seconds}{text}"


class _Rows:
    """The state of every task, as far as it was heard."""

    def __init__(self, bound: Bound) -> None:
        self._rows = {name: Change(name, "skipped") for name in bound.flow.order()}
        self._states = dict.fromkeys(self._rows, "waiting")
        self._began: dict[str, float] = {}

    def heard(self, change: Change) -> None:
        if change.what != "said":
            self._states[change.task] = change.what
        if change.what == "running":
            self._began[change.task] = time.perf_counter()
        self._rows[change.task] = change

    def table(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(ratio=1)
        for name, change in self._rows.items():
            state = self._states[name]
            sign, style = _SIGNS[state]
            tries = f" (try {change.attempt})" if change.attempt > 1 else ""
            table.add_row(
                Text(sign, style), Text(f"{name}{tries}", style), Text(self._seconds(name), "dim"),
                Text(harmless("earlier run" if state == "kept" else change.text)),
            )  # fmt: skip
        return table

    def _seconds(self, name: str) -> str:
        change, state = self._rows[name], self._states[name]
        if state in {"running", "retrying"}:
            return f"{time.perf_counter() - self._began.get(name, time.perf_counter()):.0f} s"
        return f"{change.seconds:.1f} s" if change.seconds else ""
