"""`uic bench dashboard`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unified_intelligence.cli.bench.places import runs_of
from unified_intelligence.cli.evaluation.places import runs_of as evaluations_of
from unified_intelligence.cli.output import Output
from unified_intelligence.entities.errors import InvalidRequestError

_HIGHEST = 65535


def show_dashboard(output: Output, given: Mapping[str, Any]) -> int:
    """Until a signal ends it. Raises what `dashboard.start.run` raises, InvalidRequestError for a port that is none."""
    from unified_intelligence.dashboard.start import run

    folder, evaluations = runs_of(output, given["runs"]), evaluations_of(output, given["evaluations"])

    def ready(address: str) -> None:
        output.note(f"{address} shows the runs in {folder}. Ctrl-C ends it.")

    return run(_whole(folder), _whole(evaluations), _port(given["port"]), ready)


def _whole(folder: Path) -> Path:
    """From the root: Streamlit looks at it from where it likes."""
    return folder.expanduser().absolute()


def _port(text: str | None) -> int:
    if text is None:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) <= _HIGHEST):
        raise InvalidRequestError(
            f"--port is a whole number from 0 to {_HIGHEST}, not {text!r}.", hint="See: uic bench dashboard --help"
        )
    return int(text)
