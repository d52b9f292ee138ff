"""Eight clients over HTTP: `uic serve --provider local` beside `transformers serve`, and the engine without HTTP.

All answer from the same folder with the same number of threads, greedily, each question new from its first words on.
The server's processor time, as the kernel counts it, beside that of the engine in this process is what HTTP, the chat
template and the events of the API cost. `transformers serve` needs the package accelerate. `llama-server` takes part
where one is found and LLAMA_MODEL names a GGUF file; it is not built here.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engine import gguf
from benchmarks.engine.asking import GREEDY, ask_all, engine_of
from benchmarks.engine.llama_cpp import MissingLlamaError
from benchmarks.engine.models import SMALL, saved
from benchmarks.engine.report import Asked
from benchmarks.engine.rounds import timed
from benchmarks.served_process import Served, uic_serve
from unified_intelligence.engine.load import load
from unified_intelligence.engine.prompt import encode, write
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import Message

CLIENTS, LENGTHS, ROUNDS = 8, (16, 32), 3
_WORDS = "tell me in a few words how the weather will be on the hills around the lake this week"
_LONGEST_START = 240.0
OWN, BARE, LLAMA = "uic serve", "engine", "llama-server"
Start = AbstractContextManager[Served]
Rows = dict[str, list[dict[str, float]]]
_numbers = count(1000)


def measure(asked: Asked) -> None:
    with saved(SMALL, asked.tokenizer) as folder:
        servers = own(folder, asked.threads) | transformers(folder, asked.threads)
        if asked.llama:
            gguf.write(folder, model := folder.parent / "model.gguf")
            servers |= llama_server(asked.llama, model, asked.threads)
        for told in rounds_of(servers, folder, asked.rounds(ROUNDS)):
            asked.keep({"rounds": asked.rounds(ROUNDS), "model": str(SMALL), **told})
            print(json.dumps(told), flush=True)


def rounds_of(servers: Mapping[str, Start], folder: Path, rounds: int) -> Generator[dict[str, Any]]:
    """What is known after each round of all servers, and of the engine in this process.

    The first round does not count: slots are made in it, and memory is touched for the first time.
    """
    with ExitStack() as running:
        given = load(folder, dtype="bfloat16", device="cpu")
        engine = running.enter_context(closing(engine_of(given, slots=CLIENTS)))
        listening = {name: running.enter_context(start) for name, start in servers.items()}
        rows: dict[int, Rows] = {tokens: {name: [] for name in (*listening, BARE)} for tokens in LENGTHS}
        read = 0
        for number in range(rounds + 1):
            for tokens, some in rows.items():
                for name, server in listening.items():
                    once = asyncio.run(_round(server, name, folder, tokens))
                    some[name] += [once] if number else []
                prompts = [encode(given, write(given, [_turn()], GenerationConfig())) for _ in range(CLIENTS)]
                took = timed(lambda prompts=prompts, tokens=tokens: ask_all(engine, prompts, tokens, GREEDY))
                some[BARE] += [{"seconds": took.wall, "cpu": took.cpu}] if number else []
                read = len(prompts[0])
            if number:
                yield {"clients": CLIENTS, "prompt": read, **_told(rows)}


def own(folder: Path, threads: int) -> dict[str, Start]:
    asked = ("--provider", "local", "-m", str(folder), "-o", f"threads={threads}", "-o", f"slots={CLIENTS}")
    return {OWN: uic_serve(*asked, "-o", "memory=3", "--max-running", str(CLIENTS), "--log", "off")}


def transformers(folder: Path, threads: int) -> dict[str, Start]:
    """Needs the package accelerate."""
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder), "--device", "cpu"]
    together = [*command, "--continuous-batching", "--cb-num-blocks", "64"]
    return {
        "transformers serve": _other(command, threads),
        "transformers serve --continuous-batching": _other(together, threads),
    }


def llama_server(llama: Path, model: Path, threads: int) -> dict[str, Start]:
    """The program in llama.cpp's folder. Raises MissingLlamaError where there is none."""
    program = llama / "llama-server"
    if not program.is_file():
        raise MissingLlamaError(f"{llama} holds no llama-server.")
    command = [str(program), "-m", str(model), "-np", str(CLIENTS), "-t", str(threads), "-c", str(CLIENTS * 512)]
    return {LLAMA: _other(command, threads)}


@contextmanager
def _other(command: list[str], threads: int) -> Generator[Served]:
    """Another server on a free port. Raises RuntimeError, with what it said last, if it never listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    limits = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}
    told = [*command, "--host", "127.0.0.1", "--port", str(port)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(told, stdout=subprocess.DEVNULL, stderr=log, env={**os.environ, **limits})
        try:
            if not _listens(process, port):
                raise RuntimeError(
                    f"{command[0]} does not listen: {os.pread(log.fileno(), 1 << 20, 0)[-600:].decode()}"
                )
            yield Served(f"http://127.0.0.1:{port}", process.pid)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    end = time.monotonic() + _LONGEST_START
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.2)
    return False


async def _round(server: Served, name: str, folder: Path, tokens: int) -> dict[str, float]:
    """All clients at once. Raises RuntimeError for an answer that is none."""
    cpu, begun = server.cpu(), time.perf_counter()
    requests = [_request(name, folder, tokens) for _ in range(CLIENTS)]
    answers = await asyncio.gather(*(_ask(server.port, request) for request in requests))
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "cpu": server.cpu() - cpu, "first": median(answers), "last first": max(answers)}


def _request(name: str, folder: Path, tokens: int) -> bytes:
    fields: dict[str, Any] = {
        "model": folder.name if name == OWN else str(folder),
        "stream": True, "max_tokens": tokens, "temperature": 0.0,
        "messages": [{"role": "user", "content": _turn().content}],
    }  # fmt: skip
    whole: dict[str, dict[str, Any]] = {OWN: {"min_tokens": tokens}, LLAMA: {"ignore_eos": True}}
    body = json.dumps(fields | whole.get(name, {})).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def _turn() -> Message:
    return Message("user", f"{next(_numbers)} {_WORDS}")


async def _ask(port: int, request: bytes) -> float:
    """Seconds to the first piece of text; returns when the answer is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun, first, seen = time.perf_counter(), 0.0, b""
    writer.write(request)
    while piece := await reader.read(65536):
        seen += piece
        if not first and _says_something(seen):
            first = time.perf_counter() - begun
    writer.close()
    if b" 200 " not in seen[:20] or not first:
        raise RuntimeError(f"No answer: {seen[:600].decode(errors='replace')}")
    return first


def _says_something(seen: bytes) -> bool:
    texts = seen.replace(b'": "', b'":"').split(b'content":"')[1:]
    return any(text[:1] != b'"' for text in texts)


def _told(rows: Mapping[int, Rows]) -> dict[str, Any]:
    servers = {
        f"{tokens} tokens": {name: _figures(name, each, some[OWN], tokens) for name, each in some.items()}
        for tokens, some in rows.items()
    }
    over = {f"{OWN} over the bare engine, {tokens} tokens": _over(some) for tokens, some in rows.items()}
    return {"servers, answers of": servers, **over}


def _over(rows: Rows) -> dict[str, float]:
    pairs = list(zip(rows[OWN], rows[BARE], strict=True))
    return {
        "wall": round(median(a["seconds"] / b["seconds"] for a, b in pairs), 3),
        "processor": round(median(a["cpu"] / b["cpu"] for a, b in pairs), 3),
    }


def _figures(name: str, some: list[dict[str, float]], ours: list[dict[str, float]], tokens: int) -> dict[str, float]:
    figures = {
        "tokens/s, all clients": round(CLIENTS * tokens / median(one["seconds"] for one in some), 2),
        "processor ms a token": round(median(one["cpu"] for one in some) / CLIENTS / tokens * 1000, 2),
    }
    if name == BARE:
        return figures
    figures["s to the first token, median"] = round(median(one["first"] for one in some), 3)
    figures["s to the first token, last"] = round(median(one["last first"] for one in some), 3)
    if name != OWN:
        pairs = list(zip(some, ours, strict=True))
        figures[f"{OWN}, times the tokens/s"] = round(median(a["seconds"] / b["seconds"] for a, b in pairs), 2)
        figures[f"{OWN}, times the processor time"] = round(median(b["cpu"] / a["cpu"] for a, b in pairs), 3)
        figures[f"{OWN}, times to the first token"] = round(median(b["first"] / a["first"] for a, b in pairs), 3)
    return figures
