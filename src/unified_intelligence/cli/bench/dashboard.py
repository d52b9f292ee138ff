"""`uic bench dashboard`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unified_intelligence.cli.bench.places import runs_of
from unified_intelligence.cli.evaluation.places import runs_of as evaluations_of
from unified_intelligence.cli.numbers import HIGHEST_PORT, whole
from unified_intelligence.cli.output import Output


def show_dashboard(output: Output, given: Mapping[str, Any]) -> int:
    """Until a signal ends it. Raises what `dashboard.start.run` raises, InvalidRequestError for a port that is none."""
    from unified_intelligence.dashboard.start import run

    folder, evaluations = runs_of(output, given["runs"]), evaluations_of(output, given["evaluations"])

    def ready(address: str) -> None:
        output.note(f"{address} shows the runs in {folder}. Ctrl-C ends it.")

    port = whole("bench dashboard", given, "port", 0, least=0, most=HIGHEST_PORT)
    return run(_from_root(folder), _from_root(evaluations), port, ready)


def _from_root(folder: Path) -> Path:
    """From the root: Streamlit looks at it from where it likes."""
    return folder.expanduser().absolute()
