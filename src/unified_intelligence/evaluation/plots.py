"""The plots of a report, as SVG that stands in the page. Every one of them has its figures in a table too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from unified_intelligence.evaluation.outcome import OUTCOMES
from unified_intelligence.evaluation.record import Metric

WIDTH = 360  # units; a card of the page is about as many pixels wide
_ROW, _LABEL, _BINS, _LONGEST = 22, 118, 24, 19
_BAR_ROW, _LONGEST_FAULT = 36, 56  # a fault has a longer name than a slice: its bar stands below


def outcomes_bar(counts: Mapping[str, int]) -> str:
    """How attempts ended, as one bar; what was not asked stays empty."""
    planned = max(1, counts.get("planned", 0))
    parts: list[str] = []
    x = 0.0
    for name in OUTCOMES:
        width = WIDTH * counts.get(name, 0) / planned
        if width:
            title = f"<title>{name}: {counts[name]}</title>"
            parts.append(f'<rect class="{name}" x="{x:.2f}" y="0" width="{width:.2f}" height="26">{title}</rect>')
        x += width
    said = ", ".join(f"{counts.get(name, 0)} {name}" for name in OUTCOMES)
    return _svg(26, said, ['<rect class="empty" x="0" y="0" width="360" height="26"/>', *parts])


def intervals(metrics: Sequence[Metric]) -> str:
    """Shares with their intervals, one a row, on an axis from 0 to 100 %."""
    rows = [own for own in metrics if own.ci is not None and own.value is not None]
    if not rows:
        return ""
    height = _ROW * len(rows) + 20
    parts = [*_axis(height)]
    for number, own in enumerate(rows):
        assert own.ci is not None
        assert own.value is not None
        y = _ROW * number + 12
        name = own.slice if own.slice != "all" else own.name
        span = f"{escape(name)}: {own.value:.1%}, 95 % interval {own.ci.lo:.1%} to {own.ci.hi:.1%}, n = {own.n}"
        parts += [
            f'<text x="0" y="{y + 4}">{_short(name)}</text>',
            f'<line class="interval" x1="{_at(own.ci.lo):.1f}" x2="{_at(own.ci.hi):.1f}" y1="{y}" y2="{y}"/>',
            f'<circle class="point" cx="{_at(own.value):.1f}" cy="{y}" r="4"><title>{span}</title></circle>',
        ]
    return _svg(height, "Shares with their 95 % intervals", parts)


def bars(counted: Sequence[tuple[str, int]]) -> str:
    """Counts by name, the largest as long as there is room."""
    if not counted:
        return ""
    most = max(n for _, n in counted)
    parts: list[str] = []
    for number, (name, n) in enumerate(counted):
        y = _BAR_ROW * number
        width = max(2.0, (WIDTH - 44) * n / most)
        parts += [
            f'<text x="0" y="{y + 12}">{_short(name, _LONGEST_FAULT)}</text>',
            f'<rect class="bar" x="0" y="{y + 17}" width="{width:.1f}" height="10">'
            f"<title>{escape(name)}: {n}</title></rect>",
            f'<text x="{width + 6:.1f}" y="{y + 26}">{n}</text>',
        ]
    return _svg(_BAR_ROW * len(counted), "Faults by kind", parts)


def histogram(values: Sequence[float], unit: str) -> str:
    """How often which value, in bins of one width up to the 99th in a hundred; the last bin holds what is beyond."""
    if len(values) < 2:
        return ""
    ordered = sorted(values)
    top = ordered[math.ceil(0.99 * len(ordered)) - 1] or ordered[-1] or 1.0
    bins = [0] * _BINS
    for value in ordered:
        bins[min(_BINS - 1, int(_BINS * value / top))] += 1
    most, wide = max(bins), WIDTH / _BINS
    parts = [
        f'<rect class="bar" x="{i * wide + 1:.1f}" y="{80 - 78 * n / most:.1f}" width="{wide - 2:.1f}" '
        f'height="{78 * n / most:.1f}">'
        f"<title>{i * top / _BINS:.3g} to {(i + 1) * top / _BINS:.3g} {unit}: {n}</title></rect>"
        for i, n in enumerate(bins)
        if n
    ]
    parts += [
        f'<line class="axis" x1="0" x2="{WIDTH}" y1="80" y2="80"/>',
        '<text x="0" y="96">0</text>',
        f'<text x="{WIDTH}" y="96" text-anchor="end">{top:.3g} {unit}</text>',
    ]
    return _svg(100, f"How long answers took, in {unit}", parts)


def _axis(height: int) -> list[str]:
    bottom = height - 18
    parts: list[str] = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = _at(share)
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{bottom}"/>')
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 4}" text-anchor="{anchor}">{share:.0%}</text>')
    return parts


def _at(share: float) -> float:
    return _LABEL + (WIDTH - _LABEL - 6) * share


def _short(name: str, longest: int = _LONGEST) -> str:
    return escape(name if len(name) <= longest else name[: longest - 1] + "…") + f"<title>{escape(name)}</title>"


def _svg(height: int, said: str, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(said)}">{"".join(parts)}</svg>'
