"""The one reader of the process's environment, home and working directory. Everybody else is handed what is in here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


def start_blas_with_one_thread() -> None:
    """NumPy's BLAS reads this when it is loaded; starting more threads costs more than the whole answer."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


class Environment(NamedTuple):
    """What the program was started in."""

    variables: Mapping[str, str]

    @classmethod
    def of_process(cls) -> Environment:
        return cls(os.environ)

    @property
    def directory(self) -> Path:
        return Path.cwd()

    @property
    def home(self) -> Path:
        return Path(self.get("HOME") or Path.home())

    @property
    def debug(self) -> bool:
        return self.get("UIC_DEBUG") not in {"", "0"}

    @property
    def dumb(self) -> bool:
        return self.get("TERM") == "dumb"

    @property
    def machine_format(self) -> str:
        """json or jsonl, if the environment asks for one of them."""
        asked = self.get("UIC_FORMAT")
        return asked if asked in {"json", "jsonl"} else ""

    @property
    def columns(self) -> int:
        """The width the user asks for; 0 if he does not."""
        width = self.get("COLUMNS")
        return int(width) if width.isascii() and width.isdigit() else 0

    def get(self, name: str) -> str:
        """The value of a variable; an unset one is empty."""
        return self.variables.get(name, "")

    def colours(self, is_terminal: bool) -> bool:
        """NO_COLOR before FORCE_COLOR before what the stream is."""
        if self.get("NO_COLOR"):
            return False
        if self.get("FORCE_COLOR") not in {"", "0"}:
            return True
        return is_terminal and not self.dumb
