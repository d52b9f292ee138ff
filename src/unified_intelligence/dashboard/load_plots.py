"""Plots of runs as points: what a GPU gives and a reader gets, rates against loads, costs, quality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10

from unified_intelligence.benchmark.metrics import Goodput
from unified_intelligence.dashboard.curves import Knee, Point, apart, requests_per_s, ticks, tokens_per_s
from unified_intelligence.dashboard.drawing import (
    QUIET,
    Figure,
    Style,
    axis,
    figure,
    key_of_configuration,
    key_of_invalid,
    key_of_line,
    key_of_mark,
    logarithmic,
    marks,
    spans,
)
from unified_intelligence.dashboard.money import Priced
from unified_intelligence.dashboard.quality import Judged
from unified_intelligence.dashboard.results import Result, load_said
from unified_intelligence.dashboard.words import percent, thin, time_said

Series = Mapping[str, Sequence[Result]]


def pareto(points: Sequence[Point], best: Sequence[Point], styles: Mapping[str, Style]) -> Figure:
    traces: list[Figure] = []
    if len(best) > 1:
        traces.append({
            "type": "scatter", "mode": "lines", "name": "nothing measured beats these in both",
            "x": [own.reader for own in best], "y": [own.gpu for own in best],
            "line": {"color": QUIET, "width": 2, "dash": "dash"}, "hoverinfo": "skip",
        })  # fmt: skip
    roomy = apart(points)
    for name in dict.fromkeys(own.result.configuration for own in points):
        mine = [own for own in points if own.result.configuration == name]
        results = [own.result for own in mine]
        traces.append({
            "type": "scatter", "name": name, "legendgroup": name, "showlegend": False,
            "x": [own.reader for own in mine], "y": [own.gpu for own in mine],
            "mode": "markers+text",
            "text": [own.metrics.load.label if own.name in roomy else "" for own in results],
            "textposition": "top center", "cliponaxis": False,
            "marker": marks(results, styles[name]), "customdata": [_told(own) for own in results],
            "hovertemplate": "%{customdata}<br>%{x:,.1f} tokens/s a reader<br>%{y:,.1f} tokens/s a GPU<extra></extra>",
        })  # fmt: skip
        traces.append(key_of_configuration(name, styles[name], line=False))
    traces += key_of_invalid(own.result for own in points)
    x = axis("tokens a second that one reader gets", rangemode="tozero")
    return figure(traces, x, axis("tokens a second of one GPU", rangemode="tozero"), legends=_entries(traces))


def throughput(series: Series, styles: Mapping[str, Style], kind: str) -> Figure:
    """Tokens written a second, against the load."""
    traces: list[Figure] = []
    for name, mine in series.items():
        traces.append(
            _line(name, mine, [tokens_per_s(own.metrics) for own in mine], styles[name], "%{y:,.1f} tokens/s")
        )
        traces.append(key_of_configuration(name, styles[name], line=True))
    traces += key_of_invalid(own for mine in series.values() for own in mine)
    y = axis("tokens written a second", rangemode="tozero")
    return figure(traces, _loads(series, kind), y, legends=_entries(traces))


def goodput(
    series: Series, good: Mapping[str, Goodput | None], knees: Mapping[str, Knee | None], styles: Mapping[str, Style],
    kind: str,
) -> Figure:  # fmt: skip
    """Requests answered a second, those of them within the limits, and the knee."""
    traces: list[Figure] = []
    for name, mine in series.items():
        style = styles[name]
        traces.append(_line(name, mine, [requests_per_s(own.metrics) for own in mine], style, "%{y:,.2f} answered/s"))
        within = [_good_rate(own, good.get(own.name)) for own in mine]
        second = _line(name, mine, within, style, "%{y:,.2f}/s within the limits")
        traces.append(key_of_configuration(name, style, line=True))
        traces.append(second | {"line": {"color": style.colour, "dash": "dot", "width": 2}})
        found = knees.get(name)
        if found is not None and found.result is not None:
            at = found.result
            traces.append({
                "type": "scatter", "mode": "markers", "x": [at.place], "y": [_good_rate(at, good.get(at.name))],
                "marker": {"symbol": "circle-open", "size": 24, "color": style.colour, "line": {"width": 3}},
                "showlegend": False, "legendgroup": name, "hoverinfo": "skip", "cliponaxis": False,
            })  # fmt: skip
    traces += [
        key_of_line("answered", "solid"),
        key_of_line("within the limits", "dot"),
        key_of_mark("knee", "circle-open"),
    ]
    traces += key_of_invalid(own for mine in series.values() for own in mine)
    y = axis("requests a second", rangemode="tozero")
    return figure(traces, _loads(series, kind), y, legends=_entries(traces))


def costs(series: Mapping[str, Sequence[Priced]], styles: Mapping[str, Style], kind: str) -> Figure:
    """Dollars for a million tokens against the load; what missed the limits is hollow."""
    traces: list[Figure] = []
    every = [own for mine in series.values() for own in mine]
    for name, mine in series.items():
        shown = [own for own in mine if own.dollars is not None]
        if not shown:
            continue
        results = [own.result for own in shown]
        trace = _line(name, results, [own.dollars for own in shown], styles[name], "$%{y:,.3g} for 1M tokens")
        symbols = [
            symbol if own.kept or not own.result.valid else f"{symbol}-open"
            for symbol, own in zip(trace["marker"]["symbol"], shown, strict=True)
        ]
        traces.append(trace | {"marker": {**trace["marker"], "symbol": symbols}})
        traces.append(key_of_configuration(name, styles[name], line=True))
    if any(not own.kept for own in every if own.dollars is not None):
        traces.append(key_of_mark("limits missed", "circle-open"))
    traces += key_of_invalid(own.result for own in every)
    loads = {name: [own.result for own in mine] for name, mine in series.items()}
    wide = spans(own.dollars or 0.0 for own in every)
    y = axis("US dollars for 1M tokens written", tickprefix="$", **logarithmic(wide=wide))
    return figure(traces, _loads(loads, kind), y, legends=_entries(traces))


def quality(joined: Sequence[tuple[Result, Judged, float, str]], styles: Mapping[str, Style], x: Figure) -> Figure:
    """The share right, with its interval, against what `x` says, in words beside it: a configuration a point."""
    traces: list[Figure] = []
    for own, judged, value, said in joined:
        style = styles[own.configuration]
        words = f"{_told(own)}<br>{judged.label}: {percent(judged.accuracy)} of {judged.n} right<br>{said}"
        traces.append(key_of_configuration(own.configuration, style, line=False))
        traces.append({
            "type": "scatter", "mode": "markers", "name": own.label, "legendgroup": own.configuration,
            "showlegend": False, "cliponaxis": False,
            "x": [value], "y": [judged.accuracy], "marker": marks([own], style, size=12),
            "error_y": {
                "type": "data", "symmetric": False, "array": [judged.hi - judged.accuracy],
                "arrayminus": [judged.accuracy - judged.lo], "color": style.colour, "thickness": 1.5, "width": 5,
            },
            "customdata": [words], "hovertemplate": "%{customdata}<extra></extra>",
        })  # fmt: skip
    traces += key_of_invalid(own for own, *_ in joined)
    y = axis("share right, with its 95 % interval", tickformat=".0%", range=[-0.02, 1.04])
    return figure(traces, x, y, legends=_entries(traces))


def _line(name: str, mine: Sequence[Result], values: Sequence[float | None], style: Style, said: str) -> Figure:
    return {
        "type": "scatter", "mode": "lines+markers", "name": name, "legendgroup": name, "showlegend": False,
        "cliponaxis": False, "x": [own.place for own in mine], "y": list(values),
        "line": {"color": style.colour, "width": 2}, "marker": marks(mine, style), "connectgaps": False,
        "customdata": [_told(own) for own in mine], "hovertemplate": f"%{{customdata}}<br>{said}<extra></extra>",
    }  # fmt: skip


def _entries(traces: Sequence[Figure]) -> int:
    return sum(own.get("showlegend", True) for own in traces)


def _loads(series: Series, kind: str) -> Figure:
    """Loads double: their axis is logarithmic, and has a tick where something was measured."""
    places = [own.place for mine in series.values() for own in mine if own.place > 0]
    shown = ticks(places)
    more: Figure = {"type": "log", "tickvals": shown, "ticktext": [thin(own, 4) for own in shown]}
    if places:
        more["range"] = [log10(min(places)) - 0.08, log10(max(places)) + 0.08]
    return axis(kind, **more)


def _good_rate(result: Result, good: Goodput | None) -> float | None:
    """The part of the rate of answers that was within the limits."""
    counts = result.metrics.counts
    if good is None:
        return None
    return requests_per_s(result.metrics) * good.met / max(1, counts["completed"])


def _told(own: Result) -> str:
    """A run, for whoever points at it."""
    metrics = own.metrics
    ttft = metrics.ttft_ms.p99 if metrics.ttft_ms else None
    return "<br>".join(
        [
            f"<b>{own.label}</b>",
            *([own.why] if own.why else []),
            f"{load_said(metrics.load)}, TTFT p99 {time_said(ttft)}",
        ]
    )


def price_axis() -> Figure:
    return axis("US dollars for 1M tokens written", rangemode="tozero", tickprefix="$")
