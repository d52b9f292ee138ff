"""Servers that a sweep must survive: `python unruly_server.py MODE PORT TAG`. The tag is in every process's command."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from unified_intelligence.benchmark.known_server import KnownServer

_SLEEPER = "import time; time.sleep(120)"


class Brief(KnownServer):
    """SIGALRM ends it, some time after it was first asked for an answer."""

    asked = False

    def _read(self, fd: int) -> None:
        super()._read(fd)
        if self._due and not self.asked:
            self.asked = True
            signal.setitimer(signal.ITIMER_REAL, 2.0)


def main(mode: str, port: int, tag: str) -> None:
    sys.stderr.write(f"Démarré: {mode} 🙂\n")
    if mode == "never":
        time.sleep(120)
    elif mode == "elsewhere":
        with socket.create_server(("127.0.0.1", 0)):
            time.sleep(120)
    elif mode == "memory":
        time.sleep(0.2)
        sys.exit("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.\nRuntimeError: see above")
    elif mode == "argument":
        sys.exit("usage: server\nserver: error: unrecognized arguments: --tensor-paralel")
    elif mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        KnownServer(port).run()
    elif mode == "orphans":
        subprocess.Popen([sys.executable, "-c", _SLEEPER, tag])
        _escape(tag)
        KnownServer(port).run()
    elif mode == "abandons":
        subprocess.Popen([sys.executable, "-c", _SLEEPER, tag])
        sys.exit("the first process is gone")
    elif mode == "gpu":
        with Path(os.environ["STAND_IN_GPU"]).open("a", encoding="ascii") as held:
            held.write(f"{os.getpid()} 30000\n")
        time.sleep(0.6)  # so that it is seen
        KnownServer(port).run()
    elif mode == "brief":
        Brief(port).run()
    else:
        KnownServer(port).run()


def _escape(tag: str) -> None:
    """A process in a session of its own, whose parent is gone, without its environment and its output."""
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.execve(sys.executable, [sys.executable, "-c", _SLEEPER, tag], {})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
