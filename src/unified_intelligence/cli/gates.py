"""How gates that were held are told: in columns for people, as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from unified_intelligence.cli.table import aligned
from unified_intelligence.figures.gate import Held

PASSED = "passed"


class Told(NamedTuple):
    """A gate held against a run, and the word for it: PASSED, or why not."""

    run: str
    held: Held
    word: str


def gate_table(told: Sequence[Told]) -> list[str]:
    """Nothing without any."""
    rows = [
        (own.word, own.held.written, "no such figure" if own.held.found is None else f"{own.held.found:.4g}", own.run)
        for own in told
    ]
    return [aligned([("", "GATE", "FOUND", "RUN"), *rows])] if rows else []


def gates_json(told: Sequence[Told], comparisons: Sequence[object], refused: Sequence[str], code: int) -> object:
    gates = [
        {"run": own.run, "gate": own.held.written, "found": own.held.found, "passed": own.word == PASSED}
        for own in told
    ]
    return {"passed": not code, "exit": code, "gates": gates, "refused": refused, "baseline": comparisons}
