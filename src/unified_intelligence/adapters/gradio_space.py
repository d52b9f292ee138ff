"""One Gradio app over its HTTP API: what it offers, a call begun, its answer read, a function run outside of the queue.

A call is a POST that says what to do and a GET that streams what comes of it. Closing that stream ends a function that
gives its answer in pieces, at the next one; one that does not has to be cancelled besides.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import msgspec

from unified_intelligence.adapters.cut_short import more
from unified_intelligence.adapters.http import Http, Request
from unified_intelligence.adapters.offer_cache import OfferCache
from unified_intelligence.adapters.timers import Watch, watching
from unified_intelligence.adapters.wire.failures import LONGEST_PAGE, UNREADABLE, is_html, refuse_page
from unified_intelligence.adapters.wire.gradio_events import ReplyOfSpace
from unified_intelligence.adapters.wire.gradio_failures import no_such_answer
from unified_intelligence.adapters.wire.gradio_offer import Offer, read_config, read_offer
from unified_intelligence.adapters.wire.sse import EventStream
from unified_intelligence.entities.errors import (
    InvalidRequestError,
    ProtocolError,
    ProviderError,
    TimedOutError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Notice

T = TypeVar("T")
_LATE_END = 2.0  # seconds Gradio may take to say that a function has returned whose answer is whole
_CANCEL = 2.0  # seconds that leaving may take
_EVENT_ID = re.compile(r"[\w-]{1,200}", re.ASCII)
_STALE = frozenset({404, 405, 500})


class _Begun(msgspec.Struct):
    event_id: str


class _Ran(msgspec.Struct):
    data: list[Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A call: of which endpoint, with which body, whose arguments are `named` or in their order.

    `cancelled`: its function may not give its answer in pieces, so that leaving must be said.
    """

    endpoint: str
    body: bytes
    named: bool = False
    cancelled: bool = False


class Running(NamedTuple):
    """A call that has begun: where its answer streams, what it was, and what cancels it where that can be said."""

    url: str
    asked: Asked
    cancel: Request | None = None


class GradioSpace:
    """`url` is the app's address; `headers` may hold a token, `secrets` are what must not be shown."""

    def __init__(
        self, http: Http, url: str, headers: Mapping[str, str], secrets: tuple[str, ...], cache: OfferCache
    ) -> None:
        self.url = url
        self._http, self.headers, self._secrets, self._cache = http, headers, secrets, cache
        self._offer: Offer | None = None

    async def offer(self, watch: Watch) -> Offer:
        """What it offers, asked for once."""
        self._offer = self._offer or self._cache.get(self.url)
        return self._offer or await self.refreshed(watch)

    async def refreshed(self, watch: Watch) -> Offer:
        """What it offers now, asked for whatever is remembered."""
        url = f"{self.url}/config"
        config = read_config(await self._http.fetch(self._request("GET", url), watch), url, self._secrets)
        url = f"{self.url}{config.api_prefix.rstrip('/')}/info"
        body = await self._http.fetch(self._request("GET", url), watch)
        self._offer = read_offer(config, body, url, self._secrets)
        self._cache.put(self.url, self._offer)
        return self._offer

    async def begin(self, ask: Callable[[Offer], Asked], watch: Watch) -> Running:
        """Begins a call. What is remembered of an app may be true no more: it then is asked again, once."""
        remembered = self._offer or self._cache.get(self.url)
        if remembered is not None:
            self._offer = remembered
            try:
                return await self._begun(remembered, ask(remembered), watch)
            except (ProviderError, InvalidRequestError) as error:
                if not _may_be_stale(error):
                    raise
                self._offer = None
                self._cache.forget(self.url)
        offer = await self.refreshed(watch)
        return await self._begun(offer, ask(offer), watch)

    async def run(self, endpoint: str, watch: Watch) -> Any:
        """What a function gives back that takes nothing and waits in no queue."""
        url = f"{self.url}{(await self.offer(watch)).prefix}/run/{endpoint}"
        body = await self._http.fetch(self._request("POST", url, b'{"data": []}'), watch)
        return self._read(body, _Ran, url).data

    async def events(self, running: Running, reader: ReplyOfSpace[T], watch: Watch) -> AsyncGenerator[list[T], None]:
        """What each read from the network says; `reader` knows whether that adds up to an answer.

        Left before its end, or out of time, the call is cancelled.
        """
        try:
            async with aclosing(self._pieces(running, reader, watch)) as pieces:
                async for piece in pieces:
                    yield piece
        except (GeneratorExit, asyncio.CancelledError, TimedOutError):
            if running.cancel is not None and not reader.complete:
                await self._cancelled(running.cancel, watch)
            raise

    async def _cancelled(self, request: Request, watch: Watch) -> None:
        """Whoever leaves does not wait for it for long, and is not told that it failed."""
        until = asyncio.get_running_loop().time() + _CANCEL
        with suppress(ProviderError), watching(watch.timers, request.url, deadline=until) as last:
            await self._http.fetch(request, last)

    async def _pieces(self, running: Running, reader: ReplyOfSpace[T], watch: Watch) -> AsyncGenerator[list[T], None]:
        stream = EventStream()
        async with aclosing(await self._http.open(self._request("GET", running.url), watch)) as reply:
            chunk = await reply.read()
            if is_html(chunk):
                refuse_page(reply.url, chunk + await reply.beginning(LONGEST_PAGE), self._secrets)
            while chunk:
                said = reader.read(stream.feed(chunk))
                if said:
                    yield said
                if reader.done:
                    await reply.drain()
                    return
                _restart(watch, reader, said)
                chunk = await more(reply, reader)
            if said := _rest(stream, reader):
                yield said

    async def _begun(self, offer: Offer, asked: Asked, watch: Watch) -> Running:
        api = f"{self.url}{offer.prefix}"
        url = self.call_url(api, asked)
        body = await self._http.fetch(self._request("POST", url, asked.body), watch)
        event = self._read(body, _Begun, url).event_id
        if not _EVENT_ID.fullmatch(event):
            raise no_such_answer(url, "did not say where its answer will be.")
        number = offer.numbers.get(asked.endpoint)
        cancel = {"session_hash": event, "fn_index": number, "event_id": event}
        return Running(
            f"{api}/call/{asked.endpoint}/{event}",
            asked,
            self._request("POST", f"{api}/cancel", msgspec.json.encode(cancel))
            if asked.cancelled and number is not None
            else None,
        )

    @staticmethod
    def call_url(api: str, asked: Asked) -> str:
        """The address where a call is begun."""
        return f"{api}/call/v2/{asked.endpoint}" if asked.named else f"{api}/call/{asked.endpoint}"

    def _request(self, method: str, url: str, body: bytes = b"") -> Request:
        headers = {**self.headers, "Content-Type": "application/json"} if body else self.headers
        return Request(method, url, headers, body, self._secrets)

    def _read(self, body: bytes, kind: type[T], url: str) -> T:
        refuse_page(url, body, self._secrets)
        try:
            return msgspec.json.decode(body, type=kind)
        except UNREADABLE as error:
            raise no_such_answer(url, "did not answer as a Gradio app does.") from error


def _may_be_stale(error: UnifiedIntelligenceError) -> bool:
    if isinstance(error, ProviderError) and error.status in _STALE:
        return True
    return isinstance(error, InvalidRequestError | ProtocolError)


def _restart(watch: Watch, reader: ReplyOfSpace[T], said: list[T]) -> None:
    """A heartbeat restarts nothing: it says that the connection lives, and not that anybody works."""
    if reader.complete:
        watch.begin("idle", min(_LATE_END, watch.timers.idle))
    elif reader.works or (said and not all(isinstance(event, Notice) for event in said)):
        watch.begin("idle", watch.timers.idle)


def _rest(stream: EventStream, reader: ReplyOfSpace[T]) -> list[T]:
    """What the last bytes say, which a cut may have torn."""
    try:
        return reader.read(stream.end())
    except ProtocolError as error:
        if not reader.begun:
            raise
        raise reader.interrupted("The answer was cut in the middle of a piece.") from error
