"""`uic eval list` and `uic eval show`: suites, runs, and the figures of one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import msgspec

from unified_intelligence.cli.evaluation.places import folder_of, names, runs_of
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError
from unified_intelligence.evaluation import suites
from unified_intelligence.evaluation.compare import read
from unified_intelligence.evaluation.length_reports import (
    HEURISTIC,
    LengthReport,
    is_length_report,
    lines_of,
    read_length_report,
)
from unified_intelligence.evaluation.metrics import fault
from unified_intelligence.evaluation.outcome import OUTCOMES
from unified_intelligence.evaluation.record import Attempt, Metric, Run

_EXAMPLES = 5


def show_suites(output: Output, *, as_json: bool) -> int:
    rows = [{"name": name, "summary": suites.summary(name)} for name in suites.names()]
    if as_json:
        output.json(rows, indented=True)
    else:
        output.line(aligned([("SUITE", "WHAT IT ASKS"), *((row["name"], row["summary"]) for row in rows)]))
        output.line("\nA JSON Lines file is a suite too: uic eval run FILE.jsonl --provider NAME")
    return 0


def show_runs(output: Output, given: str | None, *, as_json: bool) -> int:
    folder = runs_of(output, given)
    runs = _readable(output, [folder / name for name in names(folder)])
    if as_json:
        output.json([_builtins(run) for run in runs], indented=True)
        return 0
    if not runs:
        output.note(f"There is no run in {folder}. The first one: uic eval run arithmetic --provider embedded")
        return 0
    rows = [
        (run.name, run.status, _share(run.metric("accuracy")), _share(run.metric("coverage")), run.started_at[:16])
        for run in runs
    ]
    output.line(aligned([("RUN", "STATUS", "RIGHT OF ANSWERED", "ANSWERED", "BEGUN"), *rows]))
    return 0


def _readable(output: Output, folders: Iterable[Path]) -> list[Run]:
    """All runs that can be read; a broken one does not hide the others."""
    found: list[Run] = []
    for folder in folders:
        try:
            found.append(read(folder).run)
        except ConfigurationError as error:
            output.warn(error.message)
    return found


def show_run(output: Output, name: str, given: str | None, *, sample: str | None, as_json: bool) -> int:
    if is_length_report(Path(name).expanduser()):
        return _show_lengths(output, read_length_report(Path(name).expanduser()), as_json=as_json)
    folder = folder_of(output, name, given)
    run, attempts, questions = read(folder)
    if sample is not None:
        found = [own for own in attempts if own.sample_id == sample]
        if not found:
            raise UnknownNameError("sample", sample, {own.sample_id for own in attempts})
        shown = {"question": questions.get(sample), "attempts": found}
        output.json(msgspec.to_builtins(shown), indented=True)
        return 0
    if as_json:
        output.json(_builtins(run), indented=True)
        return 0
    output.line("\n".join([*summary_lines(run), *_failures(attempts)]))
    return 0


def _show_lengths(output: Output, report: LengthReport, *, as_json: bool) -> int:
    """What a result file of the older form holds, under its own name."""
    if as_json:
        output.json({"heuristic": HEURISTIC, **cast("dict[str, object]", msgspec.to_builtins(report))}, indented=True)
        return 0
    output.line("\n".join(lines_of(report)))
    output.note("It is not a run: it cannot be compared or held against a gate. uic eval run qwen3-eval makes one.")
    return 0


def _builtins(run: Run) -> object:
    return msgspec.to_builtins(run)


def summary_lines(run: Run) -> list[str]:
    """A run for people: what it was, how its attempts ended, its figures."""
    model = f", {run.model.options['model']}" if "model" in run.model.options else ""
    route = f", route {run.model.route}" if run.model.route else ""
    of = f"{len(run.planned_ids)} of {run.dataset.n}" if len(run.planned_ids) < run.dataset.n else str(run.dataset.n)
    lines = [
        f"{run.name}: {run.status}",
        f"  {run.dataset.name} {run.dataset.version} (sha256 {run.dataset.sha256[:12]}), {of} questions, "
        f"{run.scorer.name} {run.scorer.version}",
        f"  by {run.model.provider}{model}{route}",
    ]
    if run.heuristic:
        lines.append(f"  Not correctness: {run.heuristic}")
    lines += ["", "  ".join(f"{run.counts.get(own, 0)} {own}" for own in OUTCOMES) + _missing(run), ""]
    lines.append(aligned([("FIGURE", "OF", "VALUE", "95 % INTERVAL"), *map(_row, _by_name(run.metrics))]))
    lines += _notes(run)
    return lines


def _by_name(metrics: Sequence[Metric]) -> list[Metric]:
    """Each figure with its slices below it, in the order of the figures."""
    names = [*dict.fromkeys(own.name for own in metrics)]
    return sorted(metrics, key=lambda own: names.index(own.name))


def _missing(run: Run) -> str:
    return f"  {run.counts['missing']} not asked" if run.counts.get("missing") else ""


def _row(metric: Metric) -> tuple[str, str, str, str]:
    name = metric.name if metric.slice == "all" else f"  {metric.slice}"
    of = f"{metric.k:g}/{metric.n}" if metric.k is not None else str(metric.n)
    value = "-" if metric.value is None else f"{metric.value:.4g}" if metric.k is None else f"{metric.value:.1%}"
    return name, of, value, f"[{metric.ci.lo:.1%}, {metric.ci.hi:.1%}]" if metric.ci else ""


def _notes(run: Run) -> list[str]:
    notes: list[str] = []
    errors = {name.removeprefix("error: "): n for name, n in run.error_types.items() if name.startswith("error: ")}
    if errors:
        notes.append("errors: " + ", ".join(f"{name} {n}" for name, n in errors.items()))
    if run.unattainable:
        notes.append(f"{len(run.unattainable)} of the questions cannot be passed: {_some(run.unattainable)}")
    if run.disputed:
        notes.append(f"The truth of {len(run.disputed)} is doubted: {_some(list(run.disputed))}")
    if run.pairs:
        first, second = cast("list[str]", run.pairs["languages"])
        notes.append(
            f"{run.pairs['n']} pairs: only {first} right {run.pairs[f'only_{first}']}, only {second} right "
            f"{run.pairs[f'only_{second}']}, p = {run.pairs['p']:.3g}"
        )
    seconds = [f"{name} {value:.3g} s" for name, value in run.latency_s.items() if value is not None]
    if seconds:
        notes.append("latency: " + ", ".join(seconds))
    if run.cost.get("usd") is not None:
        notes.append(f"cost: {run.cost['usd']} USD, by {run.cost['basis']}")
    return ["", *notes] if notes else []


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _EXAMPLES} more" if len(names) > _EXAMPLES else ""
    return ", ".join(names[:_EXAMPLES]) + more


def _failures(attempts: Iterable[Attempt]) -> list[str]:
    """What did not come right, by its kind, the most frequent first."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for own in attempts:
        if own.outcome != "right":
            groups[fault(own)].append(own.sample_id)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return (
        ["", aligned([("FAULT", "HOW OFTEN", "SUCH AS"), *((k, str(len(v)), _some(v)) for k, v in ordered)])]
        if groups
        else []
    )


def _share(metric: Metric | None) -> str:
    return "-" if metric is None or metric.value is None else f"{metric.value:.1%}"
