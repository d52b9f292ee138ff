"""Plots of the requests of runs: how latencies are spread, how they went over time, what failed, how the client did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unified_intelligence.benchmark.compare import Change
from unified_intelligence.dashboard.curves import Moment, cdf, medians, parts_of, thinned
from unified_intelligence.dashboard.drawing import (
    BETTER,
    COLOURS,
    INVALID_MARK,
    QUIET,
    WORSE,
    Figure,
    Style,
    axis,
    figure,
    level,
    logarithmic,
    named,
    spans,
)
from unified_intelligence.dashboard.results import Result
from unified_intelligence.dashboard.words import thin

_REST = "the rest"
_DOTS = 600  # requests of a run that are drawn
_PATTERNS = ("", "/", "x", "-", "\\", "|", "+", ".")
Drawn = Sequence[tuple[Result, Sequence[float], Style]]


def spread(drawn: Drawn, title: str, limit: float | None) -> Figure:
    """For each run the share of its answers that took at most so long; `limit` in the same milliseconds."""
    traces: list[Figure] = []
    for own, values, style in drawn:
        x, y = cdf(values)
        traces.append({
            "type": "scatter", "mode": "lines", "name": own.label, "x": x, "y": y,
            "line": {"color": style.colour, "width": 2.5, "dash": style.dash if own.valid else "dot", "shape": "hv"},
            "hovertemplate": "<b>%{fullData.name}</b><br>%{y:.1%} within %{x:,.1f} ms<extra></extra>",
        })  # fmt: skip
    every = [value for _, values, _ in drawn for value in values]
    wide = spans(every)
    x_axis = axis(f"{title}, ms", **logarithmic(wide=wide))
    plot = figure(traces, x_axis, axis("share of the answers", tickformat=".0%", range=[0, 1.02]), legends=len(traces))
    plot["layout"]["margin"]["r"] = 36
    _add(plot, [level(0.5, "p50"), level(0.99, "p99")])
    if limit is not None and limit > 0:
        from math import log10

        line, words = level(limit, f"limit {thin(limit)} ms", along="x")
        words["x"] = log10(limit) if wide else limit
        _add(plot, [(line, words)])
    return plot


def over_time(drawn: Sequence[tuple[Result, Sequence[Moment], Style]]) -> tuple[Figure, int]:
    """Each answered request and the median of each stretch; and of how many requests one is drawn."""
    traces: list[Figure] = []
    coarse = 1
    for own, found, style in drawn:
        shown, step = thinned(found, _DOTS)
        coarse = max(coarse, step)
        for warmup in (True, False):
            some = [at for at in shown if at.warmup is warmup]
            traces.append({
                "type": "scatter", "mode": "markers", "name": own.label, "legendgroup": own.name, "showlegend": False,
                "x": [at.seconds for at in some], "y": [at.ttft_ms for at in some],
                "marker": {
                    "symbol": f"{style.symbol}-open" if warmup else style.symbol, "color": style.colour, "size": 5,
                    "opacity": 0.75 if warmup else 0.4,
                },
                "hovertemplate": f"<b>{own.label}</b>{', warm-up' if warmup else ''}<br>"
                "%{y:,.1f} ms after %{x:,.1f} s<extra></extra>",
            })  # fmt: skip
        x, y = medians(found)
        traces.append({
            "type": "scatter", "mode": "lines", "name": own.label, "legendgroup": own.name, "x": x, "y": y,
            "line": {"color": style.colour, "width": 2.5, "dash": style.dash if own.valid else "dot"},
            "hovertemplate": f"<b>{own.label}</b><br>median %{{y:,.1f}} ms<extra></extra>",
        })  # fmt: skip
    wide = spans(at.ttft_ms for _, found, _ in drawn for at in found)
    x_axis = axis("seconds after the run's first request", rangemode="tozero")
    return figure(traces, x_axis, axis("TTFT, ms", **logarithmic(wide=wide)), legends=len(drawn)), coarse


def shared_out(results: Sequence[Result]) -> Figure:
    """For each run the mean time of an answer, divided by what its server said that it was spent on."""
    parts = {own.label: parts_of(own.metrics) for own in results}
    names = list(dict.fromkeys(name for told in parts.values() for name in told))
    traces: list[Figure] = []
    for place, name in enumerate([*(own for own in names if own != _REST), *(own for own in names if own == _REST)]):
        traces.append({
            "type": "bar", "orientation": "h", "name": name, "x": [told.get(name) for told in parts.values()],
            "y": list(parts), "marker": _fill(place) if name != _REST else {"color": QUIET},
            "hovertemplate": f"<b>%{{y}}</b><br>{name}: %{{x:,.1f}} ms<extra></extra>",
        })  # fmt: skip
    x = axis("mean ms of an answer", rangemode="tozero")
    plot = figure(traces, x, named(list(parts)), legends=len(traces), height=130 + 34 * len(parts))
    plot["layout"] |= {"barmode": "stack", "bargap": 0.35}
    return plot


def failures(results: Sequence[Result]) -> Figure:
    """For each run the share that failed, by kind."""
    totals: dict[str, int] = {}
    for own in results:
        for kind, count in own.metrics.failures.items():
            totals[kind] = totals.get(kind, 0) + count
    kinds = sorted(totals, key=lambda kind: -totals[kind])
    labels = [own.label for own in results]
    traces: list[Figure] = []
    for place, kind in enumerate(kinds):
        counts = [own.metrics.failures.get(kind, 0) for own in results]
        shares = [n / max(1, own.metrics.counts["measured"]) for n, own in zip(counts, results, strict=True)]
        traces.append({
            "type": "bar", "orientation": "h", "name": kind, "x": shares, "y": labels, "customdata": counts,
            "marker": _fill(place),
            "hovertemplate": f"<b>%{{y}}</b><br>{kind}: %{{customdata}} (%{{x:.1%}})<extra></extra>",
        })  # fmt: skip
    x = axis("share of the measured requests", tickformat=".3~%", rangemode="tozero")
    plot = figure(traces, x, named(labels), legends=len(traces), height=130 + 34 * len(results))
    plot["layout"] |= {"barmode": "stack", "bargap": 0.35}
    return plot


def health(
    results: Sequence[Result], values: Sequence[float | None], limit: float, title: str, more: Figure | None = None
) -> Figure:
    """One thing about the client, a run a row, and the limit from which on it is too much."""
    labels = [own.label for own in results]
    colours = [BETTER if own.valid else WORSE for own in results]
    trace: Figure = {
        "type": "scatter", "mode": "markers", "x": list(values), "y": labels,
        "marker": {
            "symbol": ["circle" if own.valid else INVALID_MARK for own in results], "size": 10, "opacity": 1,
            "color": colours, "line": {"width": [0 if own.valid else 3 for own in results], "color": colours},
        },
        "cliponaxis": False,
        "customdata": [own.why or "valid" for own in results],
        "hovertemplate": "<b>%{y}</b><br>%{x:.3~g}<br>%{customdata}<extra></extra>",
    }  # fmt: skip
    x, row = axis(title, rangemode="tozero", **(more or {})), 30 if len(results) <= 8 else 20
    plot = figure([trace], x, named(labels) | {"showgrid": True}, height=90 + row * len(results))
    _add(plot, [level(limit, "", along="x")])
    return plot


def changes(found: Sequence[Change]) -> Figure:
    """How much each figure changed, in percent of what it was, with the 99 % interval."""
    shown = [own for own in found if own.before]
    looks: Mapping[str, tuple[str, str]] = {
        "better": (BETTER, "circle"),
        "worse": (WORSE, "square"),
        "noise": (QUIET, "circle-open"),
        "small": (QUIET, "diamond-open"),
    }
    traces: list[Figure] = []
    for verdict, (colour, symbol) in looks.items():
        mine = [own for own in shown if own.verdict == verdict]
        if not mine:
            continue
        traces.append({
            "type": "scatter", "mode": "markers", "name": verdict, "y": [own.figure for own in mine],
            "x": [own.difference / own.before for own in mine],
            "marker": {"color": colour, "symbol": symbol, "size": 10, "line": {"width": 2, "color": colour}},
            "error_x": {
                "type": "data", "symmetric": False, "color": colour, "thickness": 2, "width": 4,
                "array": [(own.upper - own.difference) / own.before for own in mine],
                "arrayminus": [(own.difference - own.lower) / own.before for own in mine],
            },
            "hovertemplate": "<b>%{y}</b><br>%{x:+.2%}<extra></extra>",
        })  # fmt: skip
    x = axis("change of B from A, with its 99 % interval", tickformat="+.3~%")
    names = [own.figure for own in shown]
    plot = figure(traces, x, named(names) | {"showgrid": True}, legends=len(traces), height=110 + 24 * len(names))
    _add(plot, [level(0, "", along="x")])
    return plot


def _fill(place: int) -> Figure:
    """A colour and a pattern: either is enough."""
    return {"color": COLOURS[place % 8], "pattern": {"shape": _PATTERNS[place % 8], "solidity": 0.3}}


def _add(plot: Figure, levels: Sequence[tuple[Figure, Figure]]) -> None:
    layout: dict[str, Any] = plot["layout"]
    for line, words in levels:
        layout["shapes"].append(line)
        if words["text"]:
            layout["annotations"].append(words)
