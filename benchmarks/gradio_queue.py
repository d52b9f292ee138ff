"""What `uic bench` says of a Gradio Space's parts, held against what the Space itself did and when.

    python -m benchmarks.gradio_queue [--answers N] [--output FILE]

A Space of our own endpoints on loopback, one answer at once, a GPU that is lent after 100 ms, a model of 200 ms and
then a token each 20 ms, 8 in all. The app notes by the clock of the whole machine when its function was called and when
it yielded the first piece; the same answers are asked for by the official client. An error is what was measured less
that.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from unified_intelligence.benchmark import crew
from unified_intelligence.benchmark.crew import Sending, Watch, shares_of
from unified_intelligence.benchmark.plan import Load, Prompt
from unified_intelligence.benchmark.row import Row
from unified_intelligence.cli.bench.space import space_at
from unified_intelligence.entities.generation import Event, Finished, GenerationConfig, TextDelta, Timings, Usage
from unified_intelligence.entities.message import MessageLike, read_messages
from unified_intelligence.interfaces.text_generator import InProcessTextGenerator

GPU, FIRST, GAP, TOKENS = 0.1, 0.2, 0.02, 8
OUTPUT = Path(__file__).parent / "results" / "gradio_queue.json"
CONCURRENCIES = (1, 4)
WORTH_TELLING = ["*: beginning of the work: median_ms", "*: first piece: median_ms", "*: waited for a GPU: median_ms"]


class Known(InProcessTextGenerator):
    """Notes when it yields the first piece."""

    def __init__(self, note: Callable[[str, str], None]) -> None:
        self._note = note

    def stream(
        self,
        messages: str | Sequence[MessageLike],
        config: GenerationConfig | None = None,  # noqa: ARG002
    ) -> Generator[Event, None, None]:
        asked = read_messages(messages)[-1].content
        time.sleep(FIRST)
        for number in range(TOKENS):
            if not number:
                self._note(asked, "first")
            yield TextDelta("mot 🙂 ")
            time.sleep(GAP)
        yield Finished("stop", Usage(3, TOKENS), Timings(FIRST, FIRST + GAP * TOKENS))


def serve(notes: Path) -> None:
    import gradio as gr

    from unified_intelligence.gradio_space.answering import Answering
    from unified_intelligence.gradio_space.app import launch
    from unified_intelligence.gradio_space.endpoints import add_endpoints
    from unified_intelligence.gradio_space.limits import AnswerLimits

    def note(asked: str, what: str) -> None:
        with notes.open("a", encoding="utf-8") as file:
            file.write(json.dumps([asked, what, time.time_ns()]) + "\n")

    def on_gpu(work: Any, _seconds: Any) -> Any:
        def lent(messages: Any, asked: Any, duration: int) -> Generator[Any, None, None]:
            note(messages[-1]["content"], "began")
            time.sleep(GPU)
            yield from work(messages, asked, duration)

        return lent

    with gr.Blocks(analytics_enabled=False) as blocks:
        add_endpoints(Answering(Known(note), AnswerLimits(), build="", on_gpu=on_gpu), {"model": "known"}, 1)
    launch(blocks.queue())


def measured(url: str, concurrency: int, answers: int) -> dict[str, Row]:
    questions = [f"{concurrency} {number}" for number in range(answers)]
    prompts = [Prompt(messages=[{"role": "user", "content": question}]) for question in questions]
    space = space_at(url, "", {"body": None, "max_tokens": None, "model": None}, prompts)
    load, sending = Load(concurrency=concurrency, requests=answers), Sending("known", 1, 60.0)
    shares = shares_of(load, space.target, space.reached.address, space.bodies, sending)
    rows = crew.send(shares, Watch()).rows
    assert not [row for row in rows if row.error], rows
    return {questions[row.prompt]: row for row in rows}


def by_official_client(url: str, concurrency: int, answers: int) -> dict[str, int]:
    """When the first piece was there, by question."""
    from gradio_client import Client  # pyright: ignore[reportMissingTypeStubs]

    library: Any = Client
    client: Any = library(url, verbose=False, analytics_enabled=False)
    found: dict[str, int] = {}

    def ask(number: int) -> None:
        question = f"official {concurrency} {number}"
        job = client.submit(messages=[{"role": "user", "content": question}], config={}, api_name="/generate")
        for _ in job:
            found.setdefault(question, time.time_ns())

    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(ask, range(answers)))
    return found


def spread(errors: Sequence[float]) -> dict[str, float]:
    return {
        "median_ms": round(median(errors), 2),
        "p95_ms": round(quantiles(errors, n=20)[-1], 2),
        "answers": len(errors),
    }


def noted(notes: Path) -> dict[tuple[str, str], int]:
    lines = [json.loads(line) for line in notes.read_text(encoding="utf-8").split("\n") if line]
    return {(asked, what): at for asked, what, at in lines}


def compared(url: str, notes: Path, concurrency: int, answers: int) -> dict[str, Any]:
    rows = measured(url, concurrency, answers)
    official = by_official_client(url, concurrency, answers)
    truth = noted(notes)
    waits = [row.queue_ms or 0.0 for row in rows.values()]
    return {
        "beginning of the work": spread([(row.started - truth[asked, "began"]) / 1e6 for asked, row in rows.items()]),
        "first piece": spread([(row.first - truth[asked, "first"]) / 1e6 for asked, row in rows.items()]),
        "waited for a GPU": spread([(row.gpu_wait_ms or 0.0) - GPU * 1000 for row in rows.values()]),
        "first piece, by gradio_client": spread([(at - truth[asked, "first"]) / 1e6 for asked, at in official.items()]),
        "queue": {"median_ms": round(median(waits), 1), "greatest_ms": round(max(waits), 1)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=32)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
        return
    from tests.integration.spaces.space_process import running

    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes"
        with running("-m", "benchmarks.gradio_queue", "--serve", notes, cwd=Path.cwd()) as space:
            url = space.url
            found = {f"{own} at once": compared(url, notes, own, asked.answers) for own in CONCURRENCIES}
    result = {
        "command": f"python -m benchmarks.gradio_queue --answers {asked.answers}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "note": "the app and its clients shared this machine: the load average is in `machine`",
        "worth telling": WORTH_TELLING,
        **found,
        "machine": {
            "cpus": os.cpu_count(),
            "python": sys.version.split()[0],
            "gradio": version("gradio"),
            "load_average": [round(own, 2) for own in os.getloadavg()],
        },
    }
    asked.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
