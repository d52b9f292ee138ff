"""Runs a program for somebody who may die: when its standard input ends, the program and all it started end too.

python minder.py PROGRAM ARGUMENTS...

It is a process of its own because nothing else outlives a killed parent. The program has a process group of its own,
which is asked to end, and after a moment made to. The exit code is the program's; one that a signal ended has 128 and
the signal's number.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE = 3.0


def main() -> int:
    program = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - that is its work

    def until_the_end() -> None:
        while os.read(0, 1024):
            pass
        end(program)

    threading.Thread(target=until_the_end, daemon=True).start()
    code = program.wait()
    _signal_group(program.pid, signal.SIGKILL)  # what it left behind
    return code if code >= 0 else 128 - code


def end(program: subprocess.Popen[bytes]) -> None:
    _signal_group(program.pid, signal.SIGTERM)
    try:
        program.wait(GRACE)
    except subprocess.TimeoutExpired:
        _signal_group(program.pid, signal.SIGKILL)


def _go_on(number: int, frame: object) -> None:
    """Its standard input tells it when to end. A signal that it ignored instead, the program would ignore too."""


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _go_on)
    sys.exit(main())
