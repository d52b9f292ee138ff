"""A further process of a divided model: it loads its part, and does what the first process does, in the same order.

The first process says through this one's standard input what is done, and hears of a failure from its standard output.
When that input ends, so does this process, whatever it is doing: nobody is left to compute for.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from unified_intelligence.engine.arrange import Attention
    from unified_intelligence.engine.load import Loaded
    from unified_intelligence.engine.place import Dtype

HOST = "127.0.0.1"
HERE = "here"
LONGEST_WAIT = timedelta(minutes=10)  # of one process for another: the weights of one may come later


@dataclass(frozen=True, slots=True)
class Part:
    """What a process loads: `rank` says which of the `parallel` parts, the first is 0; the processes meet at `port`."""

    folder: Path
    dtype: Dtype
    device: str
    attention: Attention
    code: bool
    parallel: int
    rank: int = 0
    port: int = 0
    threads: int = 1


def load_part(part: Part, join: Callable[[str], None]) -> Loaded:
    """`join` is called with the kind of device once nothing is refused any more. Raises as `load.load`."""
    from unified_intelligence.engine import load

    return load.load(
        part.folder,
        dtype=part.dtype,
        device=part.device,
        attention=part.attention,
        code=part.code,
        parallel=part.parallel,
        join=join,
    )


def connect(part: Part, kind: str, store: Any) -> None:
    """Makes the processes one group, of devices of a kind. Waits for all; raises RuntimeError."""
    import torch
    from torch import distributed

    library: Any = distributed  # half typed
    if kind == "cuda":
        torch.cuda.set_device(part.rank)
    library.init_process_group(
        "nccl" if kind == "cuda" else "gloo",
        store=store,
        rank=part.rank,
        world_size=part.parallel,
        timeout=LONGEST_WAIT,
        device_id=torch.device(kind, part.rank) if kind == "cuda" else None,
    )


def main() -> None:
    """Ends by `os._exit`: the threads of a broken group would wait for the other processes."""
    words = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no word of ours
    calls: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(calls,), daemon=True).start()
    try:
        _work(calls, words)
    except BaseException as error:  # noqa: BLE001 - told to the first process, which raises it
        _say(words, str(error) or repr(error))
    os._exit(1)


def _listen(calls: SimpleQueue[Any]) -> None:
    try:
        while True:
            calls.put(pickle.load(sys.stdin.buffer))  # noqa: S301 - a pipe that only the first process writes into
    except (EOFError, OSError, pickle.UnpicklingError):
        os._exit(0)


def _say(words: TextIO, text: str) -> None:
    words.write(" ".join(text.split()) + "\n")
    words.flush()


def _work(calls: SimpleQueue[Any], words: TextIO) -> None:
    part: Part = calls.get()
    os.environ["LOCAL_RANK"] = str(part.rank)  # noqa: TID251 - where Transformers looks for the number of a device
    import torch
    from torch import distributed
    from transformers.utils import logging

    from unified_intelligence.engine.plain import PlainForward

    told: Any = logging
    told.disable_progress_bar()  # the first process has one
    torch.set_num_threads(part.threads)

    def join(kind: str) -> None:
        library: Any = distributed
        store = library.TCPStore(HOST, part.port, part.parallel, is_master=False, timeout=LONGEST_WAIT)
        _say(words, HERE)
        connect(part, kind, store)

    forward = PlainForward(load_part(part, join).model)
    with torch.inference_mode():
        while True:
            name, arguments = calls.get()
            getattr(forward, name)(*arguments)


if __name__ == "__main__":
    main()
