"""Where results of benchmarks are."""

from __future__ import annotations

import re
from pathlib import Path

from unified_intelligence.cli.output import Output
from unified_intelligence.config.places import benchmarks_folder


def runs_of(output: Output, given: str | None) -> Path:
    """The folder of all results."""
    if given:
        return Path(given).expanduser()
    return benchmarks_folder(output.environment.home, output.environment.get("XDG_DATA_HOME"))


def slug(text: str) -> str:
    """A name for a file."""
    return re.sub(r"[^\w.+-]+", "-", text).strip("-.") or "run"
