"""Two runs held against each other, once: drawing their requests again and again takes a second or more."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from unified_intelligence.benchmark.compare import Comparison, compare
from unified_intelligence.benchmark.store import Stored
from unified_intelligence.dashboard.results import result_of, rows_of, state_of_rows


def compared(folder: Path, first: str, second: str) -> Comparison:
    """Compares two runs by their names. Raises ConfigurationError where one has no rows."""
    states = (*state_of_rows(folder, first), *state_of_rows(folder, second))
    return _compared(str(folder), first, second, *states)


@lru_cache(maxsize=32)
def _compared(folder: str, first: str, second: str, *_state: int) -> Comparison:
    one, other = (_stored(Path(folder), name) for name in (first, second))
    return compare(one, other)


def _stored(folder: Path, name: str) -> Stored:
    rows = rows_of(folder, name)
    own = result_of(folder, name)
    return Stored(own.metrics, {"depends_on": dict(own.depends_on)}, list(rows))
