"""The one place that sends bytes to a server and takes them from it, within limits of time and size.

A request goes out once: trying again is `retry.py`'s. Foreign exceptions become ours in `translated` and nowhere else.
A key travels to the address it was given for: a redirect is followed for GET only, and never to another origin.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from concurrent.futures import Future
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, cast
from urllib.parse import urljoin, urlsplit
from weakref import WeakKeyDictionary, finalize

import httpx2

from unified_intelligence.adapters.timers import Watch, timed_out
from unified_intelligence.adapters.wire.compressed import unpacker
from unified_intelligence.adapters.wire.failures import LOOK_THERE, hide, refusal, visible
from unified_intelligence.entities.errors import (
    ConfigurationError,
    ConnectionFailedError,
    ProtocolError,
    ProviderError,
    TlsError,
    UnifiedIntelligenceError,
)

LARGEST_BODY = 16 * 1024 * 1024  # of a document; a stream is bounded event by event
LARGEST_REFUSAL = 64 * 1024
LARGEST_HEAD = 64 * 1024
_MOST_REDIRECTS = 5
_GOODBYE = 0.1  # seconds for the last bytes of a body that is known to be over, so that its connection can be kept
_KEPT = 4.0  # seconds an idle connection is kept: one less than the shortest that servers commonly keep it
_FOREIGN = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError)
_HUNG_UP = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)
_PLAIN, _CONNECTED = "", "connection.connect_tcp.complete"
_CONNECTING = "connection.connect_"
_TLS_STARTED, _TLS_DONE = "connection.start_tls.started", "connection.start_tls.complete"


@dataclass(frozen=True, slots=True)
class Request:
    """`headers` may hold keys; `secrets` are what must not be shown when a server quotes them."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes = field(default=b"", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Http:
    """Connections to servers, one pool an event loop. A pool ends with its loop, or with `close`."""

    def __init__(self) -> None:
        self._pools: _Pools = WeakKeyDictionary()
        finalize(self, _end_all, self._pools).atexit = False

    async def open(self, request: Request, watch: Watch) -> Reply:
        """Sends a request and waits for the head of its answer; the body is read from the reply, which must be closed.

        Raises the typed error of a status of 300 and more, ConnectionFailedError, TlsError, TimedOutError.
        """
        response = await self._send(request, watch)
        try:
            reply = Reply(response, request, watch)
        except ProtocolError:
            await response.aclose()
            raise
        if response.status_code < 300:
            return reply
        try:
            if response.status_code < 400:
                raise _moved(request, response)
            body = await reply.beginning(LARGEST_REFUSAL)
            raise refusal(
                response.status_code, response.headers, body,
                url=request.url, now=datetime.now(UTC), secrets=request.secrets,
            )  # fmt: skip
        finally:
            await reply.aclose()

    async def fetch(self, request: Request, watch: Watch) -> bytes:
        """A whole body of at most 16 MiB. A GET follows redirects within its origin. Raises what `open` raises."""
        for _ in range(_MOST_REDIRECTS):
            try:
                reply = await self.open(request, watch)
            except _MovedError as moved:
                if request.method != "GET" or _origin(moved.address) != _origin(request.url):
                    raise
                request = Request("GET", moved.address, request.headers, b"", request.secrets)
                continue
            async with aclosing(reply):
                return await reply.whole()
        raise ProviderError(f"{request.url} leads in a circle.", hint=LOOK_THERE, url=request.url)

    def close(self) -> None:
        """Closes the connections of every loop that still runs, and waits for those of other threads."""
        for ended in _end_all(self._pools):
            with suppress(TimeoutError):
                ended.result(5)

    async def _send(self, request: Request, watch: Watch) -> httpx2.Response:
        """A kept connection may be closed by its server in the moment in which it is used again: then another one is.

        That is no failure of the server, which may have taken nothing of the request; no head of an answer came.
        """
        while True:
            phase = _Phase()
            try:
                client = await self._client(request.url)
                sent = client.build_request(
                    request.method, request.url, headers=dict(request.headers), content=request.body or None,
                    timeout=httpx2.Timeout(None, connect=watch.timers.connect), extensions={"trace": phase.note},
                )  # fmt: skip
                response = await watch.within(client.send(sent, stream=True))
                break
            except _HUNG_UP as error:
                if not phase.reused:
                    raise translated(error, request, watch.timers.connect, phase.name) from error
            except _FOREIGN as error:
                raise translated(error, request, watch.timers.connect, phase.name) from error
            finally:
                await phase.end()
        if sum(len(name) + len(value) for name, value in response.headers.raw) > LARGEST_HEAD:
            await response.aclose()
            said = f"{request.url} sent headers of more than {LARGEST_HEAD // 1024} KiB."
            raise ProtocolError(said, hint=LOOK_THERE, url=request.url)
        return response

    async def _client(self, url: str) -> httpx2.AsyncClient:
        kinds = self._pools.setdefault(asyncio.get_running_loop(), {})
        kind = urlsplit(url).scheme == "https", is_loopback(url)
        if kind not in kinds:
            kinds[kind] = _Pool(_new_client(tls=kind[0], direct=kind[1]))
            await kinds[kind].begin()
        return kinds[kind].client


class _Pool:
    """A client that is closed with its loop: a loop that ends closes the asynchronous generators begun on it."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self._keeper = self._keep()

    async def begin(self) -> None:
        await anext(self._keeper)

    async def end(self) -> None:
        await self._keeper.aclose()

    async def _keep(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self.client.aclose()


_Pools = WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[bool, bool], _Pool]]
_ending: WeakKeyDictionary[asyncio.AbstractEventLoop, set[_Pool]] = WeakKeyDictionary()


def _end_all(pools: _Pools) -> list[Future[None]]:
    """Begins to end them; what it gives back can be waited for outside of their loops.

    A loop that stops before it came to this ends them itself: until it is gone they are held for that.
    """
    awaited: list[Future[None]] = []
    for loop, kinds in [*pools.items()]:
        if loop.is_closed() or not loop.is_running():
            continue
        held = _ending.setdefault(loop, set())
        for pool in kinds.values():
            held.add(pool)
            ended = asyncio.run_coroutine_threadsafe(pool.end(), loop)
            ended.add_done_callback(lambda done, held=held, pool=pool: done.cancelled() or held.discard(pool))
            if not _runs_here(loop):
                awaited.append(ended)
    pools.clear()
    return awaited


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


class _Phase:
    """How far a connection is: a TLS greeting that nobody answers is told apart from a host that is not there.

    It also closes the socket of such a greeting, which httpcore2 leaves open when the greeting is cancelled.
    """

    def __init__(self) -> None:
        self.name, self.reused = _PLAIN, True
        self._socket: _Closing | None = None

    async def note(self, name: str, told: Mapping[str, object]) -> None:
        self.reused = self.reused and not name.startswith(_CONNECTING)
        if name == _CONNECTED:
            self._socket = cast("_Closing", told["return_value"])
        elif name in {_TLS_STARTED, _TLS_DONE}:
            self.name = name

    async def end(self) -> None:
        if self.name == _TLS_STARTED and self._socket is not None:
            with suppress(*_FOREIGN):
                await self._socket.aclose()


class _Closing(Protocol):
    async def aclose(self) -> None: ...


class Reply:
    """An answer whose head is read. Its body is read in the pieces in which it comes, decompressed within a limit."""

    def __init__(self, response: httpx2.Response, request: Request, watch: Watch) -> None:
        self.url, self.secrets = request.url, request.secrets
        self.media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._response, self._request, self._watch = response, request, watch
        self._chunks = cast("AsyncGenerator[bytes, None]", aiter(cast("AsyncIterable[bytes]", response.stream)))
        self._unpack = unpacker(response.headers.get("content-encoding", ""), request.url)

    async def read(self) -> bytes:
        """The next bytes, none at the end. Raises TimedOutError, ConnectionFailedError, ProtocolError."""
        while True:
            if self._unpack is not None and (chunk := self._unpack.take()):
                return chunk
            try:
                chunk = await self._watch.within(anext(self._chunks))
            except StopAsyncIteration:
                return b""
            except _FOREIGN as error:
                raise translated(error, self._request, self._watch.timers.connect) from error
            if self._unpack is not None:
                self._unpack.put(chunk)
            elif chunk:
                return chunk

    async def whole(self, begun: bytes = b"") -> bytes:
        """The rest of the body. Raises ProtocolError beyond 16 MiB."""
        body = bytearray(begun)
        while chunk := await self.read():
            body += chunk
            if len(body) > LARGEST_BODY:
                said = f"{self.url} sent more than {LARGEST_BODY // 1024 // 1024} MiB."
                raise ProtocolError(said, hint=LOOK_THERE, url=self.url)
        return bytes(body)

    async def beginning(self, size: int) -> bytes:
        """At most about that many bytes; what came before the connection broke, if it does."""
        body = b""
        with suppress(ProviderError):
            while len(body) < size and (chunk := await self.read()):
                body += chunk
        return body[:size]

    async def drain(self) -> None:
        """Reads what is left of a body that is known to be over, so that its connection serves again."""
        with suppress(TimeoutError, StopAsyncIteration, *_FOREIGN):
            async with asyncio.timeout(_GOODBYE):
                for _ in range(8):
                    await anext(self._chunks)

    async def aclose(self) -> None:
        """Nothing of it is left to the garbage collector, which may run in a thread that is not its loop's."""
        with suppress(*_FOREIGN):
            await self._response.aclose()
        await self._chunks.aclose()


class _MovedError(ProviderError):
    """A redirect; `address` is where it points."""

    address = ""

    @property
    def code(self) -> str:
        return "provider"


def translated(error: Exception, request: Request, connect: float, phase: str = _PLAIN) -> UnifiedIntelligenceError:
    """Our error for one of httpx2's or of the operating system's. `connect` is the timer of that name, in seconds."""
    url = request.url
    host = urlsplit(url).netloc
    said = visible(str(error), secrets=request.secrets) or type(error).__name__
    tls = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
    late = isinstance(error, httpx2.ConnectTimeout)
    if late and phase != _TLS_STARTED:
        return timed_out("connect", connect, url)
    if late or tls is not None:
        why = f"no answer to its greeting in {connect:g} s" if late else visible(str(tls))
        hint = "If the server speaks plain HTTP, write http:// in base_url; else look at its certificate."
        return TlsError(f"No TLS with {host}: {why}.", hint=hint, url=url)
    if isinstance(error, (httpx2.InvalidURL, httpx2.UnsupportedProtocol)):
        return ConfigurationError(f"{url!r} is no address of a server: {said}.")
    if isinstance(error, httpx2.ConnectError):
        base, chat, _ = url.rpartition("/chat/")
        hint = f"Is it running? Look: curl {f'{base}/models' if chat else url}"
        return ConnectionFailedError(f"No connection to {host}: {_refused(error) or said}.", hint=hint, url=url)
    return ConnectionFailedError(
        f"The connection to {host} broke: {said.rstrip('.')}.", hint="Look into the server's log.", url=url
    )


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _new_client(*, tls: bool, direct: bool) -> httpx2.AsyncClient:
    """`direct`: around any proxy of the environment. Without `tls` no certificates are loaded: they cost most."""
    return httpx2.AsyncClient(
        verify=True if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        trust_env=not direct,
        headers={"Accept-Encoding": "identity", "User-Agent": "unified-intelligence-cli"},
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=_KEPT),
    )


def _moved(request: Request, response: httpx2.Response) -> _MovedError:
    address = urljoin(request.url, visible(response.headers.get("location", ""), 2000).replace(" ", "%20"))
    shown = hide(address, request.secrets)[:300]
    error = _MovedError(
        f"{request.url} answered {response.status_code} and points to {shown}: a question is not sent on to there.",
        hint="If you trust that address, give it as base_url.",
        url=request.url,
        status=response.status_code,
    )
    error.address = address
    return error


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _refused(error: BaseException) -> str:
    """The system's own words, such as "Connection refused": what is raised over them says less."""
    cause = next((each for each in _causes(error) if isinstance(each, OSError) and each.errno is not None), None)
    if cause is None or cause.errno is None:
        return ""
    return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)


def _causes(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    while error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__ or error
    return chain
