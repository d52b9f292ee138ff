"""What a streamed chunk costs a client: CPU time of this process over the number of chunks, from one loopback server.

    python benchmarks/chunk_cost.py [--rounds N] [--chunks N] [--output FILE]

Beside each other, each round: this package's adapter, by `stream` and by `astream`; the openai package, by both of
its clients; and the least that has to be done, httpx2's bytes cut at blank lines and decoded by msgspec. The server is
a process of its own (chunk_server.py) and is not counted. It sends in two ways: `plain` until the connection ends,
where a read brings hundreds of chunks, and `chunked`, each in an HTTP chunk of its own, where the parser of HTTP has
work with each. A figure is the median over rounds; so is a ratio, of the rounds' own ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import httpx2
import msgspec

from unified_intelligence.adapters.llm.openai_compatible_adapter import OpenAICompatibleAdapter
from unified_intelligence.entities.generation import TextDelta

HERE = Path(__file__).parent
QUESTION = "Combien ? 🙂"
OURS, BASE = "this package, stream", "httpx2 bytes + msgspec"


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


_DECODER = msgspec.json.Decoder(_Chunk)


def least(url: str) -> int:
    """Bytes to decoded chunks, with nothing around them."""
    count, rest = 0, b""
    with (
        httpx2.Client(trust_env=False, timeout=60) as client,
        client.stream("POST", f"{url}/chat/completions") as reply,
    ):
        for piece in reply.iter_raw():
            *events, rest = (rest + piece).split(b"\n\n")
            for event in events:
                if event != b"data: [DONE]":
                    count += _DECODER.decode(event[6:]).choices[0].delta.content is not None
    return count


def clients(url: str) -> dict[str, Callable[[], int]]:
    """What is measured; each gives back how many words came."""
    import openai
    from openai.types.chat import ChatCompletionUserMessageParam

    adapter = OpenAICompatibleAdapter(base_url=url, model="m", timeout=120)
    sync_client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
    asked: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": QUESTION}]

    async def asynchronous() -> int:
        return sum([isinstance(event, TextDelta) async for event in adapter.astream(QUESTION)])

    def openai_sync() -> int:
        chunks = sync_client.chat.completions.create(model="m", messages=asked, stream=True)
        return sum(chunk.choices[0].delta.content is not None for chunk in chunks)

    async def openai_async() -> int:
        async with openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
            chunks = await client.chat.completions.create(model="m", messages=asked, stream=True)
            return sum([chunk.choices[0].delta.content is not None async for chunk in chunks])

    return {
        OURS: lambda: sum(isinstance(event, TextDelta) for event in adapter.stream(QUESTION)),
        "this package, astream": lambda: asyncio.run(asynchronous()),
        BASE: lambda: least(url),
        "openai, OpenAI": openai_sync,
        "openai, AsyncOpenAI": lambda: asyncio.run(openai_async()),
    }


@contextmanager
def serving(chunks: int) -> Generator[int]:
    """The server's port."""
    command = [sys.executable, str(HERE / "chunk_server.py"), str(chunks)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield int(server.stdout.readline())
        finally:
            server.terminate()


def measure(url: str, chunks: int, rounds: int) -> dict[str, list[float]]:
    """CPU microseconds a chunk, by client and round, after one round that is not counted."""
    wanted = clients(url)
    spent: dict[str, list[float]] = {name: [] for name in wanted}
    for counted in range(-1, rounds):
        for name, ask in wanted.items():
            began = time.process_time()
            words = ask()
            seconds = time.process_time() - began
            if words != chunks - 1:
                raise SystemExit(f"{name} saw {words} words of {chunks - 1}.")
            if counted >= 0:
                spent[name].append(seconds / chunks * 1e6)
    return spent


def table(spent: Mapping[str, Sequence[float]]) -> dict[str, object]:
    """Medians, and their ratios to the sync path of this package."""
    return {
        name: {
            "CPU us a chunk": round(median(own), 2),
            "least": round(min(own), 2),
            "times this package's stream": round(median(a / b for a, b in zip(own, spent[OURS], strict=True)), 2),
        }
        for name, own in spent.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--output", type=Path, default=HERE / "results/chunk_cost.json")
    options = parser.parse_args()
    with serving(options.chunks) as port:
        ways = {
            way: table(measure(f"http://127.0.0.1:{port}/{way}/v1", options.chunks, options.rounds))
            for way in ("plain", "chunked")
        }
    result = {
        "command": f"python benchmarks/chunk_cost.py --rounds {options.rounds} --chunks {options.chunks}",
        "date": datetime.now(UTC).date().isoformat(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("httpx2", "httpcore2", "h11", "msgspec", "openai")},
        "chunks": options.chunks,
        "rounds": options.rounds,
        **ways,
    }
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(ways, indent=2))


if __name__ == "__main__":
    main()
