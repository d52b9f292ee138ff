"""Sets when the model calls nothing: the log-odds at which made-up questions it never trained on are told apart best.

    python -m training.embedded.calibrate --model FOLDER

The hand-written cases take no part in it: they are for judging.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from training.embedded import built_in_examples, unseen_tools
from unified_intelligence.embedded.prompt import render
from unified_intelligence.embedded.router import SETTINGS, Router

HELD_OUT_SEED = 90210
NEVER_REFUSE = -1000.0
# Refusing what can be answered is worse than trying what cannot; a term explained though something else was asked about it
# is at least true.
FALSE_REFUSAL_COST = {"built_in": 2.0, "glossary": 5.0, "help": 5.0, "user": 6.0}


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold and what it gave on the held-out questions."""

    threshold: float
    false_refusals: float
    false_calls: float


def calibrate(wanted: Sequence[float], unwanted: Sequence[float], refusal_cost: float) -> Calibration:
    """The threshold of least cost; `wanted` are the scores of questions that a tool answers, `unwanted` of the others.

    The cost is the share of the wanted that are refused, times `refusal_cost`, and of the unwanted that are called.
    """
    best = Calibration(NEVER_REFUSE, 0.0, 1.0)
    least = 1.0
    for threshold in sorted({*wanted, *unwanted}):
        refusals = sum(score < threshold for score in wanted) / max(1, len(wanted))
        calls = sum(score >= threshold for score in unwanted) / max(1, len(unwanted))
        if refusal_cost * refusals + calls < least:
            least = refusal_cost * refusals + calls
            best = Calibration(threshold, refusals, calls)
    return best


Scores = dict[str, tuple[list[float], list[float]]]


def scores(router: Router, count: int) -> Scores:
    """For each threshold the scores of held-out questions: of those a tool answers, and of the others."""
    found: Scores = {name: ([], []) for name in FALSE_REFUSAL_COST}
    for example in islice(built_in_examples.examples(HELD_OUT_SEED, none_share=0.5), count):
        route = router.route(example.question)
        if route.call is not None or example.function is not None:
            found[router.sort_of(route)][example.function is None].append(route.score)
    for example in islice(unseen_tools.examples(HELD_OUT_SEED), count):
        found["user"][example.call is None].append(router.route_among(example.query, example.tools).score)
    return found


def calibrate_folder(folder: Path, count: int) -> None:
    """Sets the thresholds of a folder's router.json from `count` held-out questions of each sort."""
    write_settings(folder, dict.fromkeys(FALSE_REFUSAL_COST, Calibration(NEVER_REFUSE, 0.0, 1.0)), 0)
    held_out = scores(Router(folder), count)
    found = {name: calibrate(*both, FALSE_REFUSAL_COST[name]) for name, both in held_out.items()}
    print(write_settings(folder, found, count))


def write_settings(folder: Path, found: Mapping[str, Calibration], count: int) -> str:
    """Writes router.json: the thresholds, how they did, and the template's words around a lone question."""
    before, after = render(folder, "\0").split("\0")
    held_out = {
        name: {"false_refusals": round(one.false_refusals, 4), "false_calls": round(one.false_calls, 4)}
        for name, one in found.items()
    }
    values = {name: round(one.threshold, 3) for name, one in found.items()}
    settings = values | {
        "before": before, "after": after,
        "calibration": {"questions": count, "seed": HELD_OUT_SEED, "held_out": held_out},
    }  # fmt: skip
    text = json.dumps(settings, indent=2)
    (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--count", type=int, default=2000, help="questions of each sort")
    options = parser.parse_args()
    calibrate_folder(options.model, options.count)


if __name__ == "__main__":
    main()
