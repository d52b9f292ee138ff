"""One model over several devices of this machine, by Transformers' plan for it: each holds a part of every layer.

A device takes a process. This one is the first, and has the scheduler; the others are its children (`rank.py`). They
are told every call of the seam before it is done here, and do the same with their part. Where one fails, all are lost:
the others may be anywhere in a pass.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine.forward import Forward, Piece
from unified_intelligence.engine.plain import PlainForward
from unified_intelligence.engine.rank import HERE, HOST, LONGEST_WAIT, Part, connect, load_part
from unified_intelligence.entities.errors import ConfigurationError, DeviceLostError, ModelError

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.load import Loaded
    from unified_intelligence.engine.pages import Places

_END = 5.0  # seconds a process has to end by itself
_HEARD = 2.0  # seconds in which the end of a process is heard of, once its connections are broken


def check(parallel: int, others: Mapping[str, bool]) -> None:
    """`others` says which of the options that a divided model does not know were given. Raises ConfigurationError."""
    if parallel < 1:
        raise ConfigurationError(f"The option parallel is 1 or more, not {parallel}.")
    if parallel > 1 and (name := next((name for name, given in others.items() if given), "")):
        raise ConfigurationError(
            f"A model that is divided over {parallel} devices runs by Transformers' own pass alone, without {name}.",
            hint=f"Leave out parallel, or {name}.",
        )


def load_divided(part: Part) -> Loaded:
    """Loads as `load.load` does; its `ranks` have to be closed. Raises ConfigurationError, ModelError."""
    ranks = Ranks(part)
    try:
        return replace(load_part(part, ranks.start), ranks=ranks)
    except BaseException as error:
        reason = ranks.reason() if isinstance(error, ModelError) else ""
        ranks.close()
        if reason:
            raise ModelError(f"{part.folder} could not be loaded by {part.parallel} processes: {reason}") from error
        raise


class Ranks:
    """The processes beside this one. Once `lost` says why, they have ended or are being ended."""

    def __init__(self, part: Part) -> None:
        self.lost, self.parallel = "", part.parallel
        self._part, self._kind, self._owner = part, "", os.getpid()
        self._children: list[subprocess.Popen[bytes]] = []
        self._listeners: list[threading.Thread] = []
        self._here, self._gone, self._losing = threading.Semaphore(0), threading.Event(), threading.Lock()
        self._closed = False

    def start(self, kind: str) -> None:
        """Starts them, and waits until all are connected. Raises ConfigurationError, ModelError."""
        import torch
        from torch import distributed

        library: Any = distributed  # half typed
        if library.is_initialized():
            raise ConfigurationError("This process has a part of a divided model already.", hint="Close that one.")
        self._kind = kind
        with socket.create_server((HOST, 0)) as door:  # torch's own would listen on every network
            port: int = door.getsockname()[1]
            store = library.TCPStore(
                HOST, port, self.parallel, is_master=True, wait_for_workers=False, timeout=LONGEST_WAIT,
                master_listen_fd=door.detach(),
            )  # fmt: skip
        threads = max(1, torch.get_num_threads() // self.parallel) if kind == "cpu" else torch.get_num_threads()
        for rank in range(1, self.parallel):
            self._start(replace(self._part, rank=rank, port=port, threads=threads))
        for _ in self._children:
            self._here.acquire(timeout=LONGEST_WAIT.total_seconds())
        if self.lost:
            raise ModelError(self.lost)
        connect(self._part, kind, store)

    def tell(self, name: str, arguments: Sequence[object]) -> None:
        """What is about to be done here. Raises DeviceLostError."""
        if self.lost or os.getpid() != self._owner:
            raise DeviceLostError(self.lost or "a forked process has no part of a divided model")
        try:
            for child in self._children:
                _write(child, (name, arguments))
        except OSError as error:
            raise self.loss(error) from error

    def loss(self, error: Exception) -> DeviceLostError:
        """The error of a pass that broke here: whatever broke it, the other processes wait in the middle of theirs."""
        self._lose(self.reason() or str(error).partition("\n")[0])
        return DeviceLostError(self.lost)

    def reason(self) -> str:
        """Why another process ended, as soon as that is heard of; "" if none did."""
        if self._children:
            self._gone.wait(_HEARD)
        return self.lost

    def close(self) -> None:
        """Ends them; in a forked process they are another's."""
        if self._closed or os.getpid() != self._owner:
            return
        self._closed = True
        for child in self._children:
            with suppress(OSError):  # it is gone, and something was left to be told
                _pipes(child)[0].close()
        for child in self._children:
            try:
                child.wait(_END)
            except subprocess.TimeoutExpired:
                child.kill()
        for listener in self._listeners:
            listener.join()
        self._lose("it was closed")
        if self._kind:
            from torch import distributed

            library: Any = distributed
            if library.is_initialized():
                library.destroy_process_group()

    def _start(self, part: Part) -> None:
        command = [sys.executable, "-P", "-m", "unified_intelligence.engine.rank"]
        child = subprocess.Popen(  # noqa: S603 - this program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._children.append(child)
        listener = threading.Thread(target=self._listen, args=(part, child), daemon=True)
        self._listeners.append(listener)
        listener.start()
        with suppress(OSError):  # the listener hears of its end
            _write(child, part)

    def _listen(self, part: Part, child: subprocess.Popen[bytes]) -> None:
        """Reads what the process says until it ends; its last line says why."""
        said = ""
        with _pipes(child)[1] as words:
            for line in words:
                said = line.decode(errors="replace").strip()
                if said == HERE:
                    said = ""
                    self._here.release()
        status = child.wait()
        if not self._closed:
            self._lose(f"process {part.rank + 1} of {self.parallel} ended with status {status}{said and ': '}{said}")

    def _lose(self, reason: str) -> None:
        with self._losing:
            if self._gone.is_set():
                return
            self.lost = reason
            self._gone.set()
        for child in self._children:
            child.kill()
            self._here.release()
        if self._kind == "cuda" and not self._closed:  # NCCL does not hear of an end: whoever waits for it would go on
            from torch.distributed import distributed_c10d

            abort: Any = distributed_c10d._abort_process_group  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            abort()


class DividedForward(Forward):
    """Transformers' pass in all processes; logits are those of this one."""

    together = False

    def __init__(self, own: PlainForward, ranks: Ranks) -> None:
        """`own` has done what those of the other processes do when they are made."""
        self._own, self._ranks, self._turn = own, ranks, threading.Lock()
        self.device, self.vocabulary, self.rewinds = own.device, own.vocabulary, own.rewinds
        parts = ranks.parallel if own.device.type == "cuda" else 1  # of one memory all take theirs
        self.token_bytes = own.token_bytes // parts

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        return self._all("read", pieces)

    @property
    def held(self) -> int:
        return self._own.held

    def growth(self, places: Sequence[Places]) -> int:
        return self._own.growth(places)

    def room(self, lengths: Mapping[int, int]) -> int:
        return self._own.room(lengths)

    def copy(self, source: int, target: int, length: int) -> None:
        self._all("copy", source, target, length)

    def cut(self, slot: int, length: int = 0, *, unsound: bool = False) -> None:  # noqa: ARG002 - as of `own`
        self._all("cut", slot, length)

    def forget(self) -> None:
        self._all("forget")

    def states(self, texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        return self._all("states", texts)

    def close(self) -> None:
        self._ranks.close()

    def _all(self, name: str, *arguments: Any) -> Any:
        """Raises DeviceLostError."""
        import torch

        with self._turn:
            self._ranks.tell(name, arguments)
            try:
                come = getattr(self._own, name)(*arguments)
                if self.device.type == "cuda":
                    torch.cuda.synchronize()  # numbers of a pass that was cut off are none
            except Exception as error:
                raise self._ranks.loss(error) from error
            if self._ranks.lost:
                raise DeviceLostError(self._ranks.lost)
            return come


def _pipes(child: subprocess.Popen[bytes]) -> Any:
    return child.stdin, child.stdout


def _write(child: subprocess.Popen[bytes], told: object) -> None:
    pipe = _pipes(child)[0]
    pickle.dump(told, pipe)
    pipe.flush()
