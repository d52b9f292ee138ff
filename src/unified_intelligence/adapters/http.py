"""The one place that sends bytes. What httpx2 raises becomes ours here, and nowhere else.

A request goes to the address it was made for and to no other: a redirection is an error that names the new address.
Answers are asked for uncompressed; one that is compressed all the same is unpacked a piece at a time.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import httpx2

from unified_intelligence.adapters.timers import Timers, Watch, timed_out
from unified_intelligence.entities.errors import (
    ConfigurationError,
    ConnectionFailedError,
    ProtocolError,
    TlsError,
    UnifiedIntelligenceError,
)

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

LONGEST_BODY = 16 * 1024 * 1024  # bytes of a document; a stream is bounded event by event
_UNPACKED = 1024 * 1024  # bytes given on at a time


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """`headers` may hold keys and are not shown."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


class Incoming:
    """An answer whose head has come."""

    def __init__(self, response: httpx2.Response, watch: Watch, url: str) -> None:
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.media_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        self._url, self._watch = url, watch
        self._raw = response.aiter_raw()
        self._unpack = _unpacker(self.headers.get("content-encoding", "identity"), url)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes, unpacked. Raises TimedOutError, ConnectionFailedError, ProtocolError."""
        while True:
            try:
                piece = await self._watch.within(anext(self._raw))
            except StopAsyncIteration:
                return
            except httpx2.HTTPError as error:
                raise ours(error, self._url, self._watch.timers) from error
            if self._unpack is None:
                yield piece
            else:
                for unpacked in self._unpack.feed(piece):
                    yield unpacked

    async def body(self, longest: int = LONGEST_BODY) -> bytes:
        """The whole body. Raises ProtocolError if it is longer."""
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > longest:
                raise ProtocolError(f"{self._url} sent more than {longest:,} bytes.", url=self._url)
        return bytes(body)

    async def beginning(self, longest: int) -> bytes:
        """At most so much of the body; the rest is not read, and what breaks while it is read does not matter."""
        body = bytearray()
        try:
            async for piece in self.pieces():
                body += piece
                if len(body) >= longest:
                    break
        except UnifiedIntelligenceError:
            pass
        return bytes(body[:longest])

    async def drain(self) -> None:
        """Reads the end of a complete answer, if it is there already: the connection can then be used again."""
        try:
            async with asyncio.timeout(0.05):
                async for _ in self._raw:
                    return
        except (TimeoutError, httpx2.HTTPError):
            pass


class Http:
    """Connections, kept for each event loop they were made on."""

    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self._clients: WeakKeyDictionary[AbstractEventLoop, httpx2.AsyncClient] = WeakKeyDictionary()

    @asynccontextmanager
    async def opened(self, request: HttpRequest, watch: Watch) -> AsyncGenerator[Incoming]:
        """Sends a request and waits for the head of its answer. Leaving closes what is unread.

        Raises ConnectionFailedError, TlsError, TimedOutError, ProtocolError.
        """
        client = self._client()
        try:
            sent = client.build_request(
                request.method, request.url, headers=request.headers, content=request.body or None
            )
            response = await watch.within(client.send(sent, stream=True))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise ours(error, request.url, self.timers) from error
        try:
            if 300 <= response.status_code < 400:
                raise _moved(request.url, response)
            yield Incoming(response, watch, request.url)
        finally:
            await response.aclose()

    def close(self) -> None:
        """Closes the connections of loops that still run; those of ended ones went with them."""
        for loop, client in list(self._clients.items()):
            if loop.is_running():
                loop.call_soon_threadsafe(lambda client=client, loop=loop: loop.create_task(client.aclose()))
        self._clients.clear()

    def _client(self) -> httpx2.AsyncClient:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = httpx2.AsyncClient(
                timeout=httpx2.Timeout(None, connect=self.timers.connect),
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=32),
                headers={"accept-encoding": "identity"},
                follow_redirects=False,
            )
        return self._clients[loop]


class _Unpacker:
    """gzip and deflate, also several of them one after the other, a bounded piece at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._inflate = zlib.decompressobj(wbits=47)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises ProtocolError for damaged data."""
        try:
            while data:
                if self._inflate.eof:
                    self._inflate = zlib.decompressobj(wbits=47)
                if unpacked := self._inflate.decompress(data, _UNPACKED):
                    yield unpacked
                data = self._inflate.unconsumed_tail or self._inflate.unused_data
        except zlib.error as error:
            raise ProtocolError(f"{self._url} sent damaged data.", url=self._url, passing=True) from error


def _unpacker(coding: str, url: str) -> _Unpacker | None:
    if coding.lower() in {"", "identity"}:
        return None
    if coding.lower() in {"gzip", "x-gzip", "deflate"}:
        return _Unpacker(url)
    raise ProtocolError(f"{url} answered in the coding {coding[:40]!r}, which it was asked not to use.", url=url)


def _moved(url: str, response: httpx2.Response) -> ProtocolError:
    target = response.headers.get("location", "")[:200]
    return ProtocolError(
        f"{url} says that it has moved{f' to {target}' if target else ''}.",
        hint="Give that address if you trust it: --base-url",
        url=url,
        status=response.status_code,
    )


def ours(error: Exception, url: str, timers: Timers) -> UnifiedIntelligenceError:
    """What another try, or the user, can do about a failure below the answer."""
    said = _reason(error)
    match error:
        case httpx2.ConnectTimeout():
            return timed_out("connect", timers.connect, url)
        case httpx2.UnsupportedProtocol() | httpx2.InvalidURL():
            return ConfigurationError(f"{url} is no address: {said}.", hint="It begins with https:// or http://.")
        case _ if _of_tls(error):
            hint = "Is it https:// or http://? Is the certificate right?"
            return TlsError(f"{url} does not speak TLS as it should: {said}.", hint=hint, url=url)
        case httpx2.ConnectError():
            hint = "Check the address, and that the server runs."
            return ConnectionFailedError(f"{url} cannot be reached: {said}.", hint=hint, url=url)
        case _:
            return ConnectionFailedError(f"{url} broke the connection: {said}.", url=url)


def _of_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _reason(error: Exception) -> str:
    text = str(error).strip().rstrip(".")
    return text[:160] or type(error).__name__
