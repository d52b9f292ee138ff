"""Evaluations beside benchmarks: which run of `uic eval` was of the model that a configuration is of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from unified_intelligence.dashboard.results import Result, object_of
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.evaluation.folder import RUN, read_run
from unified_intelligence.evaluation.metrics import is_complete
from unified_intelligence.evaluation.record import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An evaluation: the share right with its 95 % interval, of `n` samples. `whole` says that all were answered."""

    name: str
    suite: str
    models: frozenset[str]
    accuracy: float
    lo: float
    hi: float
    n: int
    whole: bool
    when: str

    @property
    def label(self) -> str:
        return self.name if self.whole else f"{self.name} · incomplete"


@dataclass(frozen=True, slots=True)
class Evaluations:
    """The latest first; `broken` says of each folder that cannot be read what is wrong with it."""

    judged: tuple[Judged, ...]
    broken: tuple[str, ...]


def read_evaluations(folder: Path) -> Evaluations:
    judged: list[Judged] = []
    broken: list[str] = []
    found = sorted(folder.glob(f"*/{RUN}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found:
        try:
            own = _judged(str(path.parent), path.stat().st_mtime_ns)
        except (ConfigurationError, OSError) as error:
            broken.append(f"{error} Its figures are left out.")
            continue
        judged += [own] if own is not None else []
    return Evaluations(tuple(judged), tuple(broken))


def matching(result: Result, judged: Sequence[Judged], suite: str) -> Judged | None:
    """The latest evaluation of the same model in that suite; a model is known by its name, with or without its owner.

    A whole one stands before one that is incomplete.
    """
    wanted = models_of(result)
    able = [own for own in judged if own.suite == suite and own.models & wanted]
    return next((own for own in able if own.whole), able[0] if able else None)


def models_of(result: Result) -> frozenset[str]:
    """The names that the model of a benchmark may go by."""
    provider = object_of(result.depends_on, "provider")
    return _names([result.model or str(provider.get("name", ""))])


def _names(told: Iterable[str | None]) -> frozenset[str]:
    found: set[str] = set()
    for name in filter(None, told):
        plain = name.strip().rstrip("/").casefold()
        found |= {plain, plain.rpartition("/")[2]} - {""}
    return frozenset(found)


@lru_cache(maxsize=1024)
def _judged(folder: str, _state: int) -> Judged | None:
    run = read_run(Path(folder))
    metric = run.metric("accuracy")
    if metric is None or metric.value is None:
        return None
    lo, hi = (metric.ci.lo, metric.ci.hi) if metric.ci else (metric.value, metric.value)
    return Judged(
        name=run.name,
        suite=run.dataset.name,
        models=_models(run),
        accuracy=metric.value,
        lo=lo,
        hi=hi,
        n=metric.n,
        whole=is_complete(run),
        when=run.started_at,
    )


def _models(run: Run) -> frozenset[str]:
    """A provider's own name stands for its model only where none is named."""
    named = [run.model.id, *(str(own) for name, own in run.model.options.items() if name == "model" and own)]
    told = [own for own in named if own]
    return _names(told or [run.model.told.get("model") or run.model.provider])
