"""`uic bench sweep`: what would be started, what goes on, and the table at the end."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unified_intelligence import __version__
from unified_intelligence.benchmark.metrics import Metrics
from unified_intelligence.benchmark.store import read_metrics
from unified_intelligence.benchmark.sweep import record
from unified_intelligence.benchmark.sweep.record import Attempt, Planned, Record, Run
from unified_intelligence.benchmark.sweep.run import Going, Sweeping, is_measured, plan_of
from unified_intelligence.benchmark.sweep.spec import Sweep, read_sweep
from unified_intelligence.cli.bench.live import watching
from unified_intelligence.cli.bench.places import runs_of
from unified_intelligence.cli.bench.run import INVALID
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.cli.terminated import terminated
from unified_intelligence.config.keys import is_secret
from unified_intelligence.entities.errors import UnifiedIntelligenceError, UnknownNameError

if TYPE_CHECKING:
    from unified_intelligence.benchmark.crew import Watcher

STOPPED = 130


def sweep_servers(output: Output, given: Mapping[str, Any]) -> int:
    """The exit code. Raises what the spec is refused with; a server's failure is in the table."""
    path = Path(given["spec"]).expanduser()
    sweep = read_sweep(path, is_secret)
    going = _going(output, given, path, sweep)
    if given["dry_run"]:
        return _dry(output, sweep, going, as_json=bool(given["json"]))
    sweeping = Sweeping(sweep, going)
    with terminated():
        found = sweeping.run()
    shown = [own for own in found.plan if going.only(own.configuration)]
    metrics = _metrics(going.runs, found, shown)
    if given["json"]:
        import msgspec

        told = {own.name: msgspec.to_builtins(own) for own in metrics.values()}
        output.json({**msgspec.to_builtins(found), "metrics": told}, indented=True)
    else:
        output.line(_table(found, shown, metrics))
    _tell(output, found, shown, going)
    if sweeping.stopped:
        output.warn("Stopped. What was measured is kept; the same command goes on.")
        return STOPPED
    whole = all(_state(found, own, run)[0] == record.MEASURED for own in shown for run in own.runs)
    failed = any(own.failure for own in _latest(found, shown))
    return INVALID if failed or not whole else 0


def _going(output: Output, given: Mapping[str, Any], path: Path, sweep: Sweep) -> Going:
    patterns: list[str] = given["only"] or ["*"]
    names = [own.name for own in sweep.configurations]
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UnknownNameError("configuration", pattern, names, hint=f"All: uic bench sweep {path} --dry-run")

    def watch(label: str) -> AbstractContextManager[Watcher]:
        return watching(output, label)

    return Going(
        runs=runs_of(output, given["runs"]),
        spec=str(path.absolute()),
        version=__version__,
        environment=output.environment.variables,
        tell=output.note,
        watching=watch,
        again=bool(given["again"]),
        only=lambda name: any(fnmatchcase(name, pattern) for pattern in patterns),
    )


def _dry(output: Output, sweep: Sweep, going: Going, *, as_json: bool) -> int:
    import msgspec

    before = record.read(record.path_of(going.runs, sweep.name))
    plan = [own for own in plan_of(sweep, going) if going.only(own.configuration)]
    if as_json:
        output.json({"name": sweep.name, "plan": msgspec.to_builtins(plan)}, indented=True)
        return 0
    for own in plan:
        measured = [run["load"] for run in own.runs if is_measured(before, run, going.runs) and not going.again]
        output.line(own.configuration)
        output.line(f"  {shlex.join(own.command)}")
        loads = ", ".join(run["load"] + (" (measured)" if run["load"] in measured else "") for run in own.runs)
        output.line(f"  loads: {loads}")
    output.note(f"{len(plan)} configurations, {len(sweep.loads)} loads each. Results go to {going.runs}")
    return 0


def _metrics(folder: Path, found: Record, plan: Sequence[Planned]) -> dict[str, Metrics]:
    """By hash, of the runs that are there and of today's plan; of a search those of what it found."""
    read: dict[str, Metrics] = {}
    for run in (run for own in plan for run in own.runs):
        knee = None if run["run"] else found.found(run["config_hash"])
        try:
            metrics = read_metrics(folder, knee.run if knee else run["run"])
        except UnifiedIntelligenceError:
            continue
        if knee is not None or metrics.config_hash == run["config_hash"]:
            read[run["config_hash"]] = metrics
    return read


def _latest(found: Record, plan: Sequence[Planned]) -> list[Attempt]:
    """The last attempt of each configuration that was tried."""
    attempts = {own.configuration: own for own in found.attempts}
    return [attempts[own.configuration] for own in plan if own.configuration in attempts]


def _state(found: Record, own: Planned, run: Mapping[str, str]) -> tuple[str, str]:
    """Of a load: a state of its run, else why there is none; and what was said."""
    runs: list[Run] = [each for one in found.attempts for each in one.runs if each.config_hash == run["config_hash"]]
    knee = None if run["run"] else found.found(run["config_hash"])
    whole = knee or found.measured(run["config_hash"])
    if whole is not None:
        return whole.state, whole.said
    if runs:
        return runs[-1].state, runs[-1].said
    attempts = [each for each in found.attempts if each.configuration == own.configuration]
    if not attempts:
        return "not tried", ""
    return attempts[-1].failure or "not reached", ""


_HEAD = ("CONFIGURATION", "LOAD", "REQ/S", "OUT TOK/S", "TTFT P50", "P99", "ITL P50", "P99", "FAILED", "GOODPUT", "")


def _table(found: Record, plan: Sequence[Planned], metrics: Mapping[str, Metrics]) -> str:
    return aligned(
        [_HEAD, *(_row(found, own, run, metrics.get(run["config_hash"])) for own in plan for run in own.runs)]
    )


def _row(found: Record, own: Planned, run: Mapping[str, str], metrics: Metrics | None) -> tuple[str, ...]:
    state, why = _state(found, own, run)
    said = "" if state == record.MEASURED else "INVALID" if state == record.INVALID else state
    knee = None if run["run"] else found.found(run["config_hash"])
    said = f"{said} {why}".strip() if knee else said
    load = run["load"] if knee is None else f"{run['load']} {knee.concurrency or '-'}"
    if metrics is None:
        return own.configuration, load, *("-" for _ in _HEAD[3:]), said
    latencies = (metrics.ttft_ms, metrics.itl_ms)
    return (
        own.configuration,
        load,
        f"{metrics.throughput.get('requests_per_s', 0):.2f}",
        f"{metrics.throughput.get('output_tokens_per_s', 0):.1f}",
        *("-" if each is None else f"{part:.1f}" for each in latencies for part in (_p50(each), _p99(each))),
        f"{metrics.counts['failed']}/{metrics.counts['measured']}",
        f"{metrics.goodput.share:.0%}" if metrics.goodput else "-",
        said,
    )


def _p50(own: Any) -> float:
    return own.p50 if own else 0.0


def _p99(own: Any) -> float:
    return own.p99 if own else 0.0


def _tell(output: Output, found: Record, plan: Sequence[Planned], going: Going) -> None:
    for own in _latest(found, plan):
        if own.failure:
            output.warn(f"{own.configuration} failed, {own.failure}: {own.said} Its log: {own.log}")
        for run in own.runs:
            if run.state not in {record.MEASURED, record.STOPPED}:
                output.warn(f"{run.run} is {run.state.upper()}: {run.said}.")
        if own.ended is not None and own.ended.outlived:
            output.warn(
                f"{own.configuration}: these outlived their server and were ended: {'; '.join(own.ended.outlived)}."
            )
    output.note(f"Kept in {record.path_of(going.runs, found.name)} and as runs beside it: uic bench show")
