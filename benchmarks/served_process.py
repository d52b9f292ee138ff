"""`uic serve` as a process of its own, watched from outside: what the kernel says it spends and holds."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_ANNOUNCED = re.compile(r"(http://\S+)/v1 answers as")
_LONGEST_START = 120.0  # seconds, on a machine that others use too


@dataclass(frozen=True, slots=True)
class Served:
    """A server that listens at `url`, without a path."""

    url: str
    pid: int

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def cpu(self) -> float:
        """Seconds of user and system time so far, of every thread; the kernel tells hundredths."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def resident(self) -> int:
        """Bytes of memory held now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE

    def peak(self) -> int:
        """The most bytes of memory ever held."""
        return self._status("VmHWM") * 1024

    def threads(self) -> int:
        return self._status("Threads")

    def files(self) -> int:
        """Open file descriptors, sockets among them."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def _status(self, name: str) -> int:
        told = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8", errors="replace")
        return int(told.partition(f"{name}:")[2].split()[0])


@contextmanager
def uic_serve(*arguments: str) -> Generator[Served]:
    """A server on a free port, stopped as an operator stops it. Raises RuntimeError if it never listens."""
    command = [sys.executable, "-m", "unified_intelligence", "serve", "--port", "0", *arguments]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, "NO_COLOR": "1"})
        try:
            yield Served(_announced(process, log.fileno()), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _announced(process: subprocess.Popen[bytes], log: int) -> str:
    end = time.monotonic() + _LONGEST_START
    while time.monotonic() < end and process.poll() is None:
        if found := _ANNOUNCED.search(os.pread(log, 65536, 0).decode(errors="replace")):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"The server does not listen: {os.pread(log, 65536, 0).decode(errors='replace')}")
