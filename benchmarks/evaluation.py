"""What the harness costs: the same 32 x 50 ms questions through a bare loop, through `uic eval`, through inspect_ai.

    python -m benchmarks.evaluation [--samples N] [--rounds N] [--inspect PYTHON] [--output FILE]

A server in a process of its own answers every question after 50 ms: 32 at once, that is 640 a second at best. The bare
loop asks through the same adapter and writes a line for each answer, without anything else; what `uic eval` takes more
is the harness. PYTHON is an interpreter that has inspect_ai and openai. The ways take turns; a figure is a median.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from unified_intelligence.adapters.llm.openai_compatible_adapter import OpenAICompatibleAdapter
from unified_intelligence.entities.generation import Event, Finished, GenerationConfig, TextDelta, Timings, Usage
from unified_intelligence.entities.message import MessageLike
from unified_intelligence.evaluation.runner import Rules
from unified_intelligence.evaluation.session import Plan, evaluate
from unified_intelligence.evaluation.suite import Choice
from unified_intelligence.evaluation.suites import build
from unified_intelligence.interfaces.text_generator import ITextGenerator

if TYPE_CHECKING:
    from collections.abc import Generator

    from unified_intelligence.evaluation.suite import Suite

AT_ONCE, DELAY = 32, 0.05
IDEAL = AT_ONCE / DELAY
HERE = Path(__file__).parent


class Taken(NamedTuple):
    wall: float
    cpu: float


def suite(folder: Path, samples: int) -> Suite:
    path = folder / "questions.jsonl"
    rows = [
        {"id": f"q{n}", "question": f"Ça va ? 🙂 numéro {n}", "expect": {"contains": "bien"}, "max_tokens": 64}
        for n in range(samples)
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return build(Choice(name=str(path)))


def adapter(url: str) -> OpenAICompatibleAdapter:
    return OpenAICompatibleAdapter(base_url=url, model="m", retries=0)


def bare(url: str, own: Suite, folder: Path) -> None:
    """The least that can be done: ask, write a line."""
    generator, left = adapter(url), iter(own.samples)

    async def worker(file: int) -> None:
        for sample in left:
            answer = await generator.agenerate(sample.messages, sample.config)
            os.write(file, json.dumps({"id": sample.id, "text": answer.text}).encode() + b"\n")

    async def everything(file: int) -> None:
        await asyncio.gather(*(worker(file) for _ in range(AT_ONCE)))

    file = os.open(folder / "bare.jsonl", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    asyncio.run(everything(file))
    os.close(file)
    generator.close()


def ours(url: str, own: Suite, folder: Path) -> None:
    _evaluated(adapter(url), own, folder)


def alone(_: str, own: Suite, folder: Path) -> None:
    _evaluated(Instant(), own, folder)


def _evaluated(generator: ITextGenerator, own: Suite, folder: Path) -> None:
    plan = Plan(
        name="run",
        folder=folder / f"run-{time.monotonic_ns()}",
        choice=Choice(name=own.name),
        suite=own,
        provider="openai_compatible",
        options={"model": "m"},
        version="0",
        rules=Rules(concurrency=AT_ONCE),
    )
    ended = asyncio.run(evaluate(plan, generator))
    generator.close()
    if ended.run.counts["right"] != len(own.samples):
        raise SystemExit(f"only {ended.run.counts} were right")


class Instant(ITextGenerator):
    """Answers at once, without a server: what is left is the harness."""

    honoured = frozenset({"max_tokens", "temperature"})

    async def astream(
        self,
        messages: str | Sequence[MessageLike],  # noqa: ARG002
        config: GenerationConfig | None = None,  # noqa: ARG002
    ) -> AsyncGenerator[Event, None]:
        await asyncio.sleep(0)
        yield TextDelta("Très bien, merci 🙂")
        yield Finished("stop", Usage(9, 4), Timings(0.0, 0.0))


def timed(way: Callable[[str, Suite, Path], None], url: str, own: Suite, folder: Path) -> Taken:
    wall, cpu = time.perf_counter(), time.process_time()
    way(url, own, folder)
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


def inspected(python: str, url: str, samples: int, folder: Path) -> Taken:
    """As many samples through inspect_ai, in a process that tells what its evaluation alone took."""
    done = subprocess.run(
        [python, str(HERE / "judges/inspect_eval.py"), url, str(samples), str(AT_ONCE)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"inspect_ai failed: {done.stderr[-2000:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Taken(told["wall"], told["cpu"])


@contextmanager
def server() -> Generator[str]:
    command = [sys.executable, str(HERE / "evaluation_server.py"), str(DELAY)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        finally:
            process.terminate()


def figures(taken: list[Taken], samples: int) -> dict[str, float]:
    rate = median(samples / own.wall for own in taken)
    return {
        "samples_per_second": round(rate, 1),
        "share_of_ideal": round(rate / IDEAL, 3),
        "cpu_ms_per_sample": round(1000 * median(own.cpu / samples for own in taken), 3),
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--inspect", default="", help="an interpreter that has inspect_ai")
    parser.add_argument("--inspect-samples", type=int, default=200)
    parser.add_argument("--output", type=Path, default=HERE / "results/evaluation.json")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    taken: dict[str, list[Taken]] = {"bare loop": [], "uic eval": [], "alone": []}
    others: list[Taken] = []
    with tempfile.TemporaryDirectory() as made, server() as url:
        folder = Path(made)
        own = suite(folder, given.samples)
        for number in range(given.rounds + 1):
            for name, way in (("bare loop", bare), ("uic eval", ours), ("alone", alone)):
                one = timed(way, url, own, folder)
                taken[name] += [one] if number else []  # the first round warms up
            if given.inspect and number:
                others.append(inspected(given.inspect, url, given.inspect_samples, folder))
    without = figures(taken.pop("alone"), given.samples)["cpu_ms_per_sample"]
    report = {name: figures(one, given.samples) for name, one in taken.items()}
    if others:
        report["inspect_ai"] = figures(others, given.inspect_samples)
    result = {
        "command": "python -m benchmarks.evaluation",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}",
        "worth telling": ["ways: *", "harness_alone_cpu_ms_per_sample", "share_of_bare_loop", "times_inspect_ai"],
        "samples": given.samples,
        "rounds": given.rounds,
        "ideal_per_second": IDEAL,
        "ways": report,
        "harness_alone_cpu_ms_per_sample": without,
        "share_of_bare_loop": round(
            report["uic eval"]["samples_per_second"] / report["bare loop"]["samples_per_second"], 3
        ),
    }
    if others:
        times = report["uic eval"]["samples_per_second"] / report["inspect_ai"]["samples_per_second"]
        result["times_inspect_ai"] = round(times, 1)
    given.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
