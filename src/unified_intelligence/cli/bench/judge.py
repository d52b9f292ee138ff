"""`uic bench compare` and `uic bench gate`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unified_intelligence.benchmark.compare import Change, Comparison, as_json, compare
from unified_intelligence.benchmark.gate import hold, read_gate
from unified_intelligence.benchmark.store import read
from unified_intelligence.cli.bench.places import runs_of
from unified_intelligence.cli.gates import PASSED, Told, gate_table, gates_json
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.entities.errors import InvalidRequestError

WORSE, INVALID = 1, 3


def compare_runs(output: Output, given: Mapping[str, Any]) -> int:
    folder = runs_of(output, given["runs"])
    found = compare(read(folder, given["before"]), read(folder, given["after"]))
    if given["json"]:
        output.json(as_json(found), indented=True)
    else:
        output.line("\n".join(_lines(found)))
    for why in found.invalid:
        output.warn(f"INVALID, {why}.")
    if found.invalid:
        return INVALID
    return WORSE if found.worse else 0


def hold_gates(output: Output, given: Mapping[str, Any]) -> int:
    gates = [read_gate(written) for written in given["hold"] or ()]
    if not gates and not given["baseline"]:
        raise InvalidRequestError("There is no gate to hold.", hint="Such as: --hold 'ttft_ms.p99<=500'")
    folder = runs_of(output, given["runs"])
    stored = [read(folder, run) for run in given["run"]]
    held = [(own.metrics, hold(gate, own.metrics)) for own in stored for gate in gates]
    told = [Told(run.name, own, "INVALID" if run.invalid else PASSED if own.passed else "FAILED") for run, own in held]
    before = read(folder, given["baseline"]) if given["baseline"] else None
    comparisons = [compare(before, own) for own in stored] if before else []
    refused = [f"{own.metrics.name}: {why}" for own in stored for why in own.metrics.invalid]
    if before is not None:
        refused += [f"{before.metrics.name}: {why}" for why in before.metrics.invalid]
    missed = any(not own.passed for _, own in held) or any(own.worse for own in comparisons)
    code = INVALID if refused else WORSE if missed else 0
    if given["json"]:
        output.json(gates_json(told, [*map(as_json, comparisons)], refused, code), indented=True)
    else:
        output.line("\n".join(_gate_lines(told, comparisons, refused)))
    return code


def _gate_lines(told: Sequence[Told], comparisons: Sequence[Comparison], refused: Sequence[str]) -> list[str]:
    lines = [*(f"INVALID  {why}: no gate can be held against it." for why in refused), *gate_table(told)]
    for own in comparisons:
        state = f"FAILED  significantly worse than {own.first}: {', '.join(own.worse)}"
        lines += [state if own.worse else f"passed  not significantly worse than {own.first}"]
        lines.append(aligned([_HEAD, *map(_row, own.changes)]))
    return lines


_HEAD = ("FIGURE", "BEFORE", "AFTER", "DIFFERENCE", "", "99 % INTERVAL", "")


def _row(own: Change) -> tuple[str, ...]:
    share = "" if own.share is None else f"{own.share:+.1%}"
    interval = f"[{own.lower:+.3g}, {own.upper:+.3g}]"
    return own.figure, f"{own.before:.4g}", f"{own.after:.4g}", f"{own.difference:+.3g}", share, interval, own.verdict


def _lines(found: Comparison) -> list[str]:
    lines = [f"{found.first} -> {found.second}", *(f"INVALID  {why}" for why in found.invalid)]
    for name, (one, other) in found.changed.items():
        lines.append(f"  {name}: {str(one)[:90]} -> {str(other)[:90]}")
    return [
        *lines,
        "",
        aligned([_HEAD, *map(_row, found.changes)]),
        "noise: the interval of the difference holds 0; small: under 1 % or 0.2 ms. What differs between two runs of "
        "one server on two days is not in it.",
    ]
