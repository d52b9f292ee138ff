"""Where the model and the baseline stand on single calls of the Berkeley Function Calling Leaderboard.

    python -m training.embedded.bfcl --data FOLDER [--model FOLDER] [--out FILE]

FOLDER holds BFCL_v4_simple_python.json and BFCL_v4_multiple.json with possible_answer/ beside them
(github.com/ShishirPatil/gorilla, Apache-2.0). The comparison follows the leaderboard's value rules for scalars and
lists; it is not the official checker, and nothing was trained on this data.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from training.embedded.baseline import heuristic_call
from training.embedded.evaluate import Figure
from unified_intelligence.embedded.router import FOLDER, Router
from unified_intelligence.entities.tools import ToolSpec

CATEGORIES = ("simple_python", "multiple")
_TYPES = {"dict": "object", "float": "number", "tuple": "array"}
_IGNORED = re.compile(r"[ ,./\-_*^]")

Accepted = Mapping[str, Sequence[object]]


@dataclass(frozen=True, slots=True)
class Row:
    question: str
    specs: tuple[ToolSpec, ...]
    name: str
    accepted: Accepted


def rows(folder: Path, category: str) -> Iterator[Row]:
    file = f"BFCL_v4_{category}.json"
    asked = (folder / file).read_text(encoding="utf-8").splitlines()
    answers = (folder / "possible_answer" / file).read_text(encoding="utf-8").splitlines()
    for question, answer in zip(asked, answers, strict=True):
        case, truth = json.loads(question), json.loads(answer)
        ((name, accepted),) = truth["ground_truth"][0].items()
        yield Row(case["question"][0][0]["content"], tuple(map(_spec, case["function"])), name, accepted)


def right(row: Row, name: str, arguments: Mapping[str, object]) -> bool:
    """Whether a call is among the accepted ones."""
    if name != row.name or set(arguments) - set(row.accepted):
        return False
    return all(
        any(_same(arguments[key], value) for value in values) if key in arguments else "" in values
        for key, values in row.accepted.items()
    )


def _same(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return _plain(one) == _plain(other)
    if isinstance(one, list) and isinstance(other, list):
        first, second = cast("list[object]", one), cast("list[object]", other)
        return len(first) == len(second) and all(map(_same, first, second))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _plain(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')


def _spec(function: Mapping[str, object]) -> ToolSpec:
    parameters = cast("Mapping[str, object]", function["parameters"])
    return ToolSpec(str(function["name"]), str(function["description"]), cast("Mapping[str, object]", _json_types(parameters)))


def _json_types(schema: object) -> object:
    if isinstance(schema, Mapping):
        pairs = cast("Mapping[str, object]", schema).items()
        return {k: _TYPES.get(v, v) if k == "type" and isinstance(v, str) else _json_types(v) for k, v in pairs}
    return schema


def figures(router: Router, folder: Path) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for category in CATEGORIES:
        cases = list(rows(folder, category))
        calls = [router.route_among(case.question, case.specs).call for case in cases]
        by_model = sum(call is not None and right(case, call.function.name, call.arguments) for case, call in zip(cases, calls, strict=True))
        named = sum(call is not None and call.function.name == case.name for case, call in zip(cases, calls, strict=True))
        by_baseline = sum(right(case, *heuristic_call(case.question, case.specs)) for case in cases)
        found[f"bfcl {category}, model"] = Figure(by_model, len(cases))
        found[f"bfcl {category}, function chosen by the model"] = Figure(named, len(cases))
        found[f"bfcl {category}, baseline"] = Figure(by_baseline, len(cases))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=FOLDER)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = {name: figure.as_dict() for name, figure in figures(Router(options.model), options.data).items()}
    text = json.dumps(found, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
