"""A process that sends one share of a load. It is told what to do on stdin, and tells rows and progress on stdout.

stdin    the share; the start in ns; "enough" sends nothing more; anything else, or the end, stops it
stdout   one JSON object a line: {"kind": "ready"}, rows as {"row": ...}, {"kind": "progress"}, {"kind": "end"}
"""

from __future__ import annotations

import os
import select
import sys
import time

import msgspec
from msgspec import Struct

from unified_intelligence.benchmark.client import Client
from unified_intelligence.benchmark.clock import Steps, allow_many_files, now, sharpen
from unified_intelligence.benchmark.plan import Share, Told
from unified_intelligence.benchmark.row import Row
from unified_intelligence.entities.errors import UnifiedIntelligenceError

ENOUGH = b"enough\n"
_TELL_EVERY = 500_000_000


class RowLine(Struct):
    row: Row


class _Voice:
    """Writes lines; rows are gathered, for a write costs more than a row."""

    def __init__(self, share: Share) -> None:
        self._encoder, self._worker = msgspec.json.Encoder(), share.worker
        self._held = bytearray()
        self._told = 0

    def row(self, row: Row) -> None:
        self._held += self._encoder.encode(RowLine(row)) + b"\n"
        if len(self._held) > 1 << 20:
            self.flush()

    def flush(self) -> None:
        while self._held:
            del self._held[: os.write(1, self._held[: 1 << 20])]

    def tell(self, told: Told) -> None:
        self._held += self._encoder.encode(told) + b"\n"
        self.flush()

    def progress(self, client: Client) -> None:
        moment = now()
        if moment - self._told > _TELL_EVERY:
            self._told = moment
            self.tell(_account("progress", self._worker, client))


def _account(kind: str, worker: int, client: Client, cpu: float = 0.0, wall: float = 0.0, moved: float = 0.0) -> Told:
    return Told(
        kind=kind,
        worker=worker,
        sent=client.sent,
        done=client.done,
        failed=client.failed,
        in_flight=client.in_flight,
        cpu_s=cpu,
        wall_s=wall,
        in_flight_ns=client.in_flight_ns,
        clock_moved_ms=moved,
        connections=client.connections,
    )


def main() -> int:
    share = msgspec.json.decode(sys.stdin.buffer.readline(), type=Share)
    allow_many_files()
    voice = _Voice(share)
    client = Client(share, voice.row)
    try:
        client.warm()
        voice.tell(Told(kind="ready", worker=share.worker))
        line = sys.stdin.buffer.readline()
        if not line:
            return 0
        sharpen()
        steps, cpu, began = Steps(), time.process_time(), time.perf_counter()

        def look() -> bool:
            voice.progress(client)
            if not select.select([0], [], [], 0)[0]:
                return False
            if os.read(0, len(ENOUGH)) != ENOUGH:
                return True
            client.enough()
            return False

        client.run(int(line), look)
        wall = time.perf_counter() - began
        voice.flush()
        spent = time.process_time() - cpu
        voice.tell(_account("end", share.worker, client, spent, wall, steps.moved_ms()))
    except (UnifiedIntelligenceError, OSError) as error:
        voice.tell(Told(kind="broken", worker=share.worker, message=str(error)))
    finally:
        client.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
