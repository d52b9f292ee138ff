"""The local Hub on an address of this machine, in this process or in a thread of it.

`running` is for tests and rehearsals, `serve` for a process of its own. When it ends, however it ends, the apps that
it started end.
"""

from __future__ import annotations

import re
import signal
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any, cast

from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ImportError as missing:
    raise MissingDependencyError("The local Hub", missing.name or "starlette", "rehearsal") from missing

from unified_intelligence.spaces.simulator.commit_routes import CommitRoutes
from unified_intelligence.spaces.simulator.control_routes import CONTROL, ControlRoutes
from unified_intelligence.spaces.simulator.file_routes import FileRoutes
from unified_intelligence.spaces.simulator.hub import Call, Hub
from unified_intelligence.spaces.simulator.info_routes import InfoRoutes
from unified_intelligence.spaces.simulator.keeper import Timings
from unified_intelligence.spaces.simulator.keepers import Keepers
from unified_intelligence.spaces.simulator.refusals import RefusalError
from unified_intelligence.spaces.simulator.space_routes import SpaceRoutes

_LOOPBACK = "127.0.0.1"
_END = 15.0
_WORDS = {402: "Payment required", 403: "Forbidden", 409: "Conflict", 429: "Too many requests"}


def new_app(hub: Hub, base: Mapping[str, str], timings: Timings | None = None) -> ASGIApp:
    """All the routes. `base` are variables of this machine: a few of them are passed on to the apps."""
    keepers = Keepers(hub, base, timings or Timings())

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        await keepers.open()
        yield
        await keepers.close()

    routes = [
        *ControlRoutes(hub).routes(), *CommitRoutes(hub, keepers).routes(), *SpaceRoutes(hub, keepers).routes(),
        *FileRoutes(hub).routes(), *InfoRoutes(hub, keepers).routes(),
    ]  # fmt: skip
    handlers: Any = {RefusalError: _refused}
    return Gate(Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers), hub)


class Gate:
    """Before the routes: counts the calls, answers those that a fault wants answered, leaves quoted paths quoted."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app, self._hub = app, hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        raw = cast("bytes", scope.get("raw_path") or scope["path"].encode())
        path = raw.partition(b"?")[0].decode("ascii", "replace")
        scope["path"] = path  # a name with %2F in it is one name
        if path.startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                ms = round((time.perf_counter() - started) * 1000, 2)
                self._hub.calls.append(Call(scope["method"], path, message["status"], ms))
                # The second we are in: readers of logs stop at a line that is younger, and uvicorn's own may be old.
                message["headers"] = [*message["headers"], (b"date", formatdate(usegmt=True).encode())]
            await send(message)

        if answer := self._hub.faults.answer(scope["method"], path):
            status, fault = answer
            refusal = RefusalError(
                status, _WORDS.get(status, "Service unavailable"), headers=_limits(status, fault.seconds)
            )
            await _response(refusal)(scope, receive, counted)
            return
        await self._app(scope, receive, counted)


def _limits(status: int, seconds: float) -> dict[str, str]:
    if status != 429:
        return {}
    return {
        "RateLimit": f'"api";r=0;t={round(seconds)}', "RateLimit-Policy": '"fixed window";"api";q=1000;w=300',
        "Retry-After": str(round(seconds)),
    }  # fmt: skip


async def _refused(_request: Request, error: RefusalError) -> Response:
    return _response(error)


def _response(error: RefusalError) -> Response:
    plain = re.sub(r"[^\x20-\x7e]", "?", error.message)
    headers = {"X-Error-Message": plain, **({"X-Error-Code": error.code} if error.code else {}), **error.headers}
    return JSONResponse({"error": error.message, **error.body}, error.status, headers)


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, app: ASGIApp, announce: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app, log_config=None, log_level="critical", lifespan="on", ws="none", timeout_graceful_shutdown=1,
                server_header=False, date_header=False,
            )
        )  # fmt: skip
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()


def end_in_order() -> None:
    """From now on SIGTERM and SIGHUP unwind this process as Ctrl-C does, so that what is temporary is removed."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGHUP, lambda _number, _frame: signal.raise_signal(signal.SIGTERM))


def serve(app: ASGIApp, port: int, announce: Callable[[str], None]) -> None:
    """Serves until Ctrl-C or SIGTERM; `announce` gets the address. Raises ConfigurationError for a taken port."""
    with _listening(port) as own:
        _Server(app, lambda: announce(_url(own))).run(sockets=[own])


@contextmanager
def running(
    folder: Path, *, hub: Hub | None = None, base: Mapping[str, str] | None = None, timings: Timings | None = None,
    port: int = 0,
) -> Generator[str]:  # fmt: skip
    """Serves in a thread for as long as the block lasts; gives the address. `hub` is one of that folder, made here if
    none is given.
    """
    own_hub = hub or Hub(folder)
    ready = threading.Event()
    try:
        with _listening(port) as own:
            server = _Server(new_app(own_hub, base or {}, timings), ready.set)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, name="local hub", daemon=True)
            thread.start()
            try:
                while not ready.wait(0.05):
                    if not thread.is_alive():
                        raise RuntimeError("The local Hub ended before it listened.")
                yield _url(own)
            finally:
                server.should_exit = True
                thread.join(_END)
    finally:
        own_hub.close()


@contextmanager
def _listening(port: int) -> Generator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            own.bind((_LOOPBACK, port))
            own.listen(1024)
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} of {_LOOPBACK} cannot be used: {error.strerror}.", hint="Take any free one: --port 0"
            ) from error
        yield own


def _url(own: socket.socket) -> str:
    return f"http://{_LOOPBACK}:{own.getsockname()[1]}"
