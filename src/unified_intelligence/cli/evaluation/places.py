"""Where runs are: a name stands for a folder among the runs, a path for itself."""

from __future__ import annotations

import re
from pathlib import Path

from unified_intelligence.cli.output import Output
from unified_intelligence.config.places import data_cache, runs_folder
from unified_intelligence.entities.errors import UnknownNameError
from unified_intelligence.evaluation.folder import RUN


def runs_of(output: Output, given: str | None) -> Path:
    """The folder of all runs."""
    if given:
        return Path(given).expanduser()
    return runs_folder(output.environment.home, output.environment.get("XDG_DATA_HOME"))


def cache_of(output: Output) -> Path:
    return data_cache(output.environment.home, output.environment.get("XDG_CACHE_HOME"))


def names(runs: Path) -> list[str]:
    """All runs there, the latest first."""
    found = [path.parent for path in runs.glob(f"*/{RUN}")]
    return [path.name for path in sorted(found, key=lambda path: (path / RUN).stat().st_mtime, reverse=True)]


def folder_of(output: Output, run: str, given: str | None) -> Path:
    """The folder of a run. Raises UnknownNameError with the nearest names."""
    path = Path(run).expanduser()
    if path.name == RUN:
        path = path.parent
    if (path / RUN).is_file():
        return path
    runs = runs_of(output, given)
    if (runs / run / RUN).is_file():
        return runs / run
    raise UnknownNameError("run", run, names(runs), hint="All runs: uic eval show")


def slug(text: str) -> str:
    """A name for a folder."""
    return re.sub(r"[^\w.+-]+", "-", text).strip("-.") or "run"


def free_name(runs: Path, name: str) -> str:
    """The name, or the first of NAME-2, NAME-3 and so on that no run has."""
    taken, number, found = set(names(runs)), 2, name
    while found in taken:
        found, number = f"{name}-{number}", number + 1
    return found
