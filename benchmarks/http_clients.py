"""What a library for HTTP costs: CPU time to import it, and for a chunk of a streamed answer, raw and decoded.

    python benchmarks/http_clients.py [--rounds N] [--chunks N] [--output FILE]

httpx2 (which this package uses), httpx and aiohttp, each in a process of its own, asynchronous, from one loopback
server that is not counted (chunk_server.py, both of its ways). One that is not installed is said to be so. A figure is
the median over rounds; import time is what `python -c "import X"` takes beyond `python -c pass`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from chunk_cost import serving

HERE = Path(__file__).parent
LIBRARIES = ("httpx2", "httpx", "aiohttp")
WAYS = ("plain", "chunked")

HTTPX_LIKE = """
import asyncio, sys, time
import {library} as library

async def pieces(url):
    async with library.AsyncClient(trust_env=False, timeout=60) as client:
        async with client.stream("POST", url) as reply:
            async for piece in reply.aiter_raw():
                yield piece
"""
AIOHTTP = """
import asyncio, sys, time
import aiohttp

async def pieces(url):
    async with aiohttp.ClientSession() as session:
        async with session.post(url) as reply:
            async for piece in reply.content.iter_any():
                yield piece
"""
COUNT = """
import msgspec
decode = msgspec.json.Decoder().decode

async def count(url):
    found, rest = 0, b""
    async for piece in pieces(url):
        *events, rest = (rest + piece).split(b"\\n\\n")
        for event in events:
            found += event[6:] != b"[DONE]" and "choices" in decode(event[6:])
    return found

asyncio.run(count(sys.argv[1]))
began = time.process_time()
found = asyncio.run(count(sys.argv[1]))
print(found, time.process_time() - began)
"""


def installed(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def cpu_seconds(code: str) -> float:
    """User and system time of a process that runs the code."""
    command = [sys.executable, "-c", code]
    _, status, usage = os.wait4(os.posix_spawn(command[0], command, os.environ), 0)
    if status:
        raise SystemExit(f"It failed: {code}")
    return usage.ru_utime + usage.ru_stime


def chunk_cost(library: str, url: str, chunks: int) -> float:
    """CPU microseconds a chunk, in the second of two answers."""
    code = (AIOHTTP if library == "aiohttp" else HTTPX_LIKE.format(library=library)) + COUNT
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    found, seconds = done.stdout.split()
    if int(found) != chunks:
        raise SystemExit(f"{library} saw {found} chunks of {chunks}.")
    return float(seconds) / chunks * 1e6


def measure(libraries: Sequence[str], rounds: int, chunks: int) -> dict[str, dict[str, list[float]]]:
    """By library and figure, one number a round."""
    names = ("import, CPU ms", *(f"{way}, CPU us a chunk" for way in WAYS))
    found: dict[str, dict[str, list[float]]] = {library: {name: [] for name in names} for library in libraries}
    with serving(chunks) as port:
        for _ in range(rounds):
            bare = cpu_seconds("pass")
            for library in libraries:
                own = found[library]
                own[names[0]].append((cpu_seconds(f"import {library}") - bare) * 1000)
                for way, name in zip(WAYS, names[1:], strict=True):
                    url = f"http://127.0.0.1:{port}/{way}/v1/chat/completions"
                    own[name].append(chunk_cost(library, url, chunks))
    return found


def report(found: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, object]:
    """The table: a library that is not there is said to be so."""
    return {
        library: {
            "version": installed(library),
            **{name: round(median(numbers), 2) for name, numbers in found[library].items()},
        }
        if library in found
        else "not installed"
        for library in LIBRARIES
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--output", type=Path, default=HERE / "results/http_clients.json")
    options = parser.parse_args()
    libraries = [library for library in LIBRARIES if installed(library)]
    table = report(measure(libraries, options.rounds, options.chunks))
    result = {
        "command": f"python benchmarks/http_clients.py --rounds {options.rounds} --chunks {options.chunks}",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "rounds": options.rounds,
        "libraries": table,
    }
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
