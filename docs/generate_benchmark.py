"""Fills in docs/benchmark.md's tables of the client's own error: `python docs/generate_benchmark.py [--check]`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from writing import written

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/benchmark.md"
RESULTS = "benchmarks/results/bench_client.json"
QUEUE = "benchmarks/results/gradio_queue.json"
_PLACE = re.compile(r"(<!-- measured: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def document() -> str:
    """The whole document with the figures of today's result files."""
    told = {"bench-client": _told, "gradio-queue": _queue}
    return _PLACE.sub(lambda place: f"{place[1]}{told[place[2]]()}\n{place[3]}", DOCUMENT.read_text(encoding="utf-8"))


def _queue() -> str:
    result = json.loads((ROOT / QUEUE).read_text(encoding="utf-8"))
    machine = result["machine"]
    lines = [
        f"From `{QUEUE}`, written on {result['date']} by `{result['command']}`: an app of Gradio "
        f"{machine['gradio']} and the client",
        f"on {machine['cpus']} busy cores (load average {machine['load_average'][0]:g}). Late is how much later "
        "the client had it than the app did it,",
        "median and 95th percentile: Gradio's own way from the function to the socket is in it. It says that the work "
        "begins just",
        "before it does. The GPU was lent after 100 ms.",
        "",
        "| at once, of one | the work's beginning: late | first piece: late | wait for a GPU: off | first piece by "
        "gradio_client: late | in the queue, median |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, own in result.items():
        if name.endswith(" at once"):
            parts = ("beginning of the work", "first piece", "waited for a GPU", "first piece, by gradio_client")
            cells = [f"{own[part]['median_ms']:.1f} / {own[part]['p95_ms']:.1f} ms" for part in parts]
            lines.append(f"| {name.split()[0]} | {' | '.join(cells)} | {own['queue']['median_ms']:.0f} ms |")
    return "\n".join(lines)


def _told() -> str:
    result = json.loads((ROOT / RESULTS).read_text(encoding="utf-8"))
    opened, fastest, machine = result["open"], result["one_token"], result["machine"]
    lines = [
        f"From `{RESULTS}`, written on {result['date']} by `{result['command']}`: client "
        f"and server on {machine['cpus']} cores that other work shared (load average {machine['load_average'][0]:g}).",
        "Left out of the errors are answers at which the server itself was interrupted while it sent.",
        "",
        "| at once | answers compared | first pieces read with later ones | TTFT error, mean | p99 | ITL error, p99 | "
        "the server late itself, p99 | of the ideal rate | CPU s for 1000 requests |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *_rows(result["errors"].values()),
        "",
        f"An open load of {opened['asked_per_s']:g} requests a second was sent at {opened['delivered_per_s']:.1f}, "
        f"with a TTFT error of {opened['ttft_error_p99_ms']:.2f} ms at p99. One process took "
        f"{fastest['requests_per_s']:.0f} answers of one token a second.",
    ]
    return "\n".join(lines)


def _rows(errors: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for own in errors:
        cells = (
            own["concurrency"],
            f"{own['compared']} of {own['requests']}",
            own["read_together"],
            f"{own['ttft_error_mean_ms']:.2f} ms",
            f"{own['ttft_error_p99_ms']:.2f} ms",
            f"{own['itl_error_p99_ms']:.2f} ms",
            f"{own['server_late_p99_ms']:.1f} ms",
            f"{own['of_ideal_rate']:.1%}",
            f"{own['cpu_s_per_1000']:.2f}",
        )
        yield "| " + " | ".join(map(str, cells)) + " |"


if __name__ == "__main__":
    sys.exit(written(DOCUMENT, document(), sys.argv[1:]))
