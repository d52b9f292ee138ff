"""Gradio Spaces on ZeroGPU: one that answers questions, one that evaluates. Also Spaces of others with only /respond.

    from unified_intelligence.adapters.llm.qwen3_zerogpu_adapter import Qwen3InferenceAdapter
    print(Qwen3InferenceAdapter(space="OWNER/NAME").generate("Explain SOLID principles"))

This file says what is asked of whom. Bytes are sent by `adapters.gradio_space`, read by `adapters.wire.gradio_events`,
and tried again by `adapters.retry`; a Space that does not run is followed by `adapters.space_call`.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Annotated
from uuid import uuid4

from unified_intelligence.adapters.addresses import HUB, check_address, check_secret
from unified_intelligence.adapters.gradio_space import Asked, GradioSpace
from unified_intelligence.adapters.offer_cache import OfferCache
from unified_intelligence.adapters.remote import RemoteTextGenerator
from unified_intelligence.adapters.retry import Batch
from unified_intelligence.adapters.space_call import Call
from unified_intelligence.adapters.space_stage import SpaceStage, check_space, space_headers, space_url
from unified_intelligence.adapters.timers import Timers, watching
from unified_intelligence.adapters.wire.gradio_evaluation import ChunkAnswer, ChunkAnswers, chunk_body
from unified_intelligence.adapters.wire.gradio_events import AnswerOfSpace, GrowingAnswer, TypedAnswer
from unified_intelligence.adapters.wire.gradio_failures import no_such_answer
from unified_intelligence.adapters.wire.gradio_offer import Offer, facts, offered
from unified_intelligence.adapters.wire.gradio_requests import RESPOND_HONOURS, generate_body, respond_body
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundOrPrivateError,
    ProtocolError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Event, GenerationConfig, Notice, Timings
from unified_intelligence.entities.message import Message, MessageLike, read_messages
from unified_intelligence.entities.sample import Sample, SampleAnswer
from unified_intelligence.interfaces.checkable import ICheckable
from unified_intelligence.interfaces.queued import IQueued, QueuedCalls
from unified_intelligence.interfaces.sample_generator import ISampleGenerator

_A_CALL = 64  # samples that are sent at once; the Space takes as many of them as fit into a GPU's time
_CACHE = "~/.cache/unified-intelligence/spaces"


class _SpaceAdapter(RemoteTextGenerator, ICheckable):
    """What both have in common: a Space that is found, waited for, asked, and asked again while nothing came."""

    honoured = frozenset(own.name for own in fields(GenerationConfig))
    entrusted = frozenset({"response_format", "tools"})

    def __init__(  # noqa: PLR0913 - a provider's options are its arguments
        self,
        *,
        space: Annotated[str | None, "OWNER/NAME of the Space, or its address"] = None,
        token: Annotated[str | None, "a token of the Hub: its quota is used, and it opens a private Space"] = None,
        base_url: Annotated[str | None, "the Space's address, where it is not that of its name"] = None,
        timeout: Annotated[float, "most seconds for a call, all tries included"] = 600.0,
        connect_timeout: Annotated[float, "most seconds for a connection"] = 10.0,
        first_token_timeout: Annotated[float, "most seconds until the answer begins, a GPU's queue included"] = 180.0,
        idle_timeout: Annotated[float, "most seconds between two pieces of it"] = 60.0,
        retries: Annotated[int, "further tries while nothing of an answer came"] = 3,
        wait: Annotated[float, "most seconds a Space that does not run is waited for"] = 300.0,
        cache: Annotated[str, "folder that remembers what a Space offers; empty for none"] = _CACHE,
        hub: Annotated[str, "the Hub that is asked about the Space"] = HUB,
    ) -> None:
        timers = {"connect": connect_timeout, "first_token": first_token_timeout, "idle": idle_timeout}
        super().__init__(Timers(**timers, total=timeout), retries, wait)
        check_secret("token", token)
        name, url = _place(_named(space, hub), base_url)
        self._has_token, self._secrets = bool(token), (token,) if token else ()
        folder = Path(cache).expanduser() if cache else None
        self._app = GradioSpace(self._http, url, space_headers(url, token), self._secrets, OfferCache(folder))
        if name:
            hub = check_address("hub", hub)
            self._space = SpaceStage(self._http, name, url=f"{url}/", hub=hub, token=token, timers=self._timers)

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        turns, call, run = read_messages(messages), Call.within(self._timers.total), uuid4().hex
        with self._key_noted():
            async with aclosing(self._tried(lambda: self._answer(turns, config, call, run), call)) as batches:
                async for batch in batches:
                    for event in batch:
                        yield event

    async def acheck(self) -> Mapping[str, str]:
        """Its address, what the Hub says of it, what it offers, and how long an answer without a GPU takes."""
        told = {"address": self._app.url}
        with self._key_noted():
            if self._space is not None:
                told |= {**await self._space.about(), **await self._space.quota()}
            with watching(self._timers, self._app.url) as watch:
                offer = await self._app.refreshed(watch)
                told |= {"gradio": offer.version, "endpoints": offered(offer)}
                started = time.perf_counter()
                if "version" in offer.endpoints:
                    told |= facts(await self._app.run("version", watch))
                else:
                    await self._app.refreshed(watch)
                told["round trip"] = f"{(time.perf_counter() - started) * 1000:.0f} ms"
        return told

    @abstractmethod
    def _ask(self, turns: Sequence[Message], config: GenerationConfig | None, offer: Offer, run: str) -> Asked:
        """The call for a question. `run` is the same over all tries. Raises InvalidRequestError, ProtocolError."""

    @abstractmethod
    def _reader(self, asked: Asked) -> AnswerOfSpace:
        """What reads the answer of that call."""

    async def _answer(
        self, turns: Sequence[Message], config: GenerationConfig | None, call: Call, run: str
    ) -> AsyncGenerator[Batch, None]:
        """One call and its answer."""
        started, first, reader = time.perf_counter(), 0.0, None
        try:
            with watching(self._timers, self._app.url, deadline=call.deadline) as watch:
                running = await self._app.begin(lambda offer: self._ask(turns, config, offer, run), watch)
                reader = self._reader(running.asked)
                async with aclosing(self._app.events(running, reader, watch)) as batches:
                    async for batch in batches:
                        if not first and any(not isinstance(event, Notice) for event in batch):
                            first = time.perf_counter() - started
                        yield batch
            reader.last_words()
            total = time.perf_counter() - started
            yield [reader.finished(Timings(first or total, total))]
        except UnifiedIntelligenceError as error:
            if reader is not None:
                error.partial = error.partial or reader.partial
                if reader.begun and isinstance(error, ProtocolError):
                    raise reader.interrupted(f"The answer broke off. {error.message}") from error
            raise

    @contextmanager
    def _key_noted(self) -> Generator[None]:
        """Says of a token that is refused or missing where it came from."""
        try:
            yield
        except (AuthenticationError, NotFoundOrPrivateError) as error:
            if isinstance(error, NotFoundOrPrivateError):
                error.hint = "Check the Space's name; a private one needs a token: HF_TOKEN, or -o token env:NAME"
            sent = "The token that was sent is the option token." if self._has_token else "No token was sent."
            error.hint = f"{self.key_notes.get('token') or sent} {error.hint}".strip()
            raise


class Qwen3InferenceAdapter(_SpaceAdapter, IQueued):
    """Answers through /generate of a Gradio Space, streamed; where there is only /respond, through that.

    /respond tells neither tokens nor why an answer ended, and knows no tools: asked for them, it refuses.
    """

    async def aload(self) -> None:
        """Looks up what the Space offers; then it is certain what it honours."""
        with watching(self._timers, self._app.url) as watch, self._key_noted():
            offer = await self._app.offer(watch)
        if "generate" not in offer.endpoints:
            self.honoured = RESPOND_HONOURS

    async def aqueued(
        self, questions: Sequence[tuple[str | Sequence[MessageLike], GenerationConfig | None]]
    ) -> QueuedCalls:
        told = await self.acheck()
        with watching(self._timers, self._app.url) as watch:
            offer = await self._app.offer(watch)
        asked = [self._ask(read_messages(messages), config, offer, "") for messages, config in questions]
        api = f"{self._app.url}{offer.prefix}"
        call = GradioSpace.call_url(api, asked[0])
        return QueuedCalls(call, f"{api}/queue/data?session_hash=", self._app.headers, [a.body for a in asked], told)

    def _ask(self, turns: Sequence[Message], config: GenerationConfig | None, offer: Offer, run: str) -> Asked:  # noqa: ARG002 - an answer is not kept by its run
        url = self._app.url
        if "generate" in offer.endpoints:
            return Asked("generate", generate_body(turns, config, offer, url), named=offer.named_calls)
        if "respond" in offer.endpoints:
            return Asked("respond", respond_body(turns, config, offer, url), cancelled=True)
        raise _wrong_space(url, "neither /generate nor /respond", offer)

    def _reader(self, asked: Asked) -> AnswerOfSpace:
        kind = TypedAnswer if asked.endpoint == "generate" else GrowingAnswer
        return kind(self._app.url, self._secrets)


class Qwen3ZeroGPUAdapter(_SpaceAdapter, ISampleGenerator):
    """Answers through /eval_chunk of an evaluation Space: one question a call, or with `asamples` as many as fit.

    A call is known by its run: tried again, it does not compute what it has computed.
    """

    async def asamples(self, run_id: str, samples: Sequence[Sample]) -> AsyncGenerator[SampleAnswer | Notice, None]:
        left = {(sample.sample_id, sample.epoch): sample for sample in samples}
        if len(left) < len(samples):
            raise InvalidRequestError("Two samples have one name in one epoch.", hint="Give each its own sample_id.")
        idle = 0
        while left:
            before = len(left)
            try:
                async with aclosing(self._chunk(run_id, list(left.values())[:_A_CALL])) as batches:
                    async for come in batches:
                        if isinstance(come, Notice) or left.pop((come.sample_id, come.epoch), None):
                            yield come
            except UnifiedIntelligenceError as error:
                if len(left) == before or not error.retryable:
                    raise
            idle = 0 if len(left) < before else idle + 1
            if idle > 1:  # one call may end before a sample does; the next one then takes fewer
                raise no_such_answer(self._app.url, "answers none of the samples.")

    async def _chunk(self, run_id: str, samples: Sequence[Sample]) -> AsyncGenerator[SampleAnswer | Notice, None]:
        """One call, tried again while nothing came of it. What it did not get to is left out."""
        call = Call.within(self._timers.total)
        with self._key_noted():
            async with aclosing(self._tried(lambda: self._records(run_id, samples, call), call)) as batches:
                async for batch in batches:
                    for come in batch:
                        yield come

    async def _records(
        self, run_id: str, samples: Sequence[Sample], call: Call
    ) -> AsyncGenerator[list[SampleAnswer | Notice], None]:
        reader = ChunkAnswers(self._app.url, self._secrets)
        try:
            with watching(self._timers, self._app.url, deadline=call.deadline) as watch:
                running = await self._app.begin(lambda offer: self._asked(samples, offer, run_id), watch)
                async with aclosing(self._app.events(running, reader, watch)) as batches:
                    async for batch in batches:
                        yield batch
            reader.last_words()
        except ProtocolError as error:
            if reader.begun:
                raise reader.interrupted(f"The answers broke off. {error.message}") from error
            raise

    def _ask(self, turns: Sequence[Message], config: GenerationConfig | None, offer: Offer, run: str) -> Asked:
        sample = Sample(sample_id="1", messages=tuple(turns), config=config or GenerationConfig())
        return self._asked([sample], offer, run)

    def _asked(self, samples: Sequence[Sample], offer: Offer, run: str) -> Asked:
        if "eval_chunk" not in offer.endpoints:
            raise _wrong_space(self._app.url, "no /eval_chunk", offer)
        return Asked("eval_chunk", chunk_body(samples, run, offer, self._app.url), named=offer.named_calls)

    def _reader(self, asked: Asked) -> AnswerOfSpace:  # noqa: ARG002 - there is one kind of answer only
        return ChunkAnswer(self._app.url, self._secrets)


def _named(space: str | None, hub: str) -> str | None:
    """OWNER/NAME where it is given as the address of its page on the Hub, which is what a browser shows."""
    page = f"{hub.rstrip('/')}/spaces/"
    return space.removeprefix(page).rstrip("/") if space and space.startswith(page) else space


def _place(space: str | None, base_url: str | None) -> tuple[str, str]:
    """The Space's name, empty where it is not known, and its address. Raises ConfigurationError."""
    example = "https://owner-name.hf.space"
    if space and space.startswith(("http://", "https://")):
        return "", check_address("space", space, example)
    if space:
        name = check_space(space)
        return name, check_address("base_url", base_url, example) if base_url else space_url(name)
    if base_url:
        return "", check_address("base_url", base_url, example)
    raise ConfigurationError(
        "It is not known which Space is to answer.",
        hint="Name one that is there (uic space deploy makes one): -o space OWNER/NAME, or its address, as "
        "-o space http://127.0.0.1:7860",
    )


def _wrong_space(url: str, lacks: str, offer: Offer) -> ProtocolError:
    error = no_such_answer(url, f"has {lacks}; it offers {offered(offer)}.")
    error.passing = False
    if "eval_chunk" in offer.endpoints:
        error.hint = "It evaluates. Ask it with: --provider qwen3_zerogpu_eval"
    elif "generate" in offer.endpoints or "respond" in offer.endpoints:
        error.hint = "It answers one question a call. Ask it with: --provider qwen3_zerogpu"
    return error
