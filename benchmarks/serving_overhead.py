"""What our server costs over the generator behind it, and our gateway over the server behind it.

    python -m benchmarks.serving_overhead [--rounds N] [--output FILE]

`uic serve` over `echo` runs as a process of its own, and the kernel says what CPU time it spends; the clients' is not
in it. The bare generator is the same provider in a process without a server, driven by `astream`. Long and short
answers are asked: the slope between them is the cost of a token, what is left of a short one that of a request.
`paced` makes a token every few milliseconds, as a model does, so that each goes out alone; `unpaced` as fast as they
go. The gateway is `uic serve --provider openai_compatible` over the first server. Each round measures everything in
turn; a figure is the median over rounds, and so is an overhead, of the rounds' own differences.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.served_process import Served, uic_serve
from benchmarks.stream_client import Connection, asked
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities.generation import collect
from unified_intelligence.interfaces.text_generator import ITextGenerator

HERE = Path(__file__).parent
CLIENTS = (1, 8)
PACE = 0.003  # seconds between two tokens
WORDS = ("Les", "intérêts", "composés", "croissent", "de", "1 000 €", "→", "🙂", "par\u2028an", "fin.\n")
SIZES = {"paced": 600, "unpaced": 3000}  # tokens of a long answer
SHORT = 1
REQUESTS = 40  # short ones by each client

Clock = Callable[[], float]
Found = defaultdict[str, list[float]]


def text(words: int) -> str:
    return " ".join(WORDS[number % len(WORDS)] for number in range(words))


def tokens(words: int) -> int:
    """How many tokens the echo makes of it."""
    return sum(bool(event) for event in EchoAdapter().stream(text(words))) - 1


async def together(clients: int, work: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(_run(work))


async def _run(work: Callable[[], Awaitable[None]]) -> None:
    await work()


async def through_http(port: int, question: str, times: int, *, stream: bool) -> None:
    """Asks so often on one connection. Raises SystemExit for an answer that is not the question."""
    connection, request = await Connection.to(port), asked(question, stream=stream)
    for _ in range(times):
        answer = await connection.ask(request)
        if answer.text != question:
            raise SystemExit(f"Another answer than was asked for, with status {answer.status}.")
    await connection.close()


async def in_process(generator: ITextGenerator, question: str, times: int) -> None:
    for _ in range(times):
        answer = collect([event async for event in generator.astream(question)])
        if answer.text != question:
            raise SystemExit("Another answer than was asked for.")


async def costs(
    clients: int, clock: Clock, asker: Callable[[str, int], Awaitable[None]], long: int
) -> tuple[float, float]:
    """CPU microseconds a token and a request."""
    spent: list[float] = []
    for words, times in ((long, 1), (SHORT, REQUESTS)):
        before = clock()
        await together(clients, partial(asker, text(words), times))
        spent.append((clock() - before) / (clients * times) * 1e6)
    each = (spent[0] - spent[1]) / (tokens(long) - tokens(SHORT))
    return each, spent[1] - each * tokens(SHORT)


async def bare_and_served(found: Found, pace: str, server: Served, clients: int) -> None:
    """One round of one setting: the generator alone, then behind the server, streamed and whole."""
    long, generator = SIZES[pace], EchoAdapter(delay=PACE if pace == "paced" else 0.0)
    name = f"{pace}, {clients} client{'s' * (clients > 1)}"
    bare = await costs(clients, time.process_time, lambda q, n: in_process(generator, q, n), long)
    for way in ("streamed", "whole"):
        asker = partial(through_http, server.port, stream=way == "streamed")
        token, request = await costs(clients, server.cpu, lambda q, n, ask=asker: ask(q, n), long)
        for what, own, base in (("token", token, bare[0]), ("request", request, bare[1])):
            found[f"{name}, {way}: {what}, served"].append(own)
            found[f"{name}, {way}: {what}, overhead"].append(own - base)
    found[f"{name}: token, bare"].append(bare[0])
    found[f"{name}: request, bare"].append(bare[1])


async def gateway_beside_upstream(found: Found, upstream: Served, gateway: Served, asks: int) -> None:
    """Seconds become microseconds: to the first token, and a token after it; direct and through, in turns."""
    for question, kind in ((text(SIZES["unpaced"]), "long"), (text(20), "short")):
        ways = {"direct": await Connection.to(upstream.port), "gateway": await Connection.to(gateway.port)}
        first: dict[str, list[float]] = {way: [] for way in ways}
        after: dict[str, list[float]] = {way: [] for way in ways}
        before = gateway.cpu()
        for _ in range(asks if kind == "short" else 2):
            for way, connection in ways.items():
                answer = await connection.ask(asked(question, stream=True))
                if answer.text != question:
                    raise SystemExit(f"Another answer than was asked for, with status {answer.status}.")
                first[way].append(answer.first * 1e6)
                after[way].append((answer.last - answer.first) / answer.pieces * 1e6)
        if kind == "long":
            made = 2 * tokens(SIZES["unpaced"])
            found["gateway's CPU, unpaced, a token"].append((gateway.cpu() - before) / made * 1e6)
        wanted, what = (first, "first token") if kind == "short" else (after, "a token, unpaced")
        for way, values in wanted.items():
            found[f"wall, {what}, {way}"].append(median(values))
        found[f"wall, {what}, overhead"].append(median(wanted["gateway"]) - median(wanted["direct"]))
        for connection in ways.values():
            await connection.close()


async def gateway_paced(found: Found, upstream: Served, gateway: Served, clients: int) -> None:
    """CPU of both servers while tokens come one by one."""
    question = text(SIZES["paced"])
    before = gateway.cpu(), upstream.cpu()
    await together(clients, partial(through_http, gateway.port, question, 1, stream=True))
    made = clients * tokens(SIZES["paced"]) / 1e6
    name = f"paced, a token, {clients} client{'s' * (clients > 1)}"
    found[f"gateway's CPU, {name}"].append((gateway.cpu() - before[0]) / made)
    found[f"upstream's CPU, {name}"].append((upstream.cpu() - before[1]) / made)


async def one_round(found: Found, servers: Mapping[str, Served]) -> None:
    for pace in SIZES:
        for clients in CLIENTS:
            await bare_and_served(found, pace, servers[pace], clients)
    await gateway_beside_upstream(found, servers["unpaced"], servers["gateway"], 30)
    for clients in CLIENTS:
        await gateway_paced(found, servers["paced"], servers["paced gateway"], clients)


def measure(rounds: int) -> Found:
    found: Found = defaultdict(list)
    with ExitStack() as ends:
        servers = {
            "unpaced": ends.enter_context(uic_serve("--provider", "echo")),
            "paced": ends.enter_context(uic_serve("--provider", "echo", "-o", "delay", str(PACE))),
        }
        for name, behind in (("gateway", "unpaced"), ("paced gateway", "paced")):
            address = f"{servers[behind].url}/v1"
            options = ("--provider", "openai_compatible", "--base-url", address, "--model", "echo")
            servers[name] = ends.enter_context(uic_serve(*options))
        asyncio.run(one_round(defaultdict(list), servers))
        for number in range(rounds):
            asyncio.run(one_round(found, servers))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    return found


def table(found: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    return {
        name: {"median": round(median(own), 1), "least": round(min(own), 1), "most": round(max(own), 1)}
        for name, own in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=HERE / "results/serving_overhead.json")
    options = parser.parse_args()
    busy = os.getloadavg()[0]
    figures = table(measure(options.rounds))
    result = {
        "command": f"python -m benchmarks.serving_overhead --rounds {options.rounds}",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("uvicorn", "httptools", "fastapi", "starlette", "httpx2")},
        "load average before": round(busy, 1),
        "rounds": options.rounds,
        "unit": "microseconds; CPU time where it does not say wall",
        "figures": figures,
    }
    options.output.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, own in figures.items():
        print(f"{name:<52} {own['median']:>10.1f}")


if __name__ == "__main__":
    main()
