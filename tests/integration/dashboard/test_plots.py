"""The plots as values: every INVALID run is marked, colours stand out by day and by night, Plotly takes them all."""

from __future__ import annotations

import dataclasses
import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from unified_intelligence.benchmark.cost import Use
from unified_intelligence.benchmark.statistics import distribution
from unified_intelligence.dashboard import load_plots, request_plots
from unified_intelligence.dashboard.change import compared
from unified_intelligence.dashboard.curves import front, moments, parts_of, point_of
from unified_intelligence.dashboard.drawing import COLOURS, INVALID_MARK, QUIET, Figure, axis, style_at, styles
from unified_intelligence.dashboard.money import price
from unified_intelligence.dashboard.quality import Judged
from unified_intelligence.dashboard.results import CLOSED, OPEN, measured, read_folder
from unified_intelligence.dashboard.scene import Scene, knees, pick
from unified_intelligence.dashboard.words import THIN, dollars, escaped, percent, short, thin, time_said
from unified_intelligence.spaces.cost import table

GROUNDS = ("#ffffff", "#0e1117")


def scene_of(folder: Path) -> Scene:
    found = read_folder(folder)
    results = pick(found, "", [own.configuration for own in found.results], [], valid=False)
    names = styles(sorted({own.configuration for own in results}))
    return Scene(
        folder=folder, evaluations=folder, found=found, results=results, styles=names, slo={"ttft": 50.0}, share=0.95
    )  # fmt: skip


@pytest.fixture(scope="module")
def drawn(runs: Path) -> dict[str, Figure]:
    """Every plot there is, of all runs."""
    scene = scene_of(runs)
    results = scene.results
    series = {**scene.series(CLOSED), **scene.series(OPEN)}
    good, said = scene.goods(results)
    assert said == []
    points = [point for own in results if (point := point_of(own, 1))]
    priced = {
        name: price([(own, good[own.name]) for own in mine], "l4x1", Use(), table(), 0.95)
        for name, mine in series.items()
    }
    rows, _ = scene.rows(results)
    first = [
        (own, [row.ttft_ms or 0.0 for row in measured(own_rows) if row.first], style_at(0)) for own, own_rows in rows
    ]
    judged = Judged(
        name="é", suite="s", models=frozenset(), accuracy=0.8, lo=0.7, hi=0.9, n=60, whole=True, when=""
    )  # fmt: skip
    return {
        "pareto": load_plots.pareto(points, front(points), scene.styles),
        "throughput": load_plots.throughput(series, scene.styles, CLOSED),
        "goodput": load_plots.goodput(series, good, knees(series, good, 0.95), scene.styles, CLOSED),
        "costs": load_plots.costs(priced, scene.styles, CLOSED),
        "quality": load_plots.quality([(own, judged, 1.0, "x") for own in results], scene.styles, axis("x")),
        "spread": request_plots.spread(first, "time to first token", 50.0),
        "time": request_plots.over_time([(own, moments(own_rows), style_at(1)) for own, own_rows in rows])[0],
        "failures": request_plots.failures(results),
        "health": request_plots.health(results, [own.metrics.health.cpu for own in results], 0.85, "CPU"),
    }


@pytest.mark.parametrize("name", ["pareto", "throughput", "goodput", "costs", "quality", "health"])
def test_an_invalid_run_is_a_cross(drawn: dict[str, Figure], runs: Path, name: str) -> None:
    crosses = sum(
        symbol == INVALID_MARK and x is not None
        for trace in drawn[name]["data"]
        for symbol, x in zip(_list(trace.get("marker", {}).get("symbol")), trace["x"], strict=False)
    )
    invalid = [own for own in read_folder(runs).results if not own.valid]
    assert {"late_r40", "dead_c2"} <= {own.name for own in invalid}
    assert crosses >= (1 if name in {"pareto", "costs"} else 2)


@pytest.mark.parametrize("name", ["spread", "time", "failures", "health", "quality", "pareto", "costs"])
def test_an_invalid_run_is_named_so(drawn: dict[str, Figure], name: str) -> None:
    assert "late_r40 · INVALID" in json.dumps(drawn[name], ensure_ascii=False) or name == "failures"
    assert "INVALID" in json.dumps(drawn[name])


def test_every_axis_says_what_it_is(drawn: dict[str, Figure]) -> None:
    for name, plot in drawn.items():
        for side in ("xaxis", "yaxis"):
            shown = plot["layout"][side]
            assert shown.get("title", {}).get("text") or shown.get("type") == "category", (name, side)


def test_the_knee_is_ringed(drawn: dict[str, Figure], runs: Path) -> None:
    rings = [trace for trace in drawn["goodput"]["data"] if trace.get("marker", {}).get("symbol") == "circle-open"]
    assert any(trace["x"] != [None] for trace in rings)


def test_an_answers_time_is_shared_out(runs: Path) -> None:
    own = next(own for own in read_folder(runs).results if own.name == "sixteen_c4")
    assert parts_of(own.metrics) == {}
    told = replace(own.metrics, queue_ms=distribution([[5.0], [7.0]]), e2e_ms=distribution([[20.0], [30.0]]))
    assert parts_of(told) == {"queue": 6.0, "the rest": 19.0}
    assert parts_of(replace(told, e2e_ms=None)) == {}
    queued = dataclasses.replace(own, metrics=told)
    bars = {trace["name"]: trace["x"] for trace in request_plots.shared_out([queued])["data"]}
    assert bars == {"queue": [6.0], "the rest": [19.0]}


def test_changes_are_drawn_with_their_intervals(runs: Path) -> None:
    plot = request_plots.changes(compared(runs, "sixteen_c16", "four-slots_c16").changes)
    worse = next(trace for trace in plot["data"] if trace["name"] == "worse")
    assert "ttft_ms.p50" in worse["y"]
    assert all(value >= 0 for part in ("array", "arrayminus") for value in worse["error_x"][part])


def test_plotly_takes_every_plot(drawn: dict[str, Figure]) -> None:
    go: Any = pytest.importorskip("plotly.graph_objects", reason="pip install 'unified-intelligence-cli[dashboard]'")
    for plot in drawn.values():
        go.Figure(plot)


def test_colours_stand_out_and_differ() -> None:
    for colour in (*COLOURS, QUIET):
        assert all(_contrast(colour, ground) >= 3 for ground in GROUNDS), colour
    looks = [style_at(place) for place in range(40)]
    assert len({(own.colour, own.symbol) for own in looks}) == 40
    for sees in (_DEUTERANOPE, _PROTANOPE):
        assert min(_apart(_seen(a, sees), _seen(b, sees)) for a, b in combinations(COLOURS, 2)) > 15


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0"),
        (12345.6, f"12{THIN}346"),
        (1.868, "1.87"),
        (0.01234, "0.0123"),
        (999.96, f"1{THIN}000"),
        (None, "–"),
        (-2.5, "−2.5"),
    ],
)
def test_numbers_are_thin(value: float | None, said: str) -> None:
    assert thin(value) == said


def test_units_and_markup() -> None:
    assert (time_said(12_340), time_said(9.5), percent(0.9512)) == (f"12.3{THIN}s", f"9.5{THIN}ms", f"95.1{THIN}%")
    assert dollars(0.0606) == "$0.0606"
    assert short("a" * 40) == "a" * 11 + "…" + "a" * 16
    assert escaped("$1 and $2 <b> é 🎉") == "\\$1 and \\$2 \\<b\\> é 🎉"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


_DEUTERANOPE = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
_PROTANOPE = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))


def _linear(colour: str) -> list[float]:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [own / 12.92 if own <= 0.04045 else ((own + 0.055) / 1.055) ** 2.4 for own in parts]


def _contrast(one: str, other: str) -> float:
    low, high = sorted(
        sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), _linear(own), strict=True)) for own in (one, other)
    )
    return (high + 0.05) / (low + 0.05)


def _seen(colour: str, sees: tuple[tuple[float, ...], ...]) -> tuple[float, float, float]:
    """In CIE Lab, as somebody with that eye does."""
    red, green, blue = (
        min(1.0, max(0.0, sum(w * v for w, v in zip(row, _linear(colour), strict=True)))) for row in sees
    )
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (own ** (1 / 3) if own > 0.008856 else 7.787 * own + 16 / 116 for own in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _apart(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5
