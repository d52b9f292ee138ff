"""How many verdicts a second the checker of BFCL gives on one core, and how many are those of the official one.

    python benchmarks/bfcl_checker.py --data FOLDER [--rounds N] [--output FILE]

FOLDER holds the files of the leaderboard and the recorded verdicts: official_verdicts.jsonl.gz and
official_text_verdicts.jsonl. Everything is read before the clock starts. A round judges every recorded output once, and
another one every recorded
text from its reading on; the figure is the median of the rounds, in CPU time of this process, with the slowest and the
fastest beside it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from unified_intelligence.evaluation.bfcl import Verdict, check, check_text
from unified_intelligence.evaluation.bfcl.cases import CATEGORIES, Case, read_cases
from unified_intelligence.evaluation.bfcl.sources import VERSION, contents
from unified_intelligence.evaluation.suite import Choice

HERE = Path(__file__).parent
Row = Mapping[str, Any]


class Job(NamedTuple):
    """A recorded row with its case."""

    case: Case
    row: Row


def jobs(cases: Mapping[str, Case], content: bytes) -> list[Job]:
    rows = [json.loads(line) for line in content.splitlines()]
    return [Job(cases[row["id"]], row) for row in rows]


def by_output(job: Job) -> Verdict:
    case = job.case
    return check(category=case.category, functions=case.functions, output=job.row["output"], ground_truth=case.truth)


def by_text(job: Job) -> Verdict:
    case = job.case
    return check_text(category=case.category, functions=case.functions, text=job.row["text"], ground_truth=case.truth)


def measure(work: Sequence[Job], judge: Callable[[Job], Verdict], rounds: int) -> dict[str, object]:
    """Verdicts a second, and how many agree in validity and error type."""
    agreed = sum(judge(job) == (job.row["valid"], job.row["error_type"]) for job in work)
    rates: list[float] = []
    for _ in range(rounds):
        start = time.process_time()
        for job in work:
            judge(job)
        rates.append(len(work) / (time.process_time() - start))
    spread = {"median": round(median(rates)), "least": round(min(rates)), "most": round(max(rates))}
    return {"rows": len(work), "agree": agreed, "verdicts a CPU second": spread}


def report(folder: Path, rounds: int) -> dict[str, object]:
    cases: dict[str, Case] = {}
    for category in CATEGORIES:
        choice = Choice(name=f"bfcl/{category}", data=folder)
        cases |= {case.id: case for case in read_cases(category, *contents(category, choice))}
    outputs = jobs(cases, gzip.decompress((folder / "official_verdicts.jsonl.gz").read_bytes()))
    texts = jobs(cases, (folder / "official_text_verdicts.jsonl").read_bytes())
    return {
        "command": f"python benchmarks/bfcl_checker.py --data FOLDER --rounds {rounds}",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "data": f"BFCL {VERSION}",
        "rounds": rounds,
        "outputs": measure(outputs, by_output, rounds),
        "texts": measure(texts, by_text, rounds),
        "note": "17 recorded rows hold the verdict of another row; the official checker, run again, says what we say",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, default=HERE / "results/bfcl_checker.json")
    options = parser.parse_args(arguments)
    found = report(options.data, options.rounds)
    options.output.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
