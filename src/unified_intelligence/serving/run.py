"""The process that serves: an address that is safe and free, signals, and an end that loses nothing under way."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING, Any

from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError

try:
    import httptools  # noqa: F401  # pyright: ignore[reportUnusedImport] - uvicorn would quietly take a parser without our limits
    import uvicorn
except ImportError as missing:
    raise MissingDependencyError("The server", missing.name or "uvicorn", "serve") from missing

from unified_intelligence.serving.http_protocol import ConnectionLimits, protocol_with

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from unified_intelligence.serving.service import Service

DRAINED, UNFINISHED, INTERRUPTED = 0, 128 + signal.SIGTERM, 128 + signal.SIGINT
_LAST_BYTES = 5  # seconds for what is already answered to be read by its client
_MANY = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """Where and how. `port` 0 takes a free one. `grace` is how many seconds a running answer gets to finish."""

    host: str = "127.0.0.1"
    port: int = 8000
    has_keys: bool = False
    grace: float = 30.0
    keep_alive: int = 75
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)


def run(app: ASGIApp, service: Service, serving: Serving, announce: Callable[[str], None]) -> int:
    """Serves until a signal; `announce` gets the URL once it listens. Gives the exit code.

    SIGTERM: /ready says 503, new work is refused, what runs finishes within `grace`: 0, or 143 if it did not. Ctrl-C
    does the same and gives 130. A second signal ends at once. Raises ConfigurationError for an address that is not
    this machine's, not free, or open to others without a key.
    """
    with listening(serving) as own:
        server = Server(app, service, serving, announce)
        server.owns_process = True
        server.run(sockets=[own])
        return server.exit_code


@contextmanager
def running(app: ASGIApp, service: Service, serving: Serving | None = None) -> Generator[Server]:
    """The same in a thread, for as long as the block lasts; `.url` is where. Leaving it drains."""
    serving = serving or Serving(port=0)
    ready = threading.Event()
    with listening(serving) as own:
        server = Server(app, service, serving, lambda _url: ready.set())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, name="server", daemon=True)
        thread.start()
        try:
            while not ready.wait(0.05):
                if not thread.is_alive():
                    raise RuntimeError("The server ended before it listened.")
            yield server
        finally:
            server.stop()
            thread.join(serving.grace + 2 * _LAST_BYTES)


@contextmanager
def listening(serving: Serving) -> Generator[socket.socket]:
    """A bound socket. Raises ConfigurationError with the next thing to do."""
    family, address = _resolved(serving.host, serving.port)
    if not serving.has_keys and not ipaddress.ip_address(address[0].split("%")[0]).is_loopback:
        raise ConfigurationError(
            f"{serving.host} can be reached from other machines, and no API key is set.",
            hint="Set a key with --api-key, or serve this machine only with --host 127.0.0.1.",
        )
    # Without the protocol's number asyncio does not know TCP, leaves Nagle's wait on, and a piece takes 40 ms.
    own = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    with own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind(address)
            own.listen(_MANY)
        except PermissionError as error:
            raise ConfigurationError(
                f"Port {serving.port} is not for every user.", hint="Take one above 1023: --port 8000"
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"Port {serving.port} of {serving.host} cannot be used: {error.strerror}.",
                hint="Stop what uses it, or take any free one: --port 0",
            ) from error
        yield own


class Server(uvicorn.Server):
    """uvicorn's server, which goes on answering while it drains."""

    def __init__(self, app: ASGIApp, service: Service, serving: Serving, announce: Callable[[str], None]) -> None:
        limits = serving.connections
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol_with(limits),
                ws="none",
                lifespan="auto",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=serving.keep_alive,
                timeout_graceful_shutdown=_LAST_BYTES,
            )
        )
        self.url = ""
        self.owns_process = False
        self.exit_code = DRAINED
        self._service, self._serving, self._announce = service, serving, announce
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            self._announce(self.url)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the shape of a handler
        """The first signal drains, the second ends. uvicorn's own would close the door before anybody is told."""
        if sig == signal.SIGINT:
            self.exit_code = INTERRUPTED
        if self._loop is None:  # it is still starting: there is nothing to finish
            self.should_exit = True
        else:
            self._loop.call_soon_threadsafe(self._end_at_once if self._leaving else self._leave)

    def stop(self) -> None:
        """What SIGTERM does, from any thread."""
        self.handle_exit(signal.SIGTERM, None)

    def _leave(self) -> None:
        self._leaving = self._leaving or asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        if any(each.state == "loading" for each in self._service.all):
            self._end_after(_LAST_BYTES)
        for each in self._service.all:
            each.state = each.state if each.state == "failed" else "draining"
        drained = [each.admission.drain(self._serving.grace) for each in self._service.all]
        if not all(await asyncio.gather(*drained)):
            self._give_up(patience=2 * _LAST_BYTES)
        self.should_exit = True

    def _end_at_once(self) -> None:
        self._give_up(patience=1)
        for connection in list(self.server_state.connections):
            connection.transport.abort()  # type: ignore[union-attr]
        self.should_exit = self.force_exit = True

    def _give_up(self, patience: float) -> None:
        """Cancels what runs, and ends the process if that takes too long."""
        self.exit_code = self.exit_code or UNFINISHED
        self._end_after(patience)
        for task in list(self.server_state.tasks):
            task.cancel()

    def _end_after(self, patience: float) -> None:
        """Ends the process if it still lives then: a thread that computes or loads cannot be cancelled."""
        if self.owns_process:
            last = threading.Timer(patience, os._exit, (self.exit_code,))
            last.daemon = True
            last.start()


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    with suppress(ValueError):
        version = ipaddress.ip_address(host).version
        return (socket.AF_INET, (host, port)) if version == 4 else (socket.AF_INET6, (host, port, 0, 0))
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigurationError(
            f"{host} is no address of this machine.", hint="Serve this machine only: --host 127.0.0.1"
        ) from error
    family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
    return family, address
