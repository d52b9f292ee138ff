"""What a start costs: CPU time of a whole process over that of `python -c pass`, in the same round.

    python benchmarks/startup.py [--rounds N] [--output FILE]

Rounds go through all commands in turn, so that a change of the machine's pace meets all of them; the figure is the
median over rounds. CPU time is user and system time of the child and its children, from the kernel. `llm`, where it is
installed in the same environment, is measured beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
BARE = "python -c pass"
QUESTION = "What is 15 % of 240?"


def commands() -> dict[str, list[str]]:
    """What is measured, by the name it is reported under."""
    bin_folder = Path(sys.executable).parent
    uic = [str(bin_folder / "uic")]
    found = {
        BARE: [sys.executable, "-c", "pass"],
        "uic --version": [*uic, "--version"],
        "uic --help": [*uic, "--help"],
        "uic, echo": [*uic, "--provider", "echo", "--query", QUESTION],
        "uic, embedded": [*uic, "--provider", "embedded", "--query", QUESTION],
    }
    other = bin_folder / "llm"
    if other.is_file():
        found |= {"llm --version": [str(other), "--version"], "llm --help": [str(other), "--help"]}
    return found


def cpu_seconds(command: list[str]) -> float | None:
    """User and system time of one run; None if it failed."""
    nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    process = os.posix_spawn(command[0], command, os.environ, file_actions=nowhere)
    _, status, usage = os.wait4(process, 0)
    return usage.ru_utime + usage.ru_stime if status == 0 else None


def measure(rounds: int) -> dict[str, list[float]]:
    """Seconds by command and round. A command that fails in the first, warming round is left out and named."""
    wanted = commands()
    for name, command in list(wanted.items()):
        if cpu_seconds(command) is None:
            print(f"left out, it fails: {name}", file=sys.stderr)
            del wanted[name]
    seconds: dict[str, list[float]] = {name: [] for name in wanted}
    for _ in range(rounds):
        for name, command in wanted.items():
            spent = cpu_seconds(command)
            if spent is None:
                raise SystemExit(f"{name} failed in one round and not in another.")
            seconds[name].append(spent)
    return seconds


def report(seconds: Mapping[str, Sequence[float]]) -> dict[str, object]:
    """The result file's content."""
    bare = seconds[BARE]
    ratios = {name: median(a / b for a, b in zip(spent, bare, strict=True)) for name, spent in seconds.items()}
    return {
        "command": f"python benchmarks/startup.py --rounds {len(bare)}",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "rounds": len(bare),
        "times the CPU time of python -c pass": {name: round(ratio, 2) for name, ratio in ratios.items()},
        "CPU seconds": {name: round(median(spent), 4) for name, spent in seconds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, default=HERE / "results/startup.json")
    options = parser.parse_args()
    seconds = measure(options.rounds)
    result = report(seconds)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    width = max(map(len, seconds))
    bare = seconds[BARE]
    for name, spent in seconds.items():
        ratio = median(a / b for a, b in zip(spent, bare, strict=True))
        print(f"{name:<{width}}  {ratio:6.2f} x  {median(spent) * 1000:8.1f} ms CPU")


if __name__ == "__main__":
    main()
