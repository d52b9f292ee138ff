"""The page: which runs are picked, and which question is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from unified_intelligence.benchmark.metrics import read_slo
from unified_intelligence.dashboard import load_views, request_views
from unified_intelligence.dashboard.drawing import styles
from unified_intelligence.dashboard.request_views import show_attempts
from unified_intelligence.dashboard.results import Found, load_said, read_folder
from unified_intelligence.dashboard.scene import FIRST, Scene, common_slo, pick
from unified_intelligence.dashboard.showing import nothing, remarks, warn_of_invalid
from unified_intelligence.dashboard.words import escaped, percent
from unified_intelligence.entities.errors import InvalidRequestError, UnifiedIntelligenceError

VIEWS: Mapping[str, Callable[[Scene], None]] = {
    "Runs": load_views.show_runs,
    "Pareto": load_views.show_pareto,
    "Load": load_views.show_load,
    "Latency": request_views.show_latencies,
    "Over time": request_views.show_time,
    "Cost": load_views.show_costs,
    "Failures": request_views.show_failures,
    "Client": request_views.show_health,
    "Answers": request_views.show_answers,
    "A and B": request_views.show_change,
    "Quality": load_views.show_quality,
}
_SHARES = (0.9, 0.95, 0.99, 0.999, 1.0)
_EXAMPLE = "uic bench run --url http://127.0.0.1:8000/v1 --concurrency 1,4,16 --slo ttft=500ms,e2e=2s"

_STYLE = """<style>
.stMainBlockContainer { padding-top: 4rem; padding-bottom: 3rem; }
@media (max-width: 40rem) { .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; } }
</style>"""


def show(folder: Path, evaluations: Path) -> None:
    """Draws it anew, from what lies in the folders now."""
    st.set_page_config("Benchmarks", layout="wide", initial_sidebar_state="auto")
    st.html(_STYLE)
    found = read_folder(folder)
    with st.sidebar:
        st.header("Benchmarks", anchor=False)
        st.caption(escaped(str(folder)))
        scene = _scene(folder, evaluations, found) if found.results else None
    if found.broken:
        with st.expander(f"{len(found.broken)} files cannot be read", expanded=not found.results):
            remarks(found.broken)
    if scene is None:
        nothing(f"There are no runs in {folder}. One is made by:")
        st.code(_EXAMPLE, language=None, wrap_lines=True)
        st.caption("Then read this page again. Another folder: uic bench dashboard --runs FOLDER")
        show_attempts(found)
        return
    view = st.segmented_control(
        "Question",
        list(VIEWS),
        default="Runs",
        key="view",
        bind="query-params",
        required=True,
        label_visibility="collapsed",
    )
    if not scene.results:
        nothing("Nothing is picked. Choose configurations and loads at the side.")
        return
    warn_of_invalid(scene.results)
    try:
        VIEWS[view or "Runs"](scene)
    except UnifiedIntelligenceError as error:
        st.error(escaped(f"{error.message} {error.hint}".strip()))


def _scene(folder: Path, evaluations: Path, found: Found) -> Scene:
    """What is picked, from the widgets at the side."""
    groups = sorted({own.group for own in found.results if own.group})
    group = ""
    if groups:
        group = st.selectbox(
            "Sweep", ["", *groups], key="sweep", bind="query-params", format_func=lambda own: own or "all runs"
        )
    inside = [own for own in found.results if not group or own.group == group]
    every = list(dict.fromkeys(own.configuration for own in inside))
    configurations = st.multiselect(
        "Configurations", every, default=every[:FIRST], key="configurations", bind="query-params", placeholder="none"
    )
    loads = dict.fromkeys(load_said(own.metrics.load) for own in sorted(inside, key=lambda own: (own.axis, own.place)))
    chosen = st.multiselect("Loads", list(loads), key="loads", bind="query-params", placeholder="all")
    valid = st.toggle("Leave out INVALID runs", key="valid", bind="query-params")
    results = pick(found, group, configurations, chosen, valid=valid)
    st.divider()
    slo = _limits(common_slo(results))
    share = st.select_slider(
        "kept by at least", _SHARES, 0.95, key="share", bind="query-params", format_func=percent,
        help="The share of a run's requests that must be within the limits; a failed one is not.",
    )  # fmt: skip
    if st.button("Read the folder again", width="stretch"):
        st.rerun()
    if len(every) > len(configurations):
        st.caption(f"{len(configurations)} of {len(every)} configurations are picked.")
    return Scene(
        folder=folder,
        evaluations=evaluations,
        found=found,
        results=results,
        styles=styles(sorted({own.configuration for own in found.results})),
        slo=slo,
        share=share,
    )


def _limits(told: str) -> Mapping[str, float]:
    text = st.text_input(
        "Limits", told, key="limits", bind="query-params", placeholder="ttft=500ms,e2e=2s",
        help="Of ttft, e2e, tpot and visible. At first those that the runs were measured with.",
    )  # fmt: skip
    try:
        return read_slo(text or "")
    except InvalidRequestError as error:
        st.error(escaped(f"{error.message} {error.hint}".replace("--slo: ", "")))
        return {}
