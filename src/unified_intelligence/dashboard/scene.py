"""What is looked at: the runs that were picked, their limits, and what the views have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unified_intelligence.benchmark.metrics import Goodput
from unified_intelligence.benchmark.row import Row
from unified_intelligence.dashboard.curves import Knee, goodput, knee
from unified_intelligence.dashboard.drawing import Style
from unified_intelligence.dashboard.results import CLOSED, OPEN, Found, Result, load_said, rows_of
from unified_intelligence.entities.errors import ConfigurationError

FIRST = 8  # configurations that are drawn before anybody chose
_PICKED = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """`results` are those that were picked, in the order of their configurations and loads; `slo` in ms by figure."""

    folder: Path
    evaluations: Path
    found: Found
    results: Sequence[Result]
    styles: Mapping[str, Style]
    slo: Mapping[str, float]
    share: float

    def series(self, kind: str) -> dict[str, list[Result]]:
        """Results by configuration, those with a place on an axis of loads."""
        series: dict[str, list[Result]] = {}
        for own in self.results:
            if own.axis == kind:
                series.setdefault(own.configuration, []).append(own)
        return series

    def rows(self, results: Iterable[Result]) -> tuple[list[tuple[Result, tuple[Row, ...]]], list[str]]:
        """The rows of the results that have any; and a sentence about each other result."""
        found: list[tuple[Result, tuple[Row, ...]]] = []
        said: list[str] = []
        for own in results:
            try:
                found.append((own, rows_of(self.folder, own.name)))
            except ConfigurationError as error:
                said.append(error.message)
        return found, said

    def goods(self, results: Iterable[Result]) -> tuple[dict[str, Goodput | None], list[str]]:
        """The goodput of each under the limits, by its name; rows are read where the run's own limits were others."""
        found: dict[str, Goodput | None] = {}
        said: list[str] = []
        for own in results:
            good = goodput(own, None, self.slo)
            if good is None and self.slo:
                rows, why = self.rows([own])
                good = goodput(own, rows[0][1] if rows else None, self.slo)
                said += why
            found[own.name] = good
        return found, said


def knees(series: Mapping[str, Sequence[Result]], good: Mapping[str, Goodput | None], share: float) -> dict[str, Knee]:
    """The knee of each configuration; those of which nothing can be said are left out."""
    found = {name: knee([(own, good.get(own.name)) for own in mine], share) for name, mine in series.items()}
    return {name: own for name, own in found.items() if own is not None}


def kinds(results: Iterable[Result]) -> list[str]:
    """The axes of loads on which there is something."""
    present = {own.axis for own in results}
    return [kind for kind in (CLOSED, OPEN) if kind in present]


def pick(found: Found, group: str, configurations: Sequence[str], loads: Sequence[str], *, valid: bool) -> list[Result]:
    """The results that were chosen; of groups and of loads, nothing chosen is everything."""
    picked = [
        own
        for own in found.results
        if (not group or own.group == group)
        and own.configuration in configurations
        and (not loads or load_said(own.metrics.load) in loads)
        and (own.valid or not valid)
    ]
    return sorted(picked, key=lambda own: (own.configuration, own.axis, own.place, own.name))


def likely(results: Sequence[Result]) -> list[str]:
    """The names to compare first: each configuration at the load that most were measured at, or at its highest.

    Of one configuration, its loads.
    """
    configurations = {own.configuration for own in results}
    if len(configurations) < 2:
        return [own.name for own in _spread(results)]
    loads: dict[str, set[str]] = {}
    for own in results:
        loads.setdefault(load_said(own.metrics.load), set()).add(own.configuration)
    if max(map(len, loads.values())) < 2:
        return _highest(results)
    best = max(loads, key=lambda load: (len(loads[load]), _valid(results, load), load))
    return [own.name for own in results if load_said(own.metrics.load) == best][:_PICKED]


def common_slo(results: Iterable[Result]) -> str:
    """The limits that most runs had, as `--slo` takes them; "" for none."""
    told: dict[str, int] = {}
    for own in results:
        if own.metrics.goodput is not None:
            text = ",".join(f"{name}={value:g}ms" for name, value in own.metrics.goodput.slo.items())
            told[text] = told.get(text, 0) + 1
    return max(told, key=lambda text: told[text], default="")


def _highest(results: Iterable[Result]) -> list[str]:
    """The highest load of each configuration, a valid one where there is any."""
    found: dict[str, Result] = {}
    for own in results:
        known = found.get(own.configuration)
        if known is None or (own.valid, own.place) > (known.valid, known.place):
            found[own.configuration] = own
    return [own.name for own in found.values()][:_PICKED]


def _spread(results: Sequence[Result]) -> Sequence[Result]:
    if len(results) <= _PICKED:
        return results
    step = (len(results) - 1) / (_PICKED - 1)
    return [results[round(step * number)] for number in range(_PICKED)]


def _valid(results: Iterable[Result], load: str) -> int:
    return sum(own.valid for own in results if load_said(own.metrics.load) == load)
