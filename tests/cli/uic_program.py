"""The program in a process of its own: what the tests of the command line share."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

SRC = Path(__file__).resolve().parents[2] / "src"


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ran]
Install = Callable[[str, str], None]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "unified_intelligence", *arguments]


def in_terminal(arguments: list[str], environment: Mapping[str, str], cwd: Path, keys: str = "") -> Ran:
    """The program with a terminal for stdin and stdout, where these keys are pressed; stderr is a pipe."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        arguments, stdin=its, stdout=its, stderr=subprocess.PIPE, env=dict(environment), cwd=cwd, start_new_session=True
    )
    os.write(ours, keys.encode())
    os.close(its)
    shown = all_of(ours)
    _, err = process.communicate(timeout=30)
    return Ran(process.returncode, shown.replace("\r\n", "\n"), err.decode())


def all_of(terminal: int) -> str:
    """What a terminal shows until its program ends; it is closed then."""
    shown = bytearray()
    try:
        while piece := os.read(terminal, 65536):
            shown += piece
    except OSError:
        pass  # its end
    os.close(terminal)
    return shown.decode()
