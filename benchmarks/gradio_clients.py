"""A call of a Gradio app through this package, through gradio_client, and by hand: round trips, and when tokens come.

    python -m benchmarks.gradio_clients [--rounds N] [--ticks N] [--streams N] [--output FILE]

One app (tests/gradio_echo_space.py) in a process of its own on loopback; the three take turns, in one process. A round
trip is a short answer, from the call to its end, by a client that has called before. For the tokens the app sends what
its clock says, every 20 ms, which all processes of a machine share: late is a token by the time from there to the
caller. Leaving a stream ends the work; how soon is measured too. A figure is a median and a 95th percentile; the
processor is shared with the app, so ratios are to be trusted.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles
from typing import Any, cast
from urllib.parse import urlsplit

from gradio_client import Client  # pyright: ignore[reportMissingTypeStubs]

from tests.gradio_app import App, gradio_app
from unified_intelligence.adapters.llm.qwen3_zerogpu_adapter import Qwen3InferenceAdapter
from unified_intelligence.entities.generation import TextDelta

_LONGEST = 15.0  # seconds: a stream that nobody leaves takes 20
Texts = Callable[[str], Iterator[str]]
"""From a question to the pieces of its answer, as they come."""


def by_adapter(url: str) -> Texts:
    adapter = Qwen3InferenceAdapter(space=url, cache="", retries=0)

    def texts(question: str) -> Iterator[str]:
        for event in adapter.stream(question):
            if isinstance(event, TextDelta):
                yield event.text

    return texts


def by_gradio_client(url: str) -> Texts:
    client: Any = Client(url, verbose=False, analytics_enabled=False)

    def texts(question: str) -> Iterator[str]:
        messages = [{"role": "user", "content": question}]
        job = client.submit(messages=messages, config={}, api_name="/generate")
        for event in job:
            if event["type"] == "delta":
                yield event["text"]

    return texts


def by_hand(url: str) -> Texts:
    """A POST and a GET of the standard library, on one kept connection: what the wire itself costs."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    path = "/gradio_api/call"

    def texts(question: str) -> Iterator[str]:
        body = json.dumps({"messages": [{"role": "user", "content": question}], "config": {}})
        connection.request("POST", f"{path}/v2/generate", body, {"Content-Type": "application/json"})
        event_id = json.load(connection.getresponse())["event_id"]
        connection.request("GET", f"{path}/generate/{event_id}")
        name = ""
        reply = connection.getresponse()
        while line := reply.readline():
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
            elif line.startswith(b"data: ") and name == "generating":
                event = json.loads(line[6:])[0]
                if event["type"] == "delta":
                    yield event["text"]

    return texts


def milliseconds(seconds: list[float]) -> dict[str, float]:
    return {"p50_ms": round(median(seconds) * 1000, 2), "p95_ms": round(quantiles(seconds, n=20)[-1] * 1000, 2)}


def round_trips(ways: dict[str, Texts], rounds: int) -> dict[str, dict[str, float]]:
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, texts in ways.items():
            began = time.perf_counter()
            said = "".join(texts("Ça va ? 🙂"))
            if said != "Ça va ? 🙂":
                raise SystemExit(f"{name} answered {said!r}")
            if number:  # the first one connects
                taken[name].append(time.perf_counter() - began)
    return {name: milliseconds(times) for name, times in taken.items()}


def ticks(ways: dict[str, Texts], rounds: int, count: int) -> dict[str, dict[str, dict[str, float]]]:
    """How late tokens are, and by how much the gap between two is another than it was at the app."""
    late: dict[str, list[float]] = {name: [] for name in ways}
    first: dict[str, list[float]] = {name: [] for name in ways}
    off: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, texts in ways.items():
            seen = [(float(text), time.monotonic()) for text in texts(f"clock {count}")]
            if len(seen) != count:
                raise SystemExit(f"{name} saw {len(seen)} tokens of {count}")
            late[name] += [came - sent for sent, came in seen]
            first[name].append(seen[0][1] - seen[0][0])
            off[name] += [abs((b[1] - a[1]) - (b[0] - a[0])) for a, b in pairwise(seen)]
    return {
        name: {"late": milliseconds(late[name]), "first": milliseconds(first[name]), "gap_off": milliseconds(off[name])}
        for name in ways
    }


def side_by_side(url: str, streams: int, count: int) -> dict[str, object]:
    """That many streams at once through the adapter: whole ones, in their order, and when their first token came."""
    adapter = Qwen3InferenceAdapter(space=url, cache="", retries=0)

    async def one() -> tuple[list[float], float]:
        began, sent, first = time.perf_counter(), list[float](), 0.0
        async with aclosing(cast("Any", adapter.astream(f"clock {count}"))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    first = first or time.perf_counter() - began
                    sent.append(float(event.text))
        return sent, first

    async def all_of_them() -> list[tuple[list[float], float]]:
        return await asyncio.gather(*(one() for _ in range(streams)))

    found = asyncio.run(all_of_them())
    whole = sum(len(sent) == count and sent == sorted(sent) for sent, _ in found)
    return {"streams": streams, "whole_and_in_order": whole, "first_token": milliseconds([first for _, first in found])}


def cancelled(app: App, rounds: int) -> dict[str, float]:
    """From leaving a stream until the app's function ended, which is asked every 10 ms and so told that much late."""
    adapter = Qwen3InferenceAdapter(space=app.url, cache="", retries=0)

    async def leave() -> None:
        async with aclosing(cast("Any", adapter.astream("clock 1000"))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    return

    taken: list[float] = []
    for _ in range(rounds):
        before = app.seen()["cancelled"]
        asyncio.run(leave())
        began = time.perf_counter()
        while app.seen()["cancelled"] == before:
            if time.perf_counter() - began > _LONGEST:
                raise SystemExit("The app's function did not end.")
            time.sleep(0.01)
        taken.append(time.perf_counter() - began)
    return milliseconds(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--ticks", type=int, default=50)
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "gradio_clients.json")
    given = parser.parse_args()
    with gradio_app("generate", "version") as app:
        ways = {
            "this package": by_adapter(app.url),
            "gradio_client": by_gradio_client(app.url),
            "by hand": by_hand(app.url),
        }
        trips = round_trips(ways, given.rounds)
        report = {
            "command": "python -m benchmarks.gradio_clients",
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}",
            "versions": {name: version(name) for name in ("gradio", "gradio_client", "httpx2")},
            "round_trip": trips,
            "round_trip_ratio": round(trips["gradio_client"]["p50_ms"] / trips["this package"]["p50_ms"], 1),
            "over_by_hand_ms": round(trips["this package"]["p50_ms"] - trips["by hand"]["p50_ms"], 2),
            "tokens_every_20_ms": ticks(ways, max(2, given.rounds // 3), given.ticks),
            "cancelled": cancelled(app, given.rounds),
            "at_once": side_by_side(app.url, given.streams, given.ticks),
        }
    given.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
