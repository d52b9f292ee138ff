"""What all plots share: colours, marks, axes. A plot is a plain value of Plotly's form, which no library is needed for.

Each configuration has a colour, a mark and a stroke: none of the three is needed to tell it from the others. The
colours keep their distances for colour-blind eyes, and stand out from a white page and from a dark one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from unified_intelligence.dashboard.results import Result
from unified_intelligence.dashboard.words import short

Figure = dict[str, Any]
COLOURS = ("#2d78b4", "#e1780f", "#4ba55a", "#c30f1e", "#692dff", "#e16996", "#4b695a", "#6978ff")
QUIET, BETTER, WORSE = "#7d838c", COLOURS[0], COLOURS[1]
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "pentagon", "triangle-down", "star")
_DASHES = ("solid", "dash", "dashdot", "longdash", "dot")
INVALID_MARK = "x-thin-open"


class Style(NamedTuple):
    colour: str
    symbol: str
    dash: str


def style_at(place: int) -> Style:
    """The numbers of colours, marks and strokes have no common divisor: it takes long until one comes again."""
    return Style(COLOURS[place % 8], _SYMBOLS[place % 7], _DASHES[place // 8 % 5])


def styles(names: Iterable[str]) -> Mapping[str, Style]:
    """A style for each name, the same for as long as the names are."""
    return {name: style_at(place) for place, name in enumerate(dict.fromkeys(names))}


def figure(traces: Sequence[Figure], x: Figure, y: Figure, *, legends: int = 0, height: int = 380) -> Figure:
    """`legends` is how many entries there are: the plot grows with them, so that they take none of its room."""
    layout: Figure = {
        "xaxis": {"automargin": True, "zeroline": False, "separatethousands": True, **x},
        "yaxis": {"automargin": True, "zeroline": False, "separatethousands": True, **y},
        "margin": {"l": 8, "r": 16, "t": 16, "b": 8},
        "legend": {
            "orientation": "h",
            "traceorder": "normal",
            "x": 0,
            "xanchor": "left",
            "y": 1.02,
            "yanchor": "bottom",
            "title": {"text": ""},
        },
        "height": height + 14 * legends,
        "hovermode": "closest",
        "hoverlabel": {"namelength": -1},
        "showlegend": legends > 0,
        "separators": ".\u202f",
        "dragmode": False,
        "shapes": [],
        "annotations": [],
    }
    return {"data": list(traces), "layout": layout}


def axis(title: str, **more: Any) -> Figure:
    """An axis with what it shows and in which unit."""
    return {"title": {"text": title}, **more}


def named(names: Sequence[str]) -> Figure:
    """An axis of names, from top to bottom; a long one is shortened in its middle."""
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": list(names)[::-1],
        "tickvals": list(names),
        "ticktext": [short(name) for name in names],
        "showgrid": False,
    }


def marks(results: Sequence[Result], style: Style, *, size: int = 10) -> Figure:
    """A configuration's marks; that of an INVALID run is a cross, whoever's it is."""
    return {
        "symbol": [style.symbol if own.valid else INVALID_MARK for own in results],
        "color": style.colour,
        "size": [size if own.valid else size + 2 for own in results],
        "line": {"width": [2 if own.valid else 3 for own in results], "color": style.colour},
        "opacity": 1,
    }


def key_of_invalid(results: Iterable[Result]) -> list[Figure]:
    """The legend's entry for the crosses, where there are any."""
    if all(own.valid for own in results):
        return []
    marker = {"symbol": INVALID_MARK, "color": QUIET, "size": 12, "line": {"width": 3, "color": QUIET}}
    return [_key("INVALID: do not believe it", marker)]


def key_of_configuration(name: str, style: Style, *, line: bool) -> Figure:
    """The legend's entry for a configuration: its own mark, whichever of its runs is INVALID."""
    marker: Figure = {"symbol": style.symbol, "color": style.colour, "size": 10, "opacity": 1}
    key = {**_key(name, marker), "legendgroup": name}
    return key | ({"mode": "lines+markers", "line": {"color": style.colour, "width": 2}} if line else {})


def spans(values: Iterable[float]) -> bool:
    """Whether they are too far apart for an axis on which equal steps are equal."""
    above = [own for own in values if own > 0]
    return bool(above) and max(above) > 20 * min(above)


def logarithmic(*, wide: bool) -> Figure:
    """How an axis is divided: 1, 2, 5, 10 where values are far apart, from 0 where they are not."""
    return {"type": "log", "dtick": "D2"} if wide else {"rangemode": "tozero"}


def key_of_line(name: str, dash: str) -> Figure:
    """The legend's entry for a kind of line, whatever its colour."""
    return {**_key(name, {}), "mode": "lines", "line": {"color": QUIET, "dash": dash}}


def key_of_mark(name: str, symbol: str) -> Figure:
    return _key(name, {"symbol": symbol, "color": QUIET, "size": 11})


def level(value: float, said: str, *, along: str = "y") -> tuple[Figure, Figure]:
    """A line across the plot at a value, and its words; for `shapes` and `annotations`."""
    across = "x" if along == "y" else "y"
    line: Figure = {
        "type": "line", f"{along}0": value, f"{along}1": value, f"{across}0": 0, f"{across}1": 1,
        f"{across}ref": "paper", "line": {"color": QUIET, "width": 1.5, "dash": "dot"},
    }  # fmt: skip
    words: Figure = {"text": said, "showarrow": False, "font": {"size": 12}, along: value, f"{across}ref": "paper"}
    if along == "y":
        words |= {"x": 1, "xanchor": "left", "yanchor": "middle", "xshift": 4}
    else:
        words |= {"y": 0, "yanchor": "bottom", "xanchor": "left", "xshift": 4}
    return line, words


def _key(name: str, marker: Figure) -> Figure:
    return {
        "type": "scatter",
        "x": [None],
        "y": [None],
        "mode": "markers",
        "name": name,
        "marker": marker,
        "hoverinfo": "skip",
    }
