"""Numbers and times as people read them: three digits, thin blanks between thousands, the unit that fits."""

from __future__ import annotations

import re
from math import floor, log10

THIN = "\u202f"
_MARKUP = re.compile(r"[!-/:-@[-`{-~]")


def thin(value: float | None, digits: int = 3) -> str:
    """`12 346`, `1.87`, `0.0123`; a dash for nothing."""
    if value is None:
        return "–"
    if not value:
        return "0"
    places = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{round(value, places):,.{places}f}".replace(",", THIN)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def time_said(ms: float | None) -> str:
    """Milliseconds up to ten seconds, seconds above."""
    if ms is None:
        return "–"
    return f"{thin(ms)}{THIN}ms" if abs(ms) < 10_000 else f"{thin(ms / 1000)}{THIN}s"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{thin(100 * share)}{THIN}%"


def dollars(value: float | None) -> str:
    return "–" if value is None else f"${thin(value)}"


def short(text: str) -> str:
    """Its beginning and its end, where it is too long for an axis: runs differ at their ends."""
    return text if len(text) <= 28 else f"{text[:11]}…{text[-16:]}"


def when(created: str) -> str:
    """`2026-11-21 09:30` of a stamp; UTC, as it is kept."""
    return created[:16].replace("T", " ")


def escaped(text: str) -> str:
    """The text so that Markdown shows it letter by letter: what a server said is no markup, and two prices are no
    formula.
    """
    return _MARKUP.sub(r"\\\g<0>", text)
