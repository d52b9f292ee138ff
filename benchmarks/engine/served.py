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
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.engine.asking import GREEDY, ask_all, engine_of
from benchmarks.engine.models import SMALL, saved
from benchmarks.engine.report import Asked
from benchmarks.engine.rounds import timed
from benchmarks.served_process import Served, uic_serve
from unified_intelligence.engine.load import load
from unified_intelligence.engine.prompt import encode, write
from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.entities.message import Message

CLIENTS, TOKENS, ROUNDS = 8, 16, 2
_WORDS = "tell me in a few words how the weather will be on the hills around the lake this week"
_LONGEST_START = 240.0
_numbers = count(1000)


def measure(asked: Asked) -> None:
    with saved(SMALL, asked.tokenizer) as folder, ExitStack() as servers:
        found: dict[str, Any] = {
            "rounds": asked.rounds(ROUNDS),
            "model": str(SMALL),
            "clients": CLIENTS,
            "tokens": TOKENS,
        }
        given = load(folder, dtype="bfloat16", device="cpu")
        engine = engine_of(given, slots=CLIENTS)
        running = {name: servers.enter_context(start) for name, start in _servers(folder, asked.threads).items()}
        rows: dict[str, list[dict[str, float]]] = {name: [] for name in (*running, "engine")}
        for number in range(asked.rounds(ROUNDS) + 1):
            for name, server in running.items():
                once = asyncio.run(
                    _round(server, str(folder), ours=name == "uic serve", clients=CLIENTS if number else 1)
                )
                rows[name] += [once] if number else []
            prompts = [encode(given, write(given, [Message("user", _question())], _plain())) for _ in range(CLIENTS)]
            took = timed(lambda prompts=prompts: ask_all(engine, prompts, TOKENS, GREEDY))
            rows["engine"] += [{"seconds": took.wall, "cpu": took.cpu}] if number else []
            found["prompt"] = len(prompts[0])
            if number:
                asked.keep({**found, **_told(rows)})
                print(json.dumps(_told(rows)), flush=True)
        engine.close()


def _servers(folder: Path, threads: int) -> dict[str, Any]:
    own = ("--provider", "local", "-m", str(folder), "-o", f"threads={threads}", "-o", f"slots={CLIENTS}")
    servers: dict[str, Any] = {
        "uic serve": uic_serve(*own, "-o", "memory=3", "--max-running", str(CLIENTS), "--log", "off"),
        "transformers serve": _other(_transformers(folder), threads),
        "transformers serve --continuous-batching": _other(
            [*_transformers(folder), "--continuous-batching", "--cb-num-blocks", "64"], threads
        ),
    }
    if (binary := shutil.which("llama-server")) and (model := os.environ.get("LLAMA_MODEL")):
        command = [binary, "-m", model, "-np", str(CLIENTS), "-t", str(threads)]
        servers["llama-server"] = _other(command, threads)
    return servers


def _transformers(folder: Path) -> list[str]:
    return [str(Path(sys.executable).with_name("transformers")), "serve", str(folder), "--device", "cpu"]


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


async def _round(server: Served, model: str, *, ours: bool, clients: int) -> dict[str, float]:
    """All clients at once. Raises RuntimeError for an answer that is none."""
    cpu, begun = server.cpu(), time.perf_counter()
    answers = await asyncio.gather(*(_ask(server.port, _request(model, ours=ours)) for _ in range(clients)))
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "cpu": server.cpu() - cpu, "first": median(answers), "last first": max(answers)}


def _request(model: str, *, ours: bool) -> bytes:
    fields: dict[str, Any] = {
        "model": model, "stream": True, "max_tokens": TOKENS, "temperature": 0.0,
        "messages": [{"role": "user", "content": _question()}],
    }  # fmt: skip
    if ours:
        fields["model"] = Path(model).name
        fields["min_tokens"] = TOKENS
    body = json.dumps(fields).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def _question() -> str:
    return f"{next(_numbers)} {_WORDS}"


def _plain() -> GenerationConfig:
    return GenerationConfig()


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


def _told(rows: Mapping[str, list[dict[str, float]]]) -> dict[str, Any]:
    own, bare = rows["uic serve"], rows["engine"]
    told: dict[str, Any] = {"servers": {}}
    for name, some in rows.items():
        figures = {"tokens/s, all clients": round(CLIENTS * TOKENS / median(one["seconds"] for one in some), 2)}
        figures["processor ms a token"] = round(median(one["cpu"] for one in some) / CLIENTS / TOKENS * 1000, 2)
        if name != "engine":
            figures["s to the first token, median"] = round(median(one["first"] for one in some), 3)
            figures["s to the first token, last"] = round(median(one["last first"] for one in some), 3)
        if name not in ("engine", "uic serve"):
            pairs = list(zip(some, own, strict=True))
            figures["uic serve, times the tokens/s"] = round(median(a["seconds"] / b["seconds"] for a, b in pairs), 2)
            figures["uic serve, times the processor time"] = round(median(b["cpu"] / a["cpu"] for a, b in pairs), 3)
            figures["uic serve, times to the first token"] = round(median(b["first"] / a["first"] for a, b in pairs), 3)
        told["servers"][name] = figures
    pairs = list(zip(own, bare, strict=True))
    told["uic serve over the bare engine"] = {
        "wall": round(median(a["seconds"] / b["seconds"] for a, b in pairs), 3),
        "processor": round(median(a["cpu"] / b["cpu"] for a, b in pairs), 3),
    }
    return told
