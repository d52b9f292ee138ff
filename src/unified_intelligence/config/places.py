"""Where configuration files are. Reading them is left to `files`, which is imported only if there is one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unified_intelligence.config.environment import Environment

FILE_NAME = "config.json"


def project_file(directory: Path, home: Path) -> Path | None:
    """The nearest config.json from the directory up to its repository's root or the home, whichever comes first.

    Outside of both only the directory itself is looked at: /tmp and / belong to everybody.
    """
    upward = [directory, *directory.parents]
    last = next((i for i, place in enumerate(upward) if place == home or (place / ".git").exists()), 0)
    for place in upward[: last + 1]:
        if (place / FILE_NAME).is_file():
            return place / FILE_NAME
    return None


def user_file(home: Path, xdg_config_home: str) -> Path:
    """Where the user's own configuration is, whether or not it exists."""
    return _own(xdg_config_home, home / ".config") / FILE_NAME


def runs_folder(home: Path, xdg_data_home: str) -> Path:
    """Where evaluations are kept that nobody put elsewhere."""
    return _own(xdg_data_home, home / ".local/share") / "evaluation"


def data_cache(home: Path, xdg_cache_home: str) -> Path:
    """Where the data of suites is kept that was downloaded."""
    return _own(xdg_cache_home, home / ".cache") / "evaluation"


def benchmarks_folder(home: Path, xdg_data_home: str) -> Path:
    """Where results of benchmarks are kept, whether or not there are any."""
    base = Path(xdg_data_home) if xdg_data_home.startswith("/") else home / ".local" / "share"
    return base / "unified-intelligence" / "benchmarks"


def tracking_store(typed: str | None, environment: Environment, folder: Path) -> tuple[str, bool]:
    """The URI of MLflow's store: the flag, the variable, else a database in the folder; and whether it is that one."""
    chosen = typed or environment.get("MLFLOW_TRACKING_URI")
    return (chosen, False) if chosen else (f"sqlite:///{(folder / 'mlflow.db').resolve()}", True)


def state_folder(home: Path, xdg_state_home: str) -> Path:
    """Where this program keeps what it did: records of runs, reports of deployments. It need not exist yet."""
    return _own(xdg_state_home, home / ".local/state")


def _own(given: str, otherwise: Path) -> Path:
    return (Path(given) if given.startswith("/") else otherwise) / "unified-intelligence"
