"""How far this machine's client is off, measured against the server of known schedule, with the truth it tells."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from unified_intelligence.benchmark import crew
from unified_intelligence.benchmark.connection import resolve
from unified_intelligence.benchmark.health import health_of
from unified_intelligence.benchmark.plan import Load, Target, read_url
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.session import machine
from unified_intelligence.benchmark.statistics import percentile
from unified_intelligence.entities.errors import ConfigurationError

CONCURRENCIES = (16, 64, 256)
SCHEMA = "uic-bench-calibration/1"
_SURE = 200_000  # ns that a call to send may take for its time to be known
_TOKENS, _FIRST_MS, _GAP_MS = 50, 200.0, 20.0
IDEAL_S = (_FIRST_MS + _GAP_MS * (_TOKENS - 1)) / 1000


@contextmanager
def known_server() -> Generator[str]:
    """The base URL of a server of known schedule, in a process of its own. Raises ConfigurationError."""
    command = [sys.executable, "-m", "unified_intelligence.benchmark.known_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:  # noqa: S603 our own module
        assert server.stdout is not None
        assert server.stdin is not None
        try:
            port = server.stdout.readline().decode().strip()
            if not port.isdigit():
                raise ConfigurationError("The server of known schedule did not start.", hint="Try it again.")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.stdin.close()
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()


def calibrate(concurrencies: Sequence[int] = CONCURRENCIES, waves: int = 4, processes: int = 1) -> dict[str, Any]:
    """Errors in ms at each concurrency, an open load, and how many one-token requests a second one process makes."""
    with known_server() as url:
        errors = [_closed(url, number, waves, processes) for number in concurrencies]
        opened = _open(url, processes)
        fastest = _fastest(url)
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "schedule": {"first_ms": _FIRST_MS, "gap_ms": _GAP_MS, "tokens": _TOKENS},
        "errors": errors,
        "open": opened,
        "one_token": fastest,
        "machine": machine(),
    }


def truth_of(url: str) -> dict[int, dict[str, Any]]:
    """What the server really did since it was last asked, by request number."""
    target = read_url(url)
    connection = http.client.HTTPConnection(target.host, target.port, timeout=30)
    connection.request("GET", "/truth")
    told = json.loads(connection.getresponse().read())
    connection.close()
    return {int(own["id"].rpartition("-")[2]): own for own in told if "-" in own["id"]}


def errors_of(rows: Sequence[Row], truth: dict[int, dict[str, Any]]) -> dict[str, list[float]]:
    """By how much the client's times exceed the true ones, in ms; the server's own lateness beside them.

    A segment left somewhere during the call that sent it. Where the server was interrupted in that call, the truth is
    not known well enough to compare with: those are in `unsure`.
    """
    found: dict[str, list[float]] = {"ttft": [], "itl": [], "server_late": [], "ttft_of_schedule": [], "unsure": []}
    for row in rows:
        true = truth.get(row.number)
        if true is None or row.ttft_ms is None or not true["sent"]:
            continue
        sent, took = true["sent"], true["took"]
        error = row.ttft_ms - (sent[0] - true["arrived"]) / 1e6
        found["unsure" if took[0] > _SURE else "ttft"].append(error)
        found["ttft_of_schedule"].append(row.ttft_ms - (true["due"][0] - true["arrived"]) / 1e6)
        found["server_late"].extend((one - due) / 1e6 for one, due in zip(sent, true["due"], strict=True))
        gaps = [(after - before) / 1e6 for before, after in pairwise(sent)]
        if len(gaps) == len(row.gaps_ms) and max(took) <= _SURE:
            found["itl"].extend(own - real for own, real in zip(row.gaps_ms, gaps, strict=True))
    return found


def _closed(url: str, concurrency: int, waves: int, processes: int) -> dict[str, Any]:
    load = Load(concurrency=concurrency, requests=concurrency * waves, warmup=concurrency)
    gathered = _sent(url, "known", load, processes)
    rows = [row for row in gathered.rows if not row.warmup and not row.error]
    found = errors_of(rows, truth_of(url))
    health = health_of(gathered, load, rows)
    seconds = (max(row.ended for row in rows) - min(row.dispatched for row in rows)) / 1e9
    return {
        "concurrency": concurrency,
        "requests": len(rows),
        "compared": len(found["ttft"]),
        "compared_gaps": len(found["itl"]),
        "read_together": sum(row.first_events > 1 for row in rows),
        "ttft_error_mean_ms": _mean(found["ttft"]),
        "ttft_error_p99_ms": percentile([abs(own) for own in found["ttft"]], 0.99),
        "itl_error_p99_ms": percentile([abs(own) for own in found["itl"]], 0.99),
        "ttft_error_of_schedule_mean_ms": _mean(found["ttft_of_schedule"]),
        "server_late_p99_ms": percentile(found["server_late"], 0.99),
        "of_ideal_rate": len(rows) / seconds / (concurrency / IDEAL_S),
        "cpu_s_per_1000": health.cpu_s_per_1000,
        "cpu": health.cpu,
    }


def _open(url: str, processes: int, rate: float = 400.0, seconds: float = 4.0) -> dict[str, Any]:
    load = Load(rate=rate, requests=round(rate * seconds))
    gathered = _sent(url, "known:tokens=5", load, processes)
    rows = [row for row in gathered.rows if not row.error]
    found = errors_of(rows, truth_of(url))
    health = health_of(gathered, load, rows)
    return {
        "asked_per_s": health.asked,
        "delivered_per_s": health.delivered,
        "lag_p99_ms": health.lag_p99_ms,
        "ttft_error_mean_ms": _mean(found["ttft"]),
        "ttft_error_p99_ms": percentile([abs(own) for own in found["ttft"]], 0.99),
    }


def _fastest(url: str) -> dict[str, Any]:
    """One-token requests a second, by the client's whole time: with the reading of replies that it puts off until a
    socket is quiet.
    """
    gathered = _sent(url, "known:first=0,tokens=1", Load(concurrency=64, requests=6000, warmup=64), 1)
    answered = sum(not row.error for row in gathered.rows)
    seconds = max(own.wall_s for own in gathered.accounts)
    cpu = sum(own.cpu_s for own in gathered.accounts)
    truth_of(url)
    return {
        "concurrency": 64,
        "requests_per_s": answered / seconds,
        "client_cpu_s_per_1000": cpu / answered * 1000,
    }


def _sent(url: str, model: str, load: Load, processes: int) -> crew.Gathered:
    target: Target = read_url(url)
    body = json.dumps({"model": model, "stream": True, "messages": [{"role": "user", "content": "Calibration."}]})
    address = resolve(target.host, target.port)[0]
    shares = crew.shares_of(load, target, address, [body], crew.Sending("calibrate", processes, 60.0))
    return crew.send(shares, crew.Watch())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
