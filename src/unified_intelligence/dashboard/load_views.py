"""Views of runs as points: what is gained and paid at each load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from unified_intelligence.benchmark.cost import ZERO_GPU, Use
from unified_intelligence.benchmark.metrics import Goodput
from unified_intelligence.dashboard import load_plots, tables
from unified_intelligence.dashboard.curves import front, point_of
from unified_intelligence.dashboard.drawing import Figure, axis
from unified_intelligence.dashboard.money import Priced, cheapest, offers, price
from unified_intelligence.dashboard.quality import Judged, matching, read_evaluations
from unified_intelligence.dashboard.results import Result, load_said
from unified_intelligence.dashboard.scene import Scene, kinds, knees
from unified_intelligence.dashboard.showing import choose, nothing, plot, question, remarks, table
from unified_intelligence.dashboard.words import dollars, escaped, percent, thin, time_said
from unified_intelligence.spaces.cost import table as price_table

_NO_AXIS = (
    "These runs are ramps or traces, which have no place on an axis of loads. Measure some with --concurrency 1,4,16."
)
_PRICE, _SAME = "l4x1", "the one above"


def show_runs(scene: Scene) -> None:
    question(
        "Which runs are there?", "The latest first. A click on a heading sorts; what is picked at the side is drawn."
    )
    latest = sorted(scene.results, key=lambda own: own.metrics.created, reverse=True)
    table(tables.runs(latest), "runs table")


def show_pareto(scene: Scene) -> None:
    question(
        "How much does a GPU give, and how fast does a reader get it?",
        "Up and right is better. A reader's speed is 1000 / median ms per output token. The label is the load: c16 is "
        "16 requests at once, r10 is 10 a second.",
    )
    gpus = _gpus(scene)
    points = [point for own in scene.results if (point := point_of(own, gpus[own.configuration]))]
    if not points:
        nothing("No answer here has two tokens, so it has no speed. Measure longer answers: --max-tokens 128.")
        return
    best = front(points)
    said = f"{len(points)} runs, {len(best)} of them beaten by no other in both"
    plot(load_plots.pareto(points, best, scene.styles), "pareto", said)
    left_out = len(scene.results) - len(points)
    remarks([f"Left out for answers of fewer than two tokens, or none: {left_out} of the runs."] if left_out else [])


def show_load(scene: Scene) -> None:
    kind = _kind(scene)
    if kind is None:
        return
    series = scene.series(kind)
    question(
        "How much is answered at each load, and where is the knee?",
        "The knee is the highest load up to which every measured one kept the limits.",
    )
    if scene.slo:
        good, said = scene.goods(own for mine in series.values() for own in mine)
        found = knees(series, good, scene.share)
        plot(
            load_plots.goodput(series, good, found, scene.styles, kind), "goodput", "Requests a second against the load"
        )
        limits = ", ".join(f"{name} ≤ {time_said(value)}" for name, value in scene.slo.items())
        st.caption(escaped(f"Limits: {limits}, kept by at least {percent(scene.share)} of the requests."))
        table(tables.knees(found, good), "knees table")
        remarks(said)
    else:
        nothing("There are no limits, so there is no knee. Write some at the side, such as ttft=500ms,e2e=2s.")
    question("How many tokens are written at each load?", "Of all requests under way together.")
    plot(load_plots.throughput(series, scene.styles, kind), "throughput", "Tokens a second against the load")


def show_costs(scene: Scene) -> None:
    kind = _kind(scene)
    if kind is None:
        return
    question(
        "What do a million tokens cost within the limits?",
        "Only answers within the limits count; failed and late ones are paid for and bring nothing.",
    )
    series = scene.series(kind)
    good, said = scene.goods(own for mine in series.values() for own in mine)
    priced = _priced(scene, series, good)
    every = [own for mine in priced.values() for own in mine]
    if all(own.dollars is None for own in every):
        nothing(
            "No run here has a cost: " + next((own.said for own in every if own.said), "nothing was answered") + "."
        )
    else:
        plot(load_plots.costs(priced, scene.styles, kind), "costs", "Dollars for a million tokens against the load")
        best = cheapest(every)
        if best is not None:
            where = f"{best.result.configuration}, {load_said(best.result.metrics.load)}"
            st.markdown(
                f"Cheapest within the limits: **{escaped(where)}**, {escaped(dollars(best.dollars))} for 1M tokens."
            )
        elif scene.slo:
            nothing("No valid run kept the limits: there is nothing cheap here. Loosen them, or measure a lower load.")
    table(tables.costs(every, good), "costs table")
    for source in dict.fromkeys(own.cost.source for own in every if own.cost):
        st.caption(escaped(f"Price: {source}"))
    remarks(said)


def show_quality(scene: Scene) -> None:
    question("Is the cheaper one also the worse one?", "Evaluations of uic eval beside the runs of the same model.")
    found = read_evaluations(scene.evaluations)
    if not found.judged:
        nothing(f"There are no evaluations in {scene.evaluations}. One is made by: uic eval run SUITE --provider NAME")
        remarks(found.broken)
        return
    suites = list(dict.fromkeys(own.suite for own in found.judged))
    first, second = st.columns(2)
    with first:
        suite = choose("Suite", suites, "suite")
    with second:
        against = choose("Against", list(_AXES), "against")
    joined, lacking = _joined(scene, found.judged, suite, against)
    if joined:
        plot(
            load_plots.quality([(*own, _said(own[2], against)) for own in joined], scene.styles, _AXES[against]),
            "quality",
            f"Share right in {suite} against {against}",
        )
        table([
            {
                "configuration": own.configuration, "run": own.label, "evaluation": judged.label,
                "right": percent(judged.accuracy), "95 % interval": f"{percent(judged.lo)} … {percent(judged.hi)}",
                "samples": judged.n, against: _said(value, against),
            }
            for own, judged, value in joined
        ], "quality table")  # fmt: skip
    else:
        models = ", ".join(sorted({name for own in found.judged if own.suite == suite for name in own.models}))
        nothing(
            f"No run that is picked is of a model that {suite} was asked of: {models}. Measure one, or pick others."
        )
    remarks([f"{name} is not drawn: no valid run of it kept the limits." for name in lacking])
    remarks(found.broken)


def _said(value: float, against: str) -> str:
    if against == _COST:
        return f"{dollars(value)} for 1M tokens"
    return f"TTFT p50 {time_said(value)}" if against == _FIRST_TOKEN else f"{thin(value)} tokens/s a reader"


_COST, _SPEED, _FIRST_TOKEN = "cost", "speed of a reader", "time to first token"
_AXES: Mapping[str, Figure] = {
    _COST: load_plots.price_axis(),
    _SPEED: axis("tokens a second that one reader gets", rangemode="tozero"),
    _FIRST_TOKEN: axis("TTFT p50, ms", rangemode="tozero"),
}


def _joined(
    scene: Scene, judged: Sequence[Judged], suite: str, against: str
) -> tuple[list[tuple[Result, Judged, float]], list[str]]:  # fmt: skip
    """A configuration once: at its cheapest load within the limits, or else at the first that says something.

    And the names of those that have no such run.
    """
    series: dict[str, list[Result]] = {}
    for own in scene.results:
        if matching(own, judged, suite) is not None:
            series.setdefault(own.configuration, []).append(own)
    if against == _COST:
        good, _ = scene.goods(own for mine in series.values() for own in mine)
        priced = _priced(scene, series, good) if series else {}
        best = {name: cheapest(mine) for name, mine in priced.items()}
        chosen = {name: (own.result, own.dollars) for name, own in best.items() if own is not None}
    else:
        chosen = {name: _first(mine, against) for name, mine in series.items()}
    found: list[tuple[Result, Judged, float]] = []
    for own, value in chosen.values():
        fitting = matching(own, judged, suite)
        if fitting is not None and value is not None:
            found.append((own, fitting, value))
    drawn = {own.configuration for own, _, _ in found}
    return found, [name for name in series if name not in drawn]


def _first(mine: Sequence[Result], against: str) -> tuple[Result, float | None]:
    for own in sorted(mine, key=lambda own: not own.valid):
        point, ttft = point_of(own, 1), own.metrics.ttft_ms
        value = (point.reader if point else None) if against == _SPEED else (ttft.p50 if ttft else None)
        if value is not None:
            return own, value
    return mine[0], None


def _kind(scene: Scene) -> str | None:
    """The axis of loads: asked for where there are two."""
    able = kinds(scene.results)
    if not able:
        nothing(_NO_AXIS)
        return None
    return able[0] if len(able) == 1 else choose("Load", able, "axis")


def _gpus(scene: Scene) -> Mapping[str, int]:
    """GPUs by configuration: as its runs say, else as somebody types it."""
    told = {own.configuration: own.gpus for own in scene.results}
    unknown = [name for name, count in told.items() if not count]
    if unknown:
        with st.expander(f"GPUs of each configuration: 1 is assumed of {len(unknown)}"):
            for name in unknown:
                told[name] = int(st.number_input(escaped(name), min_value=1, value=1, step=1, key=f"gpus {name}"))
    return told


def _priced(
    scene: Scene, series: Mapping[str, Sequence[Result]], good: Mapping[str, Goodput | None]
) -> dict[str, list[Priced]]:  # fmt: skip
    prices = price_table()
    known = offers(prices)
    first, second = st.columns(2)
    with first:
        where = _price("Price of the machine", known, _PRICE, "price")
    with second:
        used = st.slider(
            "Used, of the billed time", 5, 100, 100, step=5, format="%d %%", key="used", bind="query-params"
        )  # fmt: skip
    places = dict.fromkeys(series, where)
    if len(series) > 1:
        with st.expander("Another price for one of them"):
            for name in series:
                own = _price(escaped(name), {_SAME: _SAME, **known}, _SAME, f"price {name}")
                places[name] = where if own == _SAME else own
    if ZERO_GPU in places.values():
        quota = ", ".join(f"{who} {seconds / 60:g} min" for who, seconds in prices["zero_gpu"]["seconds_a_day"].items())
        st.caption(escaped(f"ZeroGPU is so much GPU time a day for a caller, never unlimited: {quota}."))
    use = Use(utilisation=used / 100 if used < 100 else 0.0)
    return {
        name: price([(own, good.get(own.name)) for own in mine], places[name], use, prices, scene.share)
        for name, mine in series.items()
    }


def _price(label: str, known: Mapping[str, str], first: str, key: str) -> str:
    """A price of the file, or what somebody types."""
    names = list(known)

    def said(name: str) -> str:
        return known.get(name, name)

    chosen = st.selectbox(
        label, names, index=names.index(first), key=key, bind="query-params", format_func=said, accept_new_options=True,
        help="Or your own, such as 2.50/h; or of an API, for 1M tokens read and written: 0.5,1.5",
    )  # fmt: skip
    return str(chosen or first)
