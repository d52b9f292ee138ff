"""What every view is put together from, on Streamlit: a question, its plot, what is left out, a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import streamlit as st

from unified_intelligence.dashboard.drawing import Figure
from unified_intelligence.dashboard.results import Result
from unified_intelligence.dashboard.words import escaped

_Choice = TypeVar("_Choice")
_MOST = 4


def question(text: str, how: str) -> None:
    """What the plot answers, and how it is read."""
    st.subheader(text, anchor=False)
    st.caption(escaped(how))


def plot(shown: Figure, key: str, said: str) -> None:
    """`said` is for who cannot see it."""
    st.plotly_chart(shown, key=key, alt=said, config={"displayModeBar": False, "responsive": True})


def table(rows: Sequence[dict[str, Any]], key: str) -> None:
    st.dataframe(list(rows), hide_index=True, key=key, height="content" if len(rows) <= 10 else "auto")


def nothing(text: str) -> None:
    """There is no plot; the text says what to do."""
    st.info(escaped(text))


def remarks(said: Iterable[str]) -> None:
    for own in dict.fromkeys(said):
        st.caption(f"⚠ {escaped(own)}")


def warn_of_invalid(results: Sequence[Result]) -> None:
    """Over every view in which there are any."""
    bad = [own for own in results if not own.valid]
    if not bad:
        return
    told = [f"**{escaped(own.name)}**: {escaped(own.why)}" for own in bad[:_MOST]]
    more = [f"and {len(bad) - _MOST} more"] if len(bad) > _MOST else []
    st.warning(
        f"INVALID, and marked so wherever they are drawn: {len(bad)} of {len(results)} runs. "
        + " · ".join([*told, *more])
    )


def choose(label: str, options: Sequence[_Choice], key: str, place: int = 0, **more: Any) -> _Choice | None:
    """One of them, kept in the page's address; None of nothing."""
    if not options:
        return None
    return st.selectbox(label, options, index=min(place, len(options) - 1), key=key, bind="query-params", **more)
