"""A server over a generator, on a free port of this machine, in a thread of its own: what these tests share."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import openai
import uvicorn

from unified_intelligence.serving.admission import Admission, Limits
from unified_intelligence.serving.app import identified, new_app
from unified_intelligence.serving.service import Service

if TYPE_CHECKING:
    from unified_intelligence.interfaces.text_generator import ITextGenerator


@dataclass(slots=True)
class Served:
    url: str
    port: int
    service: Service
    loop: asyncio.AbstractEventLoop
    client: openai.OpenAI

    def tasks(self) -> set[str]:
        """The names of what runs on the server's loop."""
        return {task.get_coro().__qualname__ for task in asyncio.all_tasks(self.loop)}  # type: ignore[union-attr]


@contextmanager
def serving(
    generator: ITextGenerator, *, model: str = "le-modèle", limits: Limits | None = None, **more: Any
) -> Generator[Served]:
    """The whole application but the layers around it."""
    service = Service(generator, model, Admission(limits or Limits()), {"version": "1.2.3", "digest": "abc"}, **more)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(identified(new_app(service)), log_level="warning", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await server.serve(sockets=[listening])

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="server")
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = listening.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0, timeout=30) as client:
            yield Served(url, port, service, loops[0], client)
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
        assert not thread.is_alive()
