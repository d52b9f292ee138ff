"""Starts the workers of a run, lets them begin at one moment, and gathers what they tell."""

from __future__ import annotations

import math
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from unified_intelligence.benchmark.clock import now
from unified_intelligence.benchmark.connection import Address
from unified_intelligence.benchmark.plan import Load, Share, Target, Told
from unified_intelligence.benchmark.quota import Spending
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.schedule import times_of
from unified_intelligence.benchmark.worker import ENOUGH, RowLine
from unified_intelligence.entities.errors import ConfigurationError, ConnectionFailedError

_AHEAD = 20_000_000  # ns from the word to the start
_ONE_CORE = 1500  # requests a second that one worker certainly sends
_DEAD_AFTER = 20  # failures to connect with nothing else: nobody is there
_GONE_AFTER = 100  # failures to connect one after the other: nobody is there any more


@dataclass(slots=True)
class Gathered:
    """What a run left: its rows in the order of their numbers, and each worker's account. `start` is in ns.

    `stopped` was it by a person, `gone` was the server before its end, `spending` is that of a GPU's quota.
    """

    rows: list[Row] = field(default_factory=list[Row])
    accounts: list[Told] = field(default_factory=list[Told])
    start: int = 0
    processes: int = 0
    stopped: bool = False
    gone: bool = False
    spending: Spending | None = None


@dataclass(slots=True)
class Watch:
    """What is told while a run goes on: by worker, and the rows that were read so far."""

    workers: dict[int, Told] = field(default_factory=dict[int, Told])
    rows: list[Row] = field(default_factory=list[Row])
    start: int = 0
    planned: int = 0

    def total(self, name: str) -> int:
        return sum(getattr(own, name) for own in self.workers.values())


Watcher = Callable[[Watch], None]


def processes_for(load: Load, asked: int = 0) -> int:
    """How many processes send a load: as many as were asked for, else what its rate needs and the machine has."""
    if asked:
        return asked
    most = max(1, (os.cpu_count() or 1) - 1)
    return max(1, min(most, math.ceil(max(load.rate, load.rate_end) / _ONE_CORE)))


class Sending(NamedTuple):
    """`run` begins every request's id; `timeout` is in seconds, of one answer."""

    run: str
    processes: int
    timeout: float


def shares_of(load: Load, target: Target, address: Address, bodies: Sequence[str], sending: Sending) -> list[Share]:
    """Disjoint parts of a load."""
    times = [round(at * 1e9) for at in times_of(load)] if load.is_open else []
    processes = max(1, min(sending.processes, len(times) if load.is_open else load.concurrency))
    total = load.requests + load.warmup if load.requests else 0
    return [
        Share(
            worker=worker,
            target=target,
            place=list(address.place),
            family=int(address.family),
            bodies=list(bodies),
            numbers=(worker, processes, len(range(worker, total, processes))),
            times=times[worker::processes],
            slots=len(range(worker, load.concurrency, processes)),
            duration_ns=0 if load.requests else round((load.duration + load.warmup_seconds) * 1e9),
            warmup=load.warmup,
            warmup_ns=round(load.warmup_seconds * 1e9),
            timeout_ns=round(sending.timeout * 1e9),
            run=sending.run,
        )
        for worker in range(processes)
    ]


def send(
    shares: Sequence[Share], watch: Watch, watcher: Watcher | None = None, spending: Spending | None = None
) -> Gathered:
    """Runs the shares to their end. Ctrl-C, or a server that is gone, stops them and keeps what was measured.

    Where `spending` is at its end, nothing more is sent.

    Raises ConnectionFailedError when nobody can be reached, ConfigurationError when a worker cannot run.
    """
    gathered = Gathered(processes=len(shares), spending=spending)
    lines: queue.Queue[tuple[int, bytes]] = queue.Queue()
    workers = [_started(share, lines) for share in shares]
    try:
        _wait_ready(workers, lines)
        gathered.start = watch.start = now() + _AHEAD
        for worker in workers:
            _say(worker, b"%d\n" % gathered.start)
        try:
            _gather(gathered, watch, watcher, lines, workers)
        except KeyboardInterrupt:
            gathered.stopped = True
            _stop(workers)
            _gather(gathered, watch, None, lines, workers)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
            _hang_up(worker)
    gathered.rows.sort(key=lambda row: row.number)
    return gathered


def _started(share: Share, lines: queue.Queue[tuple[int, bytes]]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "unified_intelligence.benchmark.worker"]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603 our own module
    _say(worker, msgspec.json.encode(share) + b"\n")

    def read() -> None:
        assert worker.stdout is not None
        for line in worker.stdout:
            lines.put((share.worker, line))
        lines.put((share.worker, b""))

    threading.Thread(target=read, daemon=True, name=_reader(worker)).start()
    return worker


def _hang_up(worker: subprocess.Popen[bytes]) -> None:
    """What it had said is read before its pipe is closed."""
    for thread in threading.enumerate():
        if thread.name == _reader(worker):
            thread.join()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _reader(worker: subprocess.Popen[bytes]) -> str:
    return f"bench-{worker.pid}"


def _say(worker: subprocess.Popen[bytes], data: bytes) -> None:
    assert worker.stdin is not None
    worker.stdin.write(data)
    worker.stdin.flush()


def _stop(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        if worker.stdin is not None:
            worker.stdin.close()


def _wait_ready(workers: Sequence[object], lines: queue.Queue[tuple[int, bytes]]) -> None:
    for _ in workers:
        _, line = lines.get(timeout=60)
        told: dict[str, Any] = msgspec.json.decode(line) if line else {}
        if told.get("kind") == "broken":
            raise ConnectionFailedError(f"No connection: {told['message']}.", hint="Is the server running there?")
        if told.get("kind") != "ready":
            raise ConfigurationError("A process of the benchmark's client ended before it began.", hint="Try it again.")


def _gather(
    gathered: Gathered,
    watch: Watch,
    watcher: Watcher | None,
    lines: queue.Queue[tuple[int, bytes]],
    workers: Sequence[subprocess.Popen[bytes]],
) -> None:
    row_of, told_of = msgspec.json.Decoder(RowLine), msgspec.json.Decoder(Told)
    watch.rows, silent = gathered.rows, 0
    while len(gathered.accounts) < len(workers):
        try:
            worker, line = lines.get(timeout=0.5)
        except queue.Empty:
            worker, line = -1, b""
        if line.startswith(b'{"row":'):
            silent = silent + 1 if _take(gathered, row_of.decode(line).row, workers) else 0
            if silent == _GONE_AFTER:
                gathered.gone = True
                _stop(workers)
        elif line:
            told = told_of.decode(line)
            watch.workers[told.worker] = told
            if told.kind in {"end", "broken"}:
                gathered.accounts.append(told)
            elif told.failed >= _DEAD_AFTER and not told.done:
                _refuse_the_dead(gathered.rows)
        elif worker >= 0 and worker not in {own.worker for own in gathered.accounts}:
            raise ConfigurationError("A process of the benchmark's client died.", hint="Try it with fewer requests.")
        if watcher is not None and not (line and lines.qsize()):
            watcher(watch)


def _take(gathered: Gathered, row: Row, workers: Sequence[subprocess.Popen[bytes]]) -> bool:
    """Keeps a row; whether nobody could be reached for it. The last one that may be spent on ends the sending."""
    gathered.rows.append(row)
    if gathered.spending is not None and gathered.spending.add(row):
        for worker in workers:
            with suppress(OSError, ValueError):  # it has ended, or was told to stop
                _say(worker, ENOUGH)
    return row.error == "connection"


def _refuse_the_dead(rows: Sequence[Row]) -> None:
    """Raises ConnectionFailedError where every request so far found nobody."""
    if len(rows) >= _DEAD_AFTER and all(row.error == "connection" for row in rows):
        raise ConnectionFailedError(f"Nobody can be reached: {rows[0].message}.", hint="Is the server running there?")
