"""`uic bench show`, and the tables of every other command: INVALID is said in each."""

from __future__ import annotations

from collections.abc import Sequence

from unified_intelligence.benchmark.metrics import Metrics
from unified_intelligence.benchmark.statistics import Distribution
from unified_intelligence.benchmark.store import names, read, read_metrics
from unified_intelligence.cli.bench.places import runs_of
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned

_LATENCIES = (
    ("time to first token", "ttft_ms"),
    ("to first visible", "visible_ms"),
    ("between arrivals", "itl_ms"),
    ("per output token", "tpot_ms"),
    ("whole answer", "e2e_ms"),
    ("from its schedule", "scheduled_ms"),
    ("until it was queued", "join_ms"),
    ("in the queue, as told", "queue_ms"),
    ("until a GPU was lent", "gpu_wait_ms"),
    ("in the model, as told", "compute_ms"),
    ("from its turn to its end", "work_ms"),
)
_SHOWN = ("mean", "p50", "p90", "p95", "p99")


def show_runs(output: Output, given: str | None, *, as_json: bool) -> int:
    """All runs of a folder, the latest first."""
    import msgspec

    folder = runs_of(output, given)
    found = [read_metrics(folder, name) for name in names(folder)]
    if as_json:
        output.json([msgspec.to_builtins(own) for own in found], indented=True)
    elif found:
        output.line(table_of(found))
    else:
        output.note(f"No runs in {folder}. One is made by: uic bench run --url URL")
    return 0


def show_run(output: Output, run: str, given: str | None, *, as_json: bool) -> int:
    import msgspec

    stored = read(runs_of(output, given), run)
    if as_json:
        output.json({**msgspec.to_builtins(stored.metrics), "manifest": stored.manifest}, indented=True)
        return 0
    output.line("\n".join(lines_of(stored.metrics)))
    for kind, message in stored.metrics.failures_said.items():
        output.line(f"  {kind}: {message}")
    return 0


def table_of(found: Sequence[Metrics]) -> str:
    """Runs in a table, one a line."""
    head = ("RUN", "REQ/S", "OUT TOK/S", "TTFT P50", "P99", "ITL P50", "P99", "E2E P50", "P99", "FAILED", "GOODPUT", "")
    return aligned([head, *map(_row, found)])


def lines_of(own: Metrics) -> list[str]:
    """A run for a reader."""
    counts = own.counts
    state = "valid" if own.valid else "INVALID: " + "; ".join(own.invalid)
    lines = [
        f"{own.name}  {own.created}  {state}",
        f"  {_load(own)}, {counts['completed']} of {counts['measured']} answered",
    ]
    if own.failures:
        lines[-1] += " (" + ", ".join(f"{kind} {count}" for kind, count in own.failures.items()) + ")"
    lines += ["", *_latencies(own), "", *_throughput(own), *_gpu(own), *_tokens(own), "", *_health(own)]
    return lines


def _load(own: Metrics) -> str:
    load = own.load
    if load.concurrency:
        how = f"{load.concurrency} at once"
    elif load.trace:
        how = f"a trace of {len(load.trace)}"
    else:
        how = f"{load.rate:g}{f' to {load.rate_end:g}' if load.rate_end else ''} a second, {load.arrival}"
    return f"{how}, {own.seconds:.1f} s after {own.counts['warmup']} to warm up"


def _latencies(own: Metrics) -> list[str]:
    rows: list[tuple[str, ...]] = []
    for title, name in _LATENCIES:
        found: Distribution | None = getattr(own, name)
        hidden = name == "visible_ms" and not own.tokens.get("reasoning_events")
        if found is None or hidden or (name == "scheduled_ms" and not own.load.is_open):
            continue
        ends = found.ci["p99"]
        cells = [f"{getattr(found, part):.2f}" for part in _SHOWN]
        rows.append((f"  {title}", *cells, f"{ends[0]:.2f} .. {ends[1]:.2f}"))
    if not rows:
        return ["  No latency: nothing was answered."]
    return aligned([("  milliseconds", *_SHOWN, "95 % interval of p99"), *rows]).split("\n")


def _throughput(own: Metrics) -> list[str]:
    if not own.counts["completed"]:
        return []
    told = own.throughput
    lines = [
        f"  {told['requests_per_s']:.2f} requests/s, {told['output_tokens_per_s']:.1f} tokens/s written, "
        f"{told['input_tokens_per_s']:.1f} read; one answer {told['output_tokens_per_s_of_a_request']:.1f} tokens/s"
    ]
    if "steady_requests_per_s" in told:
        lines.append(
            f"  while the load was whole: {told['steady_requests_per_s']:.2f} requests/s, "
            f"{told['steady_output_tokens_per_s']:.1f} tokens/s written"
        )
    if own.goodput:
        good = own.goodput
        limits = ", ".join(f"{name} {value:g} ms" for name, value in good.slo.items())
        lines.append(
            f"  goodput: {good.share:.1%} [{good.lo:.1%}, {good.hi:.1%}] within {limits}; {good.requests_per_s:.2f}/s"
        )
    return lines


def _gpu(own: Metrics) -> list[str]:
    """Seconds of a GPU that somebody's quota paid."""
    told = own.gpu
    if not told:
        return []
    whose = f"as the Space told of {told['told']:.0f}" if told["told"] else "the whole time of the work: none were told"
    if "seconds_of_an_answer" not in told:
        return [f"  GPU: {told['seconds']:.1f} s for no answer ({whose})"] if told["seconds"] else []
    each = f"{told['seconds_of_an_answer']:.2f} an answer"
    return [f"  GPU: {told['seconds']:.1f} s, {each} ({whose}); uic cost {own.name}@zero-gpu says how many calls a day"]


def _tokens(own: Metrics) -> list[str]:
    told = own.tokens
    if told.get("output") is None:
        return []
    counted = " and ".join(f"{_COUNTS.get(how, how)} ({count})" for how, count in own.counted_by.items())
    lines = [f"  tokens of an answer: {told['output']:.1f} written, counted by {counted}"]
    if told.get("input") is not None:
        lines[0] += f"; {told['input']:.1f} read"
    if (told["tokens_per_event"] or 1) > 1.05:
        lines.append(f"  {told['tokens_per_event']:.1f} tokens an event: the time between arrivals is not a token's")
    if (told["events_per_arrival"] or 1) > 1.05:
        lines.append(f"  {told['events_per_arrival']:.1f} events an arrival: several came at once")
    if told.get("reasoning_events"):
        lines.append(f"  {told['reasoning_events']:.1f} events of an answer were reasoning")
    return lines


_COUNTS = {
    "usage": "the server's usage",
    "tokenize": "the server's /tokenize",
    "tokenizer": "the tokenizer that was given",
    "events": "events, an estimate",
}


def _health(own: Metrics) -> list[str]:
    told = own.health
    if not told.processes:
        return ["  client: another tool's, of which nothing is known"]
    what = "requests/s" if own.load.is_open else "under way"
    parts = [
        f"client: lag p99 {told.lag_p99_ms:.2f} ms",
        f"{told.delivered:.2f} of {told.asked:.2f} {what}" if told.asked else "too short to tell its steady state",
        f"Little's law {told.in_flight:.1f} / {told.rate_times_latency:.1f}",
        f"{told.cpu:.0%} of a core, {told.cpu_s_per_1000:.2f} CPU s per 1000 requests",
        f"{told.kernel_stamps:.0%} stamped by the kernel",
    ]
    lines = ["  " + ", ".join(parts)]
    lines += [f"  note: {own_note}" for own_note in told.notes]
    if own.calibration:
        worst = max(own.calibration["errors"], key=lambda row: row["ttft_error_p99_ms"])
        lines.append(
            f"  this machine's own error, {own.calibration['created']}: TTFT p99 {worst['ttft_error_p99_ms']:.2f} ms "
            f"at {worst['concurrency']} at once"
        )
    return lines


def _row(own: Metrics) -> tuple[str, ...]:
    def of(name: str, part: str) -> str:
        found: Distribution | None = getattr(own, name)
        return "-" if found is None else f"{getattr(found, part):.1f}"

    told = own.throughput
    return (
        own.name,
        f"{told.get('requests_per_s', 0):.2f}",
        f"{told.get('output_tokens_per_s', 0):.1f}",
        *(of(name, part) for name in ("ttft_ms", "itl_ms", "e2e_ms") for part in ("p50", "p99")),
        f"{own.counts['failed']}/{own.counts['measured']}",
        f"{own.goodput.share:.0%}" if own.goodput else "-",
        "" if own.valid else "INVALID",
    )
