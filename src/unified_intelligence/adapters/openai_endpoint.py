"""One address with OpenAI's protocol, and one answer asked of it: the tries, the waiting for a Space, the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from unified_intelligence.adapters.http import Http, HttpRequest, Incoming
from unified_intelligence.adapters.retry import Budget, Retries, retried
from unified_intelligence.adapters.space_stage import FollowedSpace
from unified_intelligence.adapters.timers import Watch
from unified_intelligence.adapters.wire.failures import is_html, page_instead_of_answer, refusal
from unified_intelligence.adapters.wire.openai_chat import AnswerReader, first_model
from unified_intelligence.adapters.wire.sse import EventStream
from unified_intelligence.entities.errors import (
    ConnectionFailedError,
    NotFoundOrPrivateError,
    ProtocolError,
    ServerBusyError,
    SpaceStartingError,
    StreamInterruptedError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Event, Timings

_LONGEST_REFUSAL = 64 * 1024  # bytes of an error's body that are looked at
_LONGEST_HEAD = 1000  # bytes of a stream that are kept to tell a page from an answer


@dataclass(slots=True)
class Endpoint:
    """`base` is the URL without a slash at its end, `headers` go with every request, `secrets` are shown nowhere.

    `model` is None until the server has told the first of its models; `wait` is seconds for `space`.
    """

    base: str
    http: Http
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    model: str | None = None
    retries: Retries = field(default_factory=Retries)
    budget: Budget = field(default_factory=Budget)
    space: FollowedSpace | None = None
    wait: float = 300.0

    def watch(self, deadline: float) -> Watch:
        """On the time of one try, which begins now."""
        watch = Watch(self.http.timers, deadline, self.base)
        watch.begin("first token", self.http.timers.first_token)
        return watch

    async def document(self, method: str, path: str, body: bytes, watch: Watch) -> bytes:
        """The body of an answer. Raises ProviderError and its kinds."""
        request = HttpRequest(method, self.base + path, self.headers, body)
        async with self.http.opened(request, watch) as answer:
            await self._refuse(answer, request.url)
            return await answer.body()

    async def chosen_model(self, watch: Watch) -> str:
        if self.model is None:
            self.model = first_model(await self.document("GET", "/models", b"", watch), f"{self.base}/models")
        return self.model

    async def attempt(self, body: bytes, deadline: float, reader: AnswerReader) -> AsyncGenerator[Event]:
        """The events of one try, without their end. The body's model is filled in."""
        watch = self.watch(deadline)
        try:
            named = _with_model(body, await self.chosen_model(watch))
            request = HttpRequest("POST", f"{self.base}/chat/completions", self.headers, named)
            async with self.http.opened(request, watch) as answer:
                await self._refuse(answer, request.url)
                if answer.media_type == "text/event-stream":
                    async with aclosing(_streamed(answer, reader, watch, request.url)) as events:
                        async for event in events:
                            yield event
                else:
                    for event in _read_document(await answer.body(), reader, request.url):
                        yield event
            if not reader.complete and reader.started:
                raise StreamInterruptedError(f"{self.base} stopped before the end of its answer.", hint="Ask again.")
        finally:
            watch.close()

    async def _refuse(self, answer: Incoming, url: str) -> None:
        if answer.status >= 400:
            body = await answer.beginning(_LONGEST_REFUSAL)
            raise refusal(answer.status, answer.headers, body, url=url, now=datetime.now(UTC), secrets=self.secrets)


class Call:
    """One answer. Made inside the event loop on which it is read."""

    def __init__(self, endpoint: Endpoint, body: bytes) -> None:
        self._endpoint, self._body = endpoint, body
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._deadline = self._began + endpoint.http.timers.total
        self._first = 0.0
        self._reader = AnswerReader(endpoint.base, endpoint.secrets)

    async def events(self) -> AsyncGenerator[Event]:
        """All of it. What breaks after the first word is a StreamInterruptedError; every error has its `partial`."""
        own = self._endpoint
        attempt = self._followed if own.space else self._tried
        try:
            async with aclosing(retried(attempt, own.retries, own.budget, self._deadline)) as events:
                async for event in events:
                    yield event
        except (ConnectionFailedError, ProtocolError) as error:
            if not self._reader.started:
                raise
            raise StreamInterruptedError(error.message, partial=self._reader.partial, hint="Ask again.") from error
        except UnifiedIntelligenceError as error:
            error.partial = self._reader.partial
            raise

    async def _tried(self) -> AsyncGenerator[Event]:
        self._reader = AnswerReader(self._endpoint.base, self._endpoint.secrets)
        async with aclosing(self._endpoint.attempt(self._body, self._deadline, self._reader)) as events:
            async for event in events:
                self._first = self._first or self._loop.time()
                yield event
        now = self._loop.time()
        for event in self._reader.end(Timings((self._first or now) - self._began, now - self._began)):
            yield event

    async def _followed(self) -> AsyncGenerator[Event]:
        """A try, and a second one after the Space that did not answer has been waited for."""
        own = self._endpoint
        try:
            async with aclosing(self._tried()) as events:
                async for event in events:
                    yield event
        except (SpaceStartingError, ServerBusyError, NotFoundOrPrivateError, ConnectionFailedError):
            if self._reader.started or own.space is None:
                raise
        else:
            return
        async with aclosing(own.space.until_running(own.http, own.wait, self._deadline)) as notices:
            async for notice in notices:
                yield notice
        async with aclosing(self._tried()) as events:
            async for event in events:
                yield event


async def _streamed(answer: Incoming, reader: AnswerReader, watch: Watch, url: str) -> AsyncGenerator[Event]:
    stream, head = EventStream(), b""
    async for piece in answer.pieces():
        head += piece[: _LONGEST_HEAD - len(head)]
        found = stream.feed(piece)
        for name, data in found:
            for event in reader.read(name, data):
                yield event
        if reader.done:
            await answer.drain()
            return
        if found and (reader.started or reader.complete):
            watch.begin("idle", watch.timers.idle)
    for name, data in stream.end():
        for event in reader.read(name, data):
            yield event
    if not (reader.started or reader.complete):
        raise _no_answer(head, url)


def _read_document(body: bytes, reader: AnswerReader, url: str) -> Iterator[Event]:
    if is_html(body):
        raise page_instead_of_answer(url, body[:100_000].decode("utf-8", "replace"))
    yield from reader.read_document(body)


def _no_answer(head: bytes, url: str) -> UnifiedIntelligenceError:
    if is_html(head):
        return page_instead_of_answer(url, head.decode("utf-8", "replace"))
    return ProtocolError(f"{url} sent a stream without an answer.", url=url, passing=True)


def _with_model(body: bytes, model: str) -> bytes:
    """The body was made before the server had told its model's name."""
    return body.replace(b'{"model":""', b'{"model":' + msgspec.json.encode(model), 1)
