"""`uic eval compare` and `uic eval gate`: what changed, and whether it is good enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from unified_intelligence.cli.evaluation.places import folder_of
from unified_intelligence.cli.gates import PASSED, Told, gate_table, gates_json
from unified_intelligence.cli.numbers import wrong
from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.evaluation.compare import ALPHA, PAIRED, Comparison, Flip, Row, as_json, compare, read
from unified_intelligence.evaluation.gate import hold, is_for, read_gate, refusal
from unified_intelligence.evaluation.metrics import is_complete
from unified_intelligence.figures.gate import Held

GOOD, WORSE, INCOMPLETE = 0, 1, 3
_FLIPS = 20


def compare_runs(output: Output, parameters: Mapping[str, Any]) -> int:
    runs, shown = parameters["runs"], _whole(parameters["flips"])
    before, after = (read(folder_of(output, parameters[name], runs)) for name in ("before", "after"))
    found = compare(before, after, force=bool(parameters["force"]))
    if parameters["json"]:
        output.json(as_json(found), indented=True)
    else:
        output.line("\n".join(_lines(found, shown)))
    if found.forced:
        output.warn("Their data or scorers differ: the difference may not be the model's.")
    _tell_unpaired(output, found)
    for run in (before.run, after.run):
        if not is_complete(run):
            output.warn(f"{refusal(run)} Nothing follows from it.")
    if not found.complete:
        return INCOMPLETE
    return WORSE if found.regressions else GOOD


def _tell_unpaired(output: Output, found: Comparison) -> None:
    pairs, left = found.rows[0].n, len(found.unpaired)
    if left:
        output.warn(
            f"Only {pairs} of {pairs + left} questions have an answer in both {found.first} and {found.second}; "
            "nothing is said of the others."
        )


def hold_gates(output: Output, parameters: Mapping[str, Any]) -> int:
    """Raises InvalidRequestError for a gate that cannot be read, and for one that no run is meant by."""
    gates = [read_gate(written) for written in cast("list[str] | None", parameters["min"]) or ()]
    if not gates and not parameters["baseline"]:
        raise InvalidRequestError("There is nothing to hold it against.", hint='Such as: --min "accuracy.lower>=0.9"')
    found = [read(folder_of(output, name, parameters["runs"])) for name in cast("list[str]", parameters["run"])]
    for gate in gates:
        if not any(is_for(gate, own.run) for own in found):
            suites = ", ".join(own.run.asking.suite for own in found)
            raise InvalidRequestError(
                f"{gate.limit.written!r} is for no run given here: {suites}.", hint="Name its run too."
            )
    held = [(own.run, hold(gate, own.run)) for gate in gates for own in found if is_for(gate, own.run)]
    refused = [told for own in found if (told := refusal(own.run))]
    comparisons: list[Comparison] = []
    if parameters["baseline"]:
        baseline = read(folder_of(output, parameters["baseline"], parameters["runs"]))
        comparisons = [compare(baseline, own) for own in found]
        refused += [told] if (told := refusal(baseline.run)) else []
    code = _code([own for _, own in held], comparisons, refused)
    passed = "refused" if refused else PASSED
    judged = [Told(run.name, own, passed if own.passed else "FAILED") for run, own in held]
    if parameters["json"]:
        output.json(gates_json(judged, [*map(as_json, comparisons)], refused, code), indented=True)
    else:
        output.line("\n".join(gate_table(judged) + _compared(comparisons, passed)))
    for own in found:
        if (asked := len(own.run.planned_ids)) < own.run.dataset.n:
            output.warn(f"{own.run.name} asked {asked} of the {own.run.dataset.n} questions of {own.run.asking.suite}.")
    for own in comparisons:
        _tell_unpaired(output, own)
    for told in refused:
        output.warn(f"{told} No gate passes.")
    return code


def _code(held: Sequence[Held], comparisons: Sequence[Comparison], refused: Sequence[str]) -> int:
    if refused:
        return INCOMPLETE
    passed = all(own.passed for own in held) and not any(own.regressions for own in comparisons)
    return GOOD if passed else WORSE


def _compared(comparisons: Sequence[Comparison], passed: str) -> list[str]:
    lines: list[str] = []
    for own in comparisons:
        worse = ", ".join(row.slice for row in own.regressions)
        state = (
            f"FAILED  significantly worse than {own.first}: {worse}"
            if worse
            else f"{passed}  not significantly worse than {own.first}"
        )
        lines += [state, aligned([_HEAD, *map(_row, own.rows)])]
    return lines


_HEAD = ("SLICE", "PAIRS", "BEFORE", "AFTER", "DIFFERENCE", "95 % INTERVAL", "LOST", "GAINED", "P", "")


def _row(row: Row) -> tuple[str, ...]:
    p = f"{row.p_holm:.3g}"
    verdict = "" if not row.significant else "worse" if row.difference < 0 else "better"
    interval = f"[{row.ci.lo:+.1%}, {row.ci.hi:+.1%}]"
    return (
        row.slice, str(row.n), f"{row.first:.1%}", f"{row.second:.1%}", f"{row.difference:+.1%}", interval,
        str(row.only_first), str(row.only_second), p, verdict,
    )  # fmt: skip


def _lines(found: Comparison, shown: int) -> list[str]:
    lines = [f"{found.first} -> {found.second}"]
    lines += [f"  {name}: {_value(one)} -> {_value(other)}" for name, (one, other) in found.changed.items()]
    lines += ["", aligned([_HEAD, *map(_row, found.rows)])]
    lines.append(f"P: exact, two-sided; of slices after Holm; below {ALPHA} it is called significant.")
    for what, flips in (("lost", found.lost), ("gained", found.gained)):
        lines += _flips(what, flips, shown)
    if found.unpaired:
        lines.append(
            f"\n{len(found.unpaired)} not counted, without an answer on one side: {', '.join(found.unpaired[:5])}"
        )
    return [*lines, *_costs(found)]


def _value(value: object) -> str:
    return "not set" if value in {None, ""} else str(value)[:80]


def _flips(what: str, flips: Sequence[Flip], shown: int) -> list[str]:
    if not flips:
        return [f"\nNone {what}."]
    rows = [(f"  {own.sample_id}", own.before, "->", own.after) for own in flips[:shown]]
    more = [f"  and {len(flips) - shown} more: --flips {len(flips)}"] if len(flips) > shown else []
    return [f"\n{len(flips)} {what}:", *([aligned(rows)] if rows else []), *more]


def _costs(found: Comparison) -> list[str]:
    rows = [
        (f"latency {name}", f"{one:.3g} s", f"{other:.3g} s", f"{other - one:+.3g} s")
        for name, (one, other) in found.latency.items()
        if one is not None and other is not None and name != PAIRED
    ]
    paired = found.latency[PAIRED][1]
    if paired is not None:
        rows.append(("of one sample, in the median", "", "", f"{paired:+.3g} s"))
    one, other = found.tokens
    rows.append(("tokens written", str(one), str(other), f"{other - one:+d}"))
    first, second = found.cost
    if isinstance(first, int | float) and isinstance(second, int | float):
        rows.append(("cost", f"{first:.4g} USD", f"{second:.4g} USD", f"{second - first:+.4g} USD"))
    return ["", aligned([("", "BEFORE", "AFTER", "DIFFERENCE"), *rows])]


def _whole(text: str | None) -> int:
    if text is None:
        return _FLIPS
    if not (text.isascii() and text.isdigit()):
        wrong("eval compare", "flips", "a whole number", text)
    return int(text)
