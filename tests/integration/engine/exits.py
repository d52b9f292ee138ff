"""Programs that leave the engine in one of several states and end: forks of one that has its libraries, then itself.

What each of the forks wrote and its exit status are printed as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress

import torch

from tests.integration.engine.tiny_models import LONGEST, tiny
from unified_intelligence.engine.decode import Plan, Writing
from unified_intelligence.engine.engine import Engine
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.ticket import Ticket
from unified_intelligence.entities.errors import ModelError
from unified_intelligence.profiles.sampling import Sampling

MODEL = tiny("Qwen3")  # once: the forks have copies


def ask(engine: Engine, limit: int) -> Ticket:
    plan = Plan([1, 2, 3], limit, frozenset(), Sampling(0.0), None)
    return engine.submit(Writing(plan, None))


def read_on(stream: Iterator[object]) -> None:
    """Who still waits is told that the model was closed; nobody is left to tell it to."""
    with suppress(ModelError):
        list(stream)


def main(state: str) -> None:
    torch.set_num_threads(1)
    engine = Engine(FusedForward(MODEL, longest=LONGEST), slots=4, memory=4 * LONGEST, queue=9)
    if state == "idle":
        assert len(list(ask(engine, 5).tokens())) == 5
    elif state == "unread":
        for _ in range(6):
            ask(engine, 4000)
    elif state == "half read":
        stream = ask(engine, 4000).tokens()
        next(stream)
        threading.Thread(target=read_on, args=(stream,), daemon=True).start()
    elif state == "read in a thread":
        reader = threading.Thread(target=lambda: sys.stdout.write(f"{len(list(ask(engine, 200).tokens()))}\n"))
        reader.start()
    elif state == "raised":
        ask(engine, 4000)
        raise SystemExit("as it was meant")


def forked(state: str) -> tuple[int, str]:
    with tempfile.TemporaryFile() as written:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.dup2(written.fileno(), 1)
            os.dup2(written.fileno(), 2)
            main(state)
            sys.exit()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        written.seek(0)
        return status, written.read().decode()


if __name__ == "__main__":
    sys.stdout.write(json.dumps({state: forked(state) for state in sys.argv[1:]}))
    main("unread")
