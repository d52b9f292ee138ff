"""What every view is put together from, on Streamlit: a question, its plot, what is left out, a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any, TypeVar

import streamlit as st

from unified_intelligence.dashboard.drawing import Figure
from unified_intelligence.dashboard.results import Result
from unified_intelligence.dashboard.words import escaped

# Whole before anything is drawn: each click is a thread, and Plotly takes a pandas that another one half imported.
for _library in ("pandas", "plotly.graph_objects"):
    import_module(_library)
_page: Any = st  # its types are those of libraries that need not be here
_Choice = TypeVar("_Choice")
_MOST, _REASONS = 4, 2


def question(text: str, how: str) -> None:
    """What the plot answers, and how it is read."""
    st.markdown(f"#### {text}")
    st.caption(escaped(how))


def plot(shown: Figure, key: str, said: str) -> None:
    """`said` is for who cannot see it."""
    _page.plotly_chart(shown, key=key, alt=said, config={"displayModeBar": False, "responsive": True})


def table(rows: Sequence[dict[str, Any]], key: str) -> None:
    _page.dataframe(list(rows), hide_index=True, key=key, height="content" if len(rows) <= 10 else "auto")


def nothing(text: str) -> None:
    """Says what to do where there is no plot."""
    st.info(escaped(text))


def remarks(said: Iterable[str]) -> None:
    for own in dict.fromkeys(said):
        st.caption(f"⚠ {escaped(own)}")


def warn_of_invalid(results: Sequence[Result]) -> None:
    """A warning over every view in which there are INVALID runs."""
    bad = [own for own in results if not own.valid]
    if not bad:
        return
    why = len(bad) <= _REASONS
    told = [f"**{escaped(own.name)}**" + (f", {escaped(own.why)}" if why else "") for own in bad[:_MOST]]
    more = [f"and {len(bad) - _MOST} more"] if len(bad) > _MOST else []
    count = f"{len(bad)} of {len(results)} runs {'is' if len(bad) == 1 else 'are'} INVALID, and marked so in every plot"
    st.warning(f"{count}: {'; '.join([*told, *more])}.")


def choose(
    label: str, options: Sequence[_Choice], key: str, place: int = 0, say: Callable[[_Choice], str] = str
) -> _Choice:
    """Lets the user choose one of at least one; the choice is kept in the page's address."""
    place = min(place, len(options) - 1)
    chosen = st.selectbox(label, options, index=place, key=key, bind="query-params", format_func=say)
    return options[place] if chosen is None else chosen
