"""`uic space simulate` as a process, as people start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.architecture.repository import PACKAGE


class HubProcess:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("HF_ENDPOINT="), line
        self.url = line.strip().partition("=")[2]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@contextmanager
def hub_process(folder: Path, *flags: str) -> Generator[HubProcess]:
    command = [sys.executable, "-m", "unified_intelligence", "space", "simulate", "--folder", str(folder), *flags]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        yield HubProcess(process)
    finally:
        process.kill()
        process.communicate(timeout=30)
