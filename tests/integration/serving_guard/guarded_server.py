"""The whole server with everything that stands around it, over the echo, on a free port: what these tests share."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any

import httpx2

from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.interfaces.text_generator import ITextGenerator
from unified_intelligence.serving.admission import Admission, Limits
from unified_intelligence.serving.app import new_app
from unified_intelligence.serving.layers import Guard, guarded
from unified_intelligence.serving.metrics import Metrics
from unified_intelligence.serving.operation import operation_routes
from unified_intelligence.serving.request_log import Log
from unified_intelligence.serving.run import Server, Serving, running
from unified_intelligence.serving.service import Service

MODEL = "le-modèle"
ANSWER = "Café crème, 5 € 🎉\nzweite Zeile\u2028und noch eine"
CHAT = "/v1/chat/completions"


@dataclass(slots=True)
class Guarded:
    url: str
    port: int
    app: Any
    service: Service
    metrics: Metrics
    server: Server
    log: StringIO

    def lines(self) -> list[dict[str, Any]]:
        """What the log holds, once the request that was answered last is in it."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]

    def connect(self) -> socket.socket:
        own = socket.create_connection(("127.0.0.1", self.port))
        own.settimeout(30)
        return own


@contextmanager
def guarded_server(
    generator: ITextGenerator | None = None,
    *,
    limits: Limits | None = None,
    serving: Serving | None = None,
    **guard: Any,
) -> Generator[Guarded]:
    service = Service(generator or EchoAdapter(), MODEL, Admission(limits or Limits()), {"version": "1.2.3"})
    metrics, lines = Metrics(service), StringIO()
    app = new_app(service, [operation_routes(metrics)])
    guard.setdefault("log", Log(stream=lines))
    around = guarded(app, metrics, Guard(**guard))
    with running(around, service, serving or Serving(port=0, grace=5)) as server:
        yield Guarded(server.url, int(server.url.rpartition(":")[2]), app, service, metrics, server, lines)


def question(text: str = ANSWER, **more: object) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **more}


def ask(url: str, text: str = ANSWER, headers: Mapping[str, str] | None = None, **more: object) -> httpx2.Response:
    return httpx2.post(url + CHAT, json=question(text, **more), headers=dict(headers or {}), timeout=120)


def told(text: str) -> str:
    """The words of a streamed answer."""
    data = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: {")]
    chunks = [json.loads(line) for line in data]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def all_of(own: socket.socket) -> bytes:
    """What comes until the other side closes; a reset ends it too."""
    came = b""
    try:
        while piece := own.recv(65536):
            came += piece
    except ConnectionResetError:
        pass
    return came


def answer_on(own: socket.socket) -> bytes:
    """One response with its body, on a connection that stays open."""
    came = b""
    while b"\r\n\r\n" not in came:
        came += own.recv(65536)
    head, _, body = came.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(body) < length:
        body += own.recv(65536)
    return head + b"\r\n\r\n" + body


def until(true: Any, seconds: float = 10.0) -> bool:
    """Whether it became true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.02)
    return bool(true())
