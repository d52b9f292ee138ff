"""Views of the requests of runs: latencies, time, failures, the client, answers, two runs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from unified_intelligence.benchmark.health import DELIVERED
from unified_intelligence.benchmark.row import Row
from unified_intelligence.dashboard import request_plots, tables
from unified_intelligence.dashboard.answers import Pair, differs, pairs, texts
from unified_intelligence.dashboard.change import compared
from unified_intelligence.dashboard.curves import Drift, drift, moments, parts_of
from unified_intelligence.dashboard.drawing import style_at
from unified_intelligence.dashboard.results import Found, Result, asked_of, measured
from unified_intelligence.dashboard.scene import Scene, likely
from unified_intelligence.dashboard.showing import choose, nothing, plot, question, remarks, table
from unified_intelligence.dashboard.words import escaped, thin, time_said

_MOST_ROWS = 24
_BUSY, _LITTLE = 0.85, 0.05
_SHARE = {"tickformat": ".0%"}


def show_latencies(scene: Scene) -> None:
    drawn, said = _drawn(scene)
    for figure, title, text in (
        ("ttft_ms", "time to first token", "How long until the first token?"),
        ("e2e_ms", "whole answer", "How long until the last?"),
    ):
        question(
            text,
            "The share of the answers that took at most so long. Left and steep is better; failures are in no line.",
        )
        shown = [
            (
                own,
                [value for row in measured(rows) if not row.error and (value := getattr(row, figure)) is not None],
                style,
            )
            for place, (own, rows) in enumerate(drawn)
            for style in (style_at(place),)
        ]
        shown = [own for own in shown if own[1]]
        if shown:
            limit = scene.slo.get(figure.removesuffix("_ms"))
            plot(request_plots.spread(shown, title, limit), figure, f"Share of the answers against the {title}")
        else:
            nothing("Nothing was answered in the runs that are drawn: see their failures, or choose others.")
    told = [own for own, _ in drawn if parts_of(own.metrics)]
    if told:
        question("Where does an answer's time go?", "As its server told: a Gradio Space, or a header Server-Timing.")
        plot(request_plots.shared_out(told), "shared out", "Mean time of an answer by what it was spent on")
    remarks(said)


def show_time(scene: Scene) -> None:
    question(
        "Does it get slower while it runs?",
        "Each dot is a request; hollow ones are of the warm-up. The line is the median of each stretch.",
    )
    drawn, said = _drawn(scene)
    found = [(own, moments(rows), style_at(place)) for place, (own, rows) in enumerate(drawn)]
    found = [own for own in found if own[1]]
    if not found:
        nothing("Nothing was answered in the runs that are drawn: see their failures, or choose others.")
        remarks(said)
        return
    shown, coarse = request_plots.over_time(found)
    plot(shown, "time", "Time to first token over the time of the runs")
    if coarse > 1:
        remarks([f"Of {coarse} requests that follow each other the slowest is drawn. The lines are of all."])
    table([_drifted(own, drift(points)) for own, points, _ in found], "drift table")
    remarks(said)


def show_failures(scene: Scene) -> None:
    question("What failed, and why?", "The share of each run's requests, by cause.")
    bad = [own for own in scene.results if own.metrics.failures]
    requests = sum(own.metrics.counts["measured"] for own in scene.results)
    if bad:
        plot(request_plots.failures(bad[:_MOST_ROWS]), "failures", "Share of failed requests by cause")
        if len(bad) < len(scene.results):
            st.caption(f"The other {len(scene.results) - len(bad)} runs have no failed request.")
        table(tables.failures(bad), "failures table")
    else:
        st.success(f"Nothing failed: {thin(requests, 9)} requests of {len(scene.results)} runs were answered.")
    show_attempts(scene.found)


def show_attempts(found: Found) -> None:
    if found.failed:
        question("Which servers of a sweep never answered?", "The last try at each.")
        table(tables.attempts(found.failed), "attempts table")


def show_health(scene: Scene) -> None:
    question(
        "Can the figures be believed?",
        "What the client says of itself. The dotted line is where it becomes too much; a cross is an INVALID run.",
    )
    latest = sorted(scene.results, key=lambda own: own.metrics.created, reverse=True)
    shown = latest[:_MOST_ROWS]
    told = [own.metrics.health for own in shown]
    left, right = st.columns(2)
    with left:
        late = [own.lag_p99_ms / own.lag_limit_ms if own.lag_limit_ms else None for own in told]
        _strip(shown, late, 1.0, "schedule lag p99 / allowed", "lag")
        _strip(shown, [own.cpu for own in told], _BUSY, "CPU of a core, busiest process", "cpu")
    with right:
        sent = [own.delivered / own.asked if own.asked else None for own in told]
        _strip(shown, sent, DELIVERED, "sent / asked", "sent")
        law = [own.in_flight / own.rate_times_latency if own.rate_times_latency else None for own in told]
        _strip(shown, law, 1.0, "counted / rate × latency", "law")
    if len(latest) > _MOST_ROWS:
        remarks([f"The latest {_MOST_ROWS} of {len(latest)} runs are drawn."])
    st.caption(
        "Lag makes only an open load INVALID. Sent is requests a second of an open load, requests under way of a "
        "closed one; no mark: too short to tell. Little's law says that the last is 100 %; from "
        f"{_LITTLE:.0%} off it is in doubt."
    )
    table(tables.health(latest), "health table")


def show_answers(scene: Scene) -> None:
    question("What does each say to the same prompt?", "The first answer of each run to a prompt that both were asked.")
    both = _two(scene)
    if both is None:
        return
    first, second = both
    said = differs(first, second)
    if said:
        nothing(said)
        return
    drawn, missing = scene.rows(both)
    if missing:
        remarks(missing)
        return
    asked = {**texts(first), **asked_of(scene.folder, first.name)}
    found = pairs(measured(drawn[0][1]), measured(drawn[1][1]), asked)
    if not found:
        nothing("No prompt was asked in both runs. Measure more requests, so that the prompts come round.")
        return
    same = sum(own.same for own in found)
    st.caption(f"{len(found)} prompts were asked in both; {same} answers are the same, letter by letter.")
    if st.toggle("Only where the answers differ", key="different", bind="query-params"):
        found = [own for own in found if not own.same]
    if not found:
        nothing("All answers are the same.")
        return
    by_prompt = {own.prompt: own for own in found}
    own = by_prompt[choose("Prompt", list(by_prompt), "prompt", say=lambda number: _prompt_said(by_prompt.get(number)))]
    st.markdown("**Asked**")
    st.code(own.asked or "The run did not keep what was asked.", language=None, wrap_lines=True)
    for column, result, row in zip(st.columns(2), both, (own.first, own.second), strict=True):
        with column:
            _answer(result, row)


def show_change(scene: Scene) -> None:
    question(
        "Is B really faster than A, or is it noise?",
        "Where the interval of the difference holds 0, it may be noise. It knows the noise inside the two runs, not "
        "that of two days.",
    )
    both = _two(scene)
    if both is None:
        return
    _, missing = scene.rows(both)
    if missing:
        remarks(missing)
        return
    with st.spinner("The requests of both are drawn again and again..."):
        found = compared(scene.folder, both[0].name, both[1].name)
    for why in found.invalid:
        st.warning(f"INVALID: {escaped(why)}")
    if not any(own.before for own in found.changes):
        nothing("There is nothing to compare: one of the runs answered nothing.")
        return
    plot(request_plots.changes(found.changes), "change", "Change of each figure with its interval")
    table(tables.changes(found), "change table")
    if found.changed:
        with st.expander(f"What was not the same: {', '.join(found.changed)}"):
            for name, (one, other) in found.changed.items():
                st.markdown(f"**{escaped(name)}**")
                st.code(f"A: {one}\nB: {other}", language=None, wrap_lines=True)


def _drawn(scene: Scene) -> tuple[list[tuple[Result, tuple[Row, ...]]], list[str]]:
    """The runs that somebody chose to look into; the ones that are likely to be, at first."""
    names = [own.name for own in scene.results]
    chosen = st.multiselect(
        "Runs drawn", names, default=likely(scene.results), key="drawn", bind="query-params", max_selections=8
    )  # fmt: skip
    return scene.rows(own for own in scene.results if own.name in chosen)


def _two(scene: Scene) -> tuple[Result, Result] | None:
    if len(scene.results) < 2:
        nothing("Two runs are needed. Pick more at the side, or measure another: uic bench run --url URL --name OTHER")
        return None
    results = list(scene.results)
    first = likely([own for own in results if own.valid]) or [own.name for own in results]
    places = [next(place for place, own in enumerate(results) if own.name == name) for name in first[:2]]
    places = places if len(places) == 2 else [0, 1]
    names = [own.name for own in results]
    labels = {own.name: own.label for own in results}

    def said(name: str) -> str:
        return labels.get(name, name)

    left, right = st.columns(2)
    with left:
        one = choose("A", names, "a", places[0], said)
    with right:
        other = choose("B", names, "b", places[1], said)
    by_name = {own.name: own for own in results}
    return by_name[one], by_name[other]


def _strip(results: Sequence[Result], values: Sequence[float | None], limit: float, title: str, key: str) -> None:
    plot(request_plots.health(results, values, limit, title, _SHARE), f"health {key}", title)


def _drifted(own: Result, found: Drift | None) -> dict[str, str]:
    if found is None:
        return {"run": own.label, "verdict": "too few requests to tell: 30 are needed"}
    return {
        "run": own.label,
        "median, warm-up": time_said(found.warmup_ms),
        "first third": time_said(found.first_ms),
        "last third": time_said(found.last_ms),
        "99 % interval of the change": f"{time_said(found.lower)} … {time_said(found.upper)}",
        "verdict": found.verdict,
    }


def _prompt_said(own: Pair | None) -> str:
    if own is None:
        return ""
    words = " ".join(own.asked.split())
    return f"{own.prompt}: {words[:80]}" if words else str(own.prompt)


def _answer(result: Result, row: Row) -> None:
    st.markdown(f"**{escaped(result.label)}**")
    if row.error:
        st.error(escaped(f"{row.error}: {row.message}"))
        return
    times = f"TTFT {time_said(row.ttft_ms)}, whole {time_said(row.e2e_ms)}"
    st.caption(escaped(f"{times}, {thin(row.tokens)} tokens, end: {row.finish or '–'}"))
    if row.reasoning:
        with st.expander("Reasoning"):
            st.code(row.reasoning, language=None, wrap_lines=True)
    st.code(row.text or row.tools or "(no text)", language=None, wrap_lines=True)
