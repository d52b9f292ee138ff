"""What many clients, most of them rude, make of `uic serve`: memory, open files, waiting times, wrong answers.

    python -m benchmarks.serving_load [--seconds N] [--streams N] [--output FILE]

The server is a process over `echo`, which says a word every few milliseconds, as a model does. The clients are a second
process: so many at once ask questions of random sizes, read the answers to the end and compare them, or leave as people
and proxies do (`serving_visitors.py` says how). This process only looks: every second at the kernel's figures of the
server, and about ten times a second at how long /health takes; each time also that of a second server, which has
nothing to do and says what the machine's other work costs. Afterwards what was begun must be gone. Then 300 connections
send half of their headers and fall silent while others ask, and a body of 200 MiB is sent.

The slope of the memory is over the second half, by least squares; questions of megabytes, which come and go, make it
uneven, so the memory at rest is told too, after the load and once more after a shorter one. Times are of the wall, on a
machine that others may use: the clients and the server share its cores.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import linear_regression, median

from benchmarks.served_process import Served, uic_serve

HERE = Path(__file__).parent
MIB = 1024 * 1024
DELAY = 0.02  # seconds a token
HEALTH_EVERY = 0.1
SLOW_CONNECTIONS, SLOW_SECONDS = 300, 15.0
LARGE_BODY = 200 * MIB
_HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@dataclass(slots=True)
class Seen:
    """A row of `rows` is seconds, resident bytes, threads and open files; `waits` are seconds /health took, `idle`
    those of the server without work.
    """

    rows: list[tuple[float, int, int, int]] = field(default_factory=list[tuple[float, int, int, int]])
    waits: list[float] = field(default_factory=list[float])
    idle: list[float] = field(default_factory=list[float])
    refused: int = 0
    cpu: float = 0.0


def watch(server: Served, idle: Served, clients: subprocess.Popen[str]) -> Seen:
    """Looks until the clients have ended."""
    seen, began, cpu = Seen(), time.monotonic(), server.cpu()
    with closing(_connection(server)) as loaded, closing(_connection(idle)) as control:
        while clients.poll() is None:
            now = time.monotonic() - began
            if now >= len(seen.rows):
                seen.rows.append((now, server.resident(), server.threads(), server.files()))
            for connection, waits in ((loaded, seen.waits), (control, seen.idle)):
                asked = time.perf_counter()
                connection.request("GET", "/health")
                answer = connection.getresponse()
                answer.read()
                waits.append(time.perf_counter() - asked)
                seen.refused += answer.status != 200
            time.sleep(HEALTH_EVERY)
    seen.cpu = (server.cpu() - cpu) / (time.monotonic() - began)
    return seen


def _connection(server: Served) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)


def gauges(server: Served) -> dict[str, float]:
    """Answers being made and requests waiting, as /metrics tells them."""
    text = get(server, "/metrics")
    return {
        name: float(re.findall(rf"^vllm:num_requests_{name}\S* (\S+)$", text, re.MULTILINE)[0])
        for name in ("running", "waiting")
    }


def get(server: Served, path: str) -> str:
    with closing(_connection(server)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def at_rest(server: Served, seconds: float = 10.0) -> dict[str, float]:
    """What is still going on, once nothing is or after so many seconds; all zeros where nothing leaks."""
    end = time.monotonic() + seconds
    while any((left := gauges(server)).values()) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def load(server: Served, idle: Served, seconds: float, streams: int) -> dict[str, object]:
    """The figures of the clients' time and of the rest after it."""
    before = server.threads(), server.files()
    options = (str(server.port), str(seconds), str(streams))
    command = [sys.executable, "-m", "benchmarks.serving_visitors", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
        seen = watch(server, idle, clients)
        assert clients.stdout is not None
        told: dict[str, object] = json.loads(clients.stdout.read())
    left = at_rest(server)
    threads_left, files_left = _settled(server, before)
    return {
        "clients": told,
        "server": {**memory(seen.rows), "CPU share of one core": round(seen.cpu, 3)},
        "/health, ms": {**spread([wait * 1000 for wait in seen.waits]), "asked": len(seen.waits)},
        "/health of a server without work, ms": spread([wait * 1000 for wait in seen.idle]),
        "/health not 200": seen.refused,
        "afterwards": {**left, "threads more than before": threads_left, "files more than before": files_left},
    }


def _settled(server: Served, before: tuple[int, int], seconds: float = 90.0) -> tuple[int, int]:
    """Threads and files more than before; silent connections have the keep-alive time to go."""
    end = time.monotonic() + seconds
    while True:
        more = server.threads() - before[0], server.files() - before[1]
        if max(more) <= 0 or time.monotonic() > end:
            return more
        time.sleep(0.5)


def memory(rows: Sequence[tuple[float, int, int, int]]) -> dict[str, float]:
    half = rows[len(rows) // 2 :]
    minutes, held = [row[0] / 60 for row in half], [row[1] / MIB for row in half]
    return {
        "resident MiB at first": round(rows[0][1] / MIB, 1),
        "resident MiB, half way": round(half[0][1] / MIB, 1),
        "resident MiB at last": round(rows[-1][1] / MIB, 1),
        "resident MiB, most": round(max(row[1] for row in rows) / MIB, 1),
        "slope of the second half, MiB a minute": round(linear_regression(minutes, held).slope, 3),
        "threads, most": max(row[2] for row in rows),
        "open files, most": max(row[3] for row in rows),
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(median(ordered), 2),
        "p99": round(ordered[max(0, -(-len(ordered) * 99 // 100) - 1)], 2),
        "most": round(ordered[-1], 2),
    }


def slow_headers(server: Served) -> dict[str, object]:
    """Connections that never finish their headers, beside requests that do."""
    files, began = server.files(), time.monotonic()
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(SLOW_CONNECTIONS)]
    for own in held:
        own.sendall(_HEAD[: len(_HEAD) // 2])
    waits: list[float] = []
    freed = None
    while time.monotonic() - began < 2 * SLOW_SECONDS:
        asked = time.perf_counter()
        get(server, "/health")
        waits.append((time.perf_counter() - asked) * 1000)
        if len(waits) > 1 and server.files() <= files:
            freed = round(time.monotonic() - began, 1)
            break
        time.sleep(HEALTH_EVERY)
    for own in held:
        own.close()
    return {"connections": SLOW_CONNECTIONS, "all freed after seconds": freed, "/health meanwhile, ms": spread(waits)}


def large_body(server: Served) -> dict[str, object]:
    """The status of a body of 200 MB, and how much the server's memory grew at the most."""
    found: dict[str, object] = {}
    for framing in ("length", "chunks"):
        before = server.peak()
        own = socket.create_connection(("127.0.0.1", server.port), timeout=60)
        with own:
            length = b"Content-Length: %d\r\n\r\n" % LARGE_BODY
            own.sendall(_HEAD + (length if framing == "length" else b"Transfer-Encoding: chunked\r\n\r\n"))
            piece = b" " * MIB if framing == "length" else b"100000\r\n" + b" " * MIB + b"\r\n"
            try:
                for _ in range(LARGE_BODY // MIB):
                    own.sendall(piece)
            except OSError:  # it was closed after the answer, which can still be read
                pass
            status = int(own.recv(65536).split()[1])
        found[framing] = {"status": status, "peak grew, MiB": round((server.peak() - before) / MIB, 1)}
    return found


def measure(seconds: float, streams: int) -> dict[str, object]:
    limits = ("--max-running", str(streams), "--max-waiting", str(streams), "--max-per-key", str(4 * streams))
    with (
        uic_serve("--provider", "echo", "-o", "delay", str(DELAY), *limits) as server,
        uic_serve("--provider", "echo") as idle,
    ):
        get(server, "/health")
        loaded, first = load(server, idle, seconds, streams), server.resident()
        load(server, idle, seconds / 5, streams)
        rests = {"first": round(first / MIB, 1), "second": round(server.resident() / MIB, 1)}
        return {
            "load": loaded,
            "resident MiB at rest, after the load and after a fifth of it more": rests,
            "headers never finished": slow_headers(server),
            "body of 200 MiB": large_body(server),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--output", type=Path, default=HERE / "results/serving_load.json")
    options = parser.parse_args()
    busy = os.getloadavg()[0]
    found = measure(options.seconds, options.streams)
    result: Mapping[str, object] = {
        "command": f"python -m benchmarks.serving_load --seconds {options.seconds:g} --streams {options.streams}",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("uvicorn", "httptools", "fastapi", "starlette")},
        "cores": os.cpu_count(),
        "load average before": round(busy, 1),
        **found,
    }
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
