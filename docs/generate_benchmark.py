"""Fills in what docs/benchmark.md measured and checked: `python docs/generate_benchmark.py [--check]`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from writing import written

from unified_intelligence.benchmark.check import check_file
from unified_intelligence.figures.markdown import table

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/benchmark.md"
RESULTS = "benchmarks/results/bench_client.json"
QUEUE = "benchmarks/results/gradio_queue.json"
REPORTED = "docs/examples/reported_figures.md"
PEERS = "benchmarks/results/bench_peers.json"
_PLACE = re.compile(r"(<!-- measured: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def document() -> str:
    """The whole document with the figures of today's result files."""
    tables = {"bench-client": _told, "bench-peers": _peers, "gradio-queue": _queue, "reported-figures": _found_out}
    text = DOCUMENT.read_text(encoding="utf-8")
    return _PLACE.sub(lambda place: f"{place[1]}{tables[place[2]]()}\n{place[3]}", text)


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
    ]
    heads = ("at once, of one", "the work's beginning: late", "first piece: late", "wait for a GPU: off",
        "first piece by gradio_client: late", "in the queue, median")  # fmt: skip
    rows: list[list[str]] = []
    for name, own in result.items():
        if name.endswith(" at once"):
            parts = ("beginning of the work", "first piece", "waited for a GPU", "first piece, by gradio_client")
            cells = [f"{own[part]['median_ms']:.1f} / {own[part]['p95_ms']:.1f} ms" for part in parts]
            rows.append([name.split()[0], *cells, f"{own['queue']['median_ms']:.0f} ms"])
    return "\n".join([*lines, table(heads, rows)])


def _told() -> str:
    result = json.loads((ROOT / RESULTS).read_text(encoding="utf-8"))
    opened, fastest, machine = result["open"], result["one_token"], result["machine"]
    lines = [
        f"From `{RESULTS}`, written on {result['date']} by `{result['command']}`: client "
        f"and server on {machine['cpus']} cores that other work shared (load average {machine['load_average'][0]:g}).",
        "Left out of the errors are answers at which the server itself was interrupted while it sent.",
        "",
        table(_ERRORS, _rows(result["errors"].values())),
        "",
        f"An open load of {opened['asked_per_s']:g} requests a second was sent at {opened['delivered_per_s']:.1f}, "
        f"with a TTFT error of {opened['ttft_error_p99_ms']:.2f} ms at p99. One process took "
        f"{fastest['requests_per_s']:.0f} answers of one token a second.",
    ]
    return "\n".join(lines)


_ERRORS = (
    "at once", "answers compared", "first pieces read with later ones", "TTFT error, mean", "p99", "ITL error, p99",
    "the server late itself, p99", "of the ideal rate", "CPU s for 1000 requests",
)  # fmt: skip


def _rows(errors: Iterable[Mapping[str, Any]]) -> Iterator[tuple[object, ...]]:
    for own in errors:
        yield (
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


def _found_out() -> str:
    """What `uic bench check` says of the figures that were reported, the first of each rule."""
    tables, findings = check_file(ROOT / REPORTED)
    places: dict[str, list[str]] = {}
    for own in findings:
        places.setdefault(own.rule, []).append(f"{own.table}.{own.row}")
    first = {own.rule: own.said for own in reversed(findings)}
    lines = [
        f"`uic bench check {REPORTED}`: {sum(len(own.rows) for own in tables)} rows, {len(findings)} findings.",
        "",
        table(
            ("rule", "table and row", "what is said of the first"),
            ((rule, ", ".join(where), first[rule]) for rule, where in places.items()),
        ),
    ]
    return "\n".join(lines)


def _peers() -> str:
    result = json.loads((ROOT / PEERS).read_text(encoding="utf-8"))
    versions = " and ".join(f"{name} {version}" for name, version in result["versions"].items())
    before, after = result["load average before"][0], result["load average after"][0]
    lines = [
        f"From `{PEERS}`, written on {result['date']} by `{result['command']}`: {versions} and this client in turns, "
        f"medians of the rounds, all on {result['cores']} cores that other work shared (load average {before:g} "
        f"before, {after:g} after).",
        "",
        table(("at once", "client", *(head for head, _, _ in _PEER_FIGURES)), _peer_rows(result["tools"])),
    ]
    return "\n".join(lines)


def _peer_rows(tools: Mapping[str, Mapping[str, Any]]) -> Iterator[list[str]]:
    loads = dict.fromkeys(load for own in tools.values() for load in own)
    for load in loads:
        for name, own in tools.items():
            found = own.get(load, {})
            cells = [load.partition(" ")[0], name]
            for _, figure, form in _PEER_FIGURES:
                value = found.get(figure)
                cells.append("not told" if value is None else form.format(value))
            yield cells


_PEER_FIGURES = (
    ("TTFT error, mean", "ttft_error_mean_ms", "{:.2f} ms"),
    ("of its p99", "ttft_error_p99_ms", "{:.2f} ms"),
    ("ITL error, of its p99", "itl_error_p99_ms", "{:.2f} ms"),
    ("of the ideal rate", "of_ideal_rate", "{:.1%}"),
    ("CPU s for 1000 requests", "cpu_s_per_1000", "{:.2f}"),
    ("the server late itself, p99", "server_late_p99_ms", "{:.0f} ms"),
)


if __name__ == "__main__":
    sys.exit(written(DOCUMENT, document(), sys.argv[1:]))
