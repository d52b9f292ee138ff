"""Writes MODEL_CARD.md from results.json.

python -m training.embedded.card [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unified_intelligence.figures.markdown import table

HERE = Path(__file__).parent
CARD = HERE / "MODEL_CARD.md"
BARS = {
    "built-in tool chosen": 0.97,
    "whole call exact": 0.92,
    "glossary term found": 0.97,
    "out of scope recognised": 0.95,
    "false refusals": -0.03,
    "never-seen schemas exact": 0.75,
    "valid JSON": 1.0,
}
LEADERBOARD_CEILING = {"simple_python": 0.797, "multiple": 0.83}


def card(results: Mapping[str, Any]) -> str:
    return "\n".join([*_introduction(results), *_accuracy(results["figures"]), *_making(results)])


def _introduction(results: Mapping[str, Any]) -> list[str]:
    sizes = results["sizes"]
    return [
        "# The embedded model",
        "",
        "Written by `python -m training.embedded.card` from [results.json](results.json) of "
        f"{results['date']}; change the results, not this page.",
        "",
        "## What it is",
        "",
        f"A language model of {sizes['parameters']:,} parameters in the Qwen3 architecture ({sizes['layers']} layers, "
        f"width {sizes['width']}, a vocabulary of {sizes['vocabulary']:,} of its own; {sizes['bytes'] / 1e6:.1f} MB in "
        "bfloat16), trained from random weights with a copying circuit written into them. No weights and no data come "
        "from elsewhere: the phrasings, word lists and tool descriptions in this folder were written for it, and a "
        "generator combines them.",
        "",
        "It routes and extracts; it knows nothing. From a question it writes one function call: of the built-in tools, "
        "or of tools described to it. Decoding admits only what the schema and the question allow, so every value in a "
        "call stood in the question or in the schema. Code computes the answer and words it.",
        "",
        "## What it is for, and not for",
        "",
        "- Questions in English and French that the built-in tools compute or look up; single calls of tools it has "
        "never seen, with their values copied from the question.",
        "- Not for text, code, translation, facts, several calls at once, nested arguments, or values that must be "
        "inferred (a weekday turned into a date).",
        "- It reads the last question only, and it can be wrong: the answer names what was understood.",
        "",
    ]


def _accuracy(figures: Mapping[str, Mapping[str, float]]) -> list[str]:
    return [
        "## How often it is right",
        "",
        f"On {_cases()} hand-written questions ([cases.jsonl](cases.jsonl)) whose writer had not seen the phrasings, with "
        "95 % Wilson intervals. A bar is what was asked of the model before it was trained. The misses were looked at between "
        "checkpoints: rules of decoding, the weight of shared words, the costs behind the thresholds and the mixture of the "
        "last stage were chosen with these questions in view, so the figures are optimistic for questions nobody has seen. No "
        "phrasing was written from a case.",
        "",
        table(
            (*_HEADS, "bar"),
            ((*_row(name, row), _bar(name)) for name, row in figures.items() if not name.startswith("bfcl")),
        ),
        "",
        *_leaderboard(figures),
    ]


def _making(results: Mapping[str, Any]) -> list[str]:
    training = results["training"]
    return [
        "## How it was made",
        "",
        f"{_total(training, 'steps'):,} steps of {training['tokens_per_step']:,} tokens in {len(training['ran'])} stages "
        f"({_total(training, 'tokens') / 1e6:.1f} million tokens), {_total(training, 'seconds') / 60:.0f} minutes on "
        f"{training['threads']} CPU threads of a shared machine; Muon for the matrices, AdamW for "
        "the rest; cosine schedule. The thresholds of refusal were found on generated questions held out of training, not "
        "on the cases above.",
        "",
        "```",
        "python -m training.embedded.train --out training/embedded/runs/latest",
        "python -m training.embedded.release --run training/embedded/runs/latest",
        "```",
        "",
        "The same machine and library versions give the same weights; another processor rounds differently. Checksums "
        "of recipe, data, code and weights are in results.json.",
        "",
        table(("library", "version"), results["libraries"].items()),
        "",
    ]


def _total(training: Mapping[str, Any], what: str) -> int:
    return sum(row[what] for row in training["ran"])


_HEADS = ("figure", "right", "share", "interval")


def _row(name: str, row: Mapping[str, float]) -> tuple[str, ...]:
    interval = f"{100 * row['low']:.1f} to {100 * row['high']:.1f} %"
    return name, f"{row['right']}/{row['of']}", f"{100 * row['share']:.1f} %", interval


def _bar(name: str) -> str:
    bar = BARS.get(name)
    return "" if bar is None else f"at most {-100 * bar:.0f} %" if bar < 0 else f"{100 * bar:.0f} %"


def _leaderboard(figures: Mapping[str, Mapping[str, float]]) -> list[str]:
    rows = {name: row for name, row in figures.items() if name.startswith("bfcl")}
    if not rows:
        return []
    ceilings = ", ".join(f"{100 * share:.1f} % of {name}" for name, share in LEADERBOARD_CEILING.items())
    return [
        "On single calls of the Berkeley Function Calling Leaderboard v4 (its data, our comparison, not the official "
        "checker), beside a heuristic without a model ([baseline.py](baseline.py)). Values that stand literally in the "
        f"question or schema bound any extractor to {ceilings}.",
        "",
        table(_HEADS, (_row(name, row) for name, row in rows.items())),
        "",
    ]


def _cases() -> int:
    return len((HERE / "cases.jsonl").read_text(encoding="utf-8").splitlines())


def text_of_card() -> str:
    return card(json.loads((HERE / "results.json").read_text(encoding="utf-8")))


def write_card() -> None:
    CARD.write_text(text_of_card(), encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the page is what would be written")
    if not parser.parse_args().check:
        write_card()
        return 0
    if CARD.read_text(encoding="utf-8") == text_of_card():
        return 0
    print("MODEL_CARD.md is out of date: python -m training.embedded.card", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
