"""Scores a trained folder on the hand-written cases, each figure with its 95 % Wilson interval.

    python -m training.embedded.evaluate [--model FOLDER] [--cases FILE] [--out FILE] [--misses]
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from training.embedded import unseen_tools
from unified_intelligence.embedded.router import FOLDER, Route, Router
from unified_intelligence.entities.tools import ToolSpec
from unified_intelligence.figures.statistics import wilson
from unified_intelligence.tools.calculator import evaluate as value_of
from unified_intelligence.tools.dates import read_date
from unified_intelligence.tools.glossary import find_terms
from unified_intelligence.tools.registry import BUILT_IN, ToolError

CASES = Path(__file__).parent / "cases.jsonl"

Case = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Figure:
    """A share with its interval."""

    right: int
    of: int

    def as_dict(self) -> dict[str, float]:
        low, high = wilson(self.right, self.of)
        share = self.right / self.of if self.of else 0.0
        return {"right": self.right, "of": self.of, "share": round(share, 4), "low": round(low, 4), "high": round(high, 4)}


@dataclass(frozen=True, slots=True)
class Scored:
    """One case: what was asked of the model and which of the questions about its answer are true."""

    case: Case
    route: Route
    marks: Mapping[str, bool]


def read_cases(path: Path) -> list[Case]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def score(router: Router, case: Case) -> Scored:
    question, expected = str(case["query"]), cast("Mapping[str, object] | None", case["call"])
    if case["kind"] == "unseen":
        route = router.route_among(question, [_spec(tool) for tool in cast("Sequence[Mapping[str, object]]", case["tools"])])
        return Scored(case, route, _unseen_marks(route, expected))
    route = router.route(question)
    if expected is None:
        return Scored(case, route, {"refused": route.call is None})
    return Scored(case, route, _built_in_marks(case, route, expected))


def _built_in_marks(case: Case, route: Route, expected: Mapping[str, object]) -> dict[str, bool]:
    name, arguments = str(expected["name"]), cast("Mapping[str, object]", expected["arguments"])
    made = route.call
    chosen = made is not None and made.function.name == name
    marks = {"accepted": made is not None, "tool": chosen}
    if case["kind"] == "glossary":
        keys = {match.key for match in find_terms(str(arguments["term"]), route.reading.language)}
        return marks | {"term": chosen and made is not None and made.arguments.get("term") in keys}
    return marks | {"exact": chosen and made is not None and same_call(name, made.arguments, arguments)}


def same_call(name: str, made: Mapping[str, object], expected: Mapping[str, object]) -> bool:
    """Whether two calls mean the same once read and with defaults filled in."""
    tool = BUILT_IN[name]
    try:
        first, second = tool.bind(made), tool.bind(expected)
    except ToolError:
        return False
    return all(_same(name, key, first[key], second[key]) for key in second)


def _same(name: str, key: str, one: object, other: object) -> bool:
    if name == "calculate" and key == "expression":
        try:
            return math.isclose(value_of(str(one)), value_of(str(other)), rel_tol=1e-9)
        except ToolError:
            return False
    if name in {"days_between", "shift_date", "weekday"} and key in {"date", "start", "end"}:
        return read_date(str(one)) == read_date(str(other))
    if isinstance(one, list) and isinstance(other, list):
        pairs = list(zip(cast("list[object]", one), cast("list[object]", other), strict=False))
        return len(cast("list[object]", one)) == len(cast("list[object]", other)) and all(_same(name, key, a, b) for a, b in pairs)
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-9)
    return str(one).strip().lower() == str(other).strip().lower()


def _unseen_marks(route: Route, expected: Mapping[str, object] | None) -> dict[str, bool]:
    if expected is None:
        return {"refused": route.call is None}
    made = route.call
    chosen = made is not None and made.function.name == expected["name"]
    accepted = cast("Mapping[str, Sequence[object]]", expected["arguments"])
    right = made is not None and chosen and not made.missing and matches(made.arguments, accepted)
    return {"accepted": made is not None, "tool": chosen, "exact": right}


def matches(made: Mapping[str, object], accepted: Mapping[str, Sequence[object]]) -> bool:
    """Whether every argument is among the accepted values, and none is missing or more than asked for."""
    if set(made) - set(accepted):
        return False
    return all(
        any(_equal(made[key], value) for value in values) if key in made else None in values
        for key, values in accepted.items()
    )


def _equal(one: object, other: object) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        first, second = cast("list[object]", one), cast("list[object]", other)
        return len(first) == len(second) and all(map(_equal, first, second))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-9)
    return str(one).strip().lower() == str(other).strip().lower()


def figures(scored: Sequence[Scored]) -> dict[str, Figure]:
    """The acceptance figures, by name."""

    def share(kinds: str, mark: str, *, language: str = "") -> Figure:
        rows = [
            one for one in scored
            if one.case["kind"] in kinds.split("|") and mark in one.marks and (not language or one.case["lang"] == language)
        ]  # fmt: skip
        return Figure(sum(one.marks[mark] for one in rows), len(rows))

    found = {
        "built-in tool chosen": share("built_in", "tool"),
        "whole call exact": share("built_in", "exact"),
        "glossary term found": share("glossary", "term"),
        "help topic found": share("about", "exact"),
        "out of scope recognised": share("out_of_scope", "refused"),
        "false refusals": Figure(
            sum(not one.marks["accepted"] for one in scored if "accepted" in one.marks and one.case["kind"] != "unseen"),
            sum("accepted" in one.marks and one.case["kind"] != "unseen" for one in scored),
        ),
        "never-seen schemas exact": share("unseen", "exact"),
        "never-seen schemas exact, name new too": _with_new_names(scored),
        "never-seen schemas, function chosen": share("unseen", "tool"),
        "never-seen schemas, none fits": share("unseen", "refused"),
        "valid JSON": Figure(sum(_is_valid(one.route) for one in scored), len(scored)),
    }
    for language in ("en", "fr"):
        found[f"whole call exact ({language})"] = share("built_in", "exact", language=language)
        found[f"out of scope recognised ({language})"] = share("out_of_scope", "refused", language=language)
    return found


def _with_new_names(scored: Sequence[Scored]) -> Figure:
    """Of the cases whose tool has a name that, by chance, no tool in the training data has."""
    known = unseen_tools.names()
    rows = [one for one in scored if "exact" in one.marks and one.case["kind"] == "unseen"]
    new = [one for one in rows if cast("Mapping[str, object]", one.case["call"])["name"] not in known]
    return Figure(sum(one.marks["exact"] for one in new), len(new))


def _is_valid(route: Route) -> bool:
    if route.call is None:
        return True
    try:
        return all(json.loads(literal) is not None for literal in route.call.literals.values())
    except ValueError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=FOLDER)
    parser.add_argument("--cases", type=Path, default=CASES)
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    parser.add_argument("--misses", action="store_true", help="print every case that missed")
    options = parser.parse_args()
    router = Router(options.model)
    scored = [score(router, case) for case in read_cases(options.cases)]
    if options.misses:
        _print_misses(scored)
    found = figures(scored)
    for name, figure in found.items():
        row = figure.as_dict()
        print(f"{name:40} {figure.right:4}/{figure.of:<4} {100 * row['share']:5.1f} %  [{100 * row['low']:.1f}, {100 * row['high']:.1f}]")
    if options.out:
        rows = {name: figure.as_dict() for name, figure in found.items()}
        options.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _print_misses(scored: Sequence[Scored]) -> None:
    missed: Counter[str] = Counter()
    for one in scored:
        if all(one.marks.values()):
            continue
        call = one.route.call
        made = f"{call.function.name}({call.arguments}) missing {call.missing}" if call else "none"
        missed[str(one.case["kind"])] += 1
        print(f"{one.case['id']} {one.route.score:+.1f} | {one.case['query']} | {made} | expected {one.case['call']}")
    print(dict(missed))


def _spec(tool: Mapping[str, object]) -> ToolSpec:
    return ToolSpec(str(tool["name"]), str(tool["description"]), cast("Mapping[str, object]", tool["parameters"]))


if __name__ == "__main__":
    main()
