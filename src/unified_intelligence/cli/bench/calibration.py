"""`uic bench calibrate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unified_intelligence.benchmark.calibrate import calibrate
from unified_intelligence.benchmark.store import CALIBRATION, write_json
from unified_intelligence.cli.bench.loads import numbers, whole
from unified_intelligence.cli.bench.places import runs_of
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned


def calibrate_machine(output: Output, given: Mapping[str, Any]) -> int:
    """Measures, tells and keeps."""
    concurrencies = numbers(given, "concurrency", "16,64,256")
    waves = whole(given, "waves", 4, least=3)
    output.note(f"A server of known schedule and this client, {' then '.join(map(str, concurrencies))} at once ...")
    found = calibrate(concurrencies, waves)
    path = write_json(runs_of(output, given["runs"]) / CALIBRATION, found)
    if given["json"]:
        output.json(found, indented=True)
    else:
        output.line("\n".join(_lines(found)))
    output.note(f"Kept in {path}; runs beside it name it.")
    return 0


def _lines(found: Mapping[str, Any]) -> list[str]:
    head = ("AT ONCE", "TTFT ERROR MEAN", "P99", "ITL ERROR P99", "SERVER LATE P99", "OF IDEAL RATE", "CPU S PER 1000")
    rows = [
        (
            str(own["concurrency"]),
            f"{own['ttft_error_mean_ms']:.3f} ms",
            f"{own['ttft_error_p99_ms']:.3f} ms",
            f"{own['itl_error_p99_ms']:.3f} ms",
            f"{own['server_late_p99_ms']:.2f} ms",
            f"{own['of_ideal_rate']:.1%}",
            f"{own['cpu_s_per_1000']:.2f}",
        )
        for own in found["errors"]
    ]
    opened, fastest, machine = found["open"], found["one_token"], found["machine"]
    return [
        aligned([head, *rows]),
        f"Poisson: {opened['delivered_per_s']:.1f} of {opened['asked_per_s']:.1f} requests/s sent, lag p99 "
        f"{opened['lag_p99_ms']:.2f} ms, TTFT error p99 {opened['ttft_error_p99_ms']:.3f} ms",
        f"One token: {fastest['requests_per_s']:.0f} requests/s by one process",
        f"Client and server on one machine of {machine['cpus']} cores, load average {machine['load_average']}. "
        "Errors are against when the server really sent.",
    ]
