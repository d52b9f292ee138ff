"""Where configuration files are. Reading them is left to `files`, which is imported only if there is one."""

from pathlib import Path

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
    base = Path(xdg_config_home) if xdg_config_home.startswith("/") else home / ".config"
    return base / "unified-intelligence" / FILE_NAME


def benchmarks_folder(home: Path, xdg_data_home: str) -> Path:
    """Where results of benchmarks are kept, whether or not there are any."""
    base = Path(xdg_data_home) if xdg_data_home.startswith("/") else home / ".local" / "share"
    return base / "unified-intelligence" / "benchmarks"


def state_folder(home: Path, xdg_state_home: str) -> Path:
    """Where this program keeps what it did: records of runs, reports of deployments. It need not exist yet."""
    base = Path(xdg_state_home) if xdg_state_home.startswith("/") else home / ".local/state"
    return base / "unified-intelligence"
