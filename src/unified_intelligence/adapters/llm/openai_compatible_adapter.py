"""Any server that speaks OpenAI's chat API: vLLM, llama.cpp, Ollama, LM Studio, a Docker Space, a hosted endpoint.

This file says what is asked of whom, and in which order. Bytes are sent by `adapters.http`, read by `adapters.wire`,
and tried again by `adapters.retry`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import fields
from typing import Annotated
from urllib.parse import urlsplit

from unified_intelligence.adapters.addresses import HUB, check_address, check_secret
from unified_intelligence.adapters.chat_answer import pieces
from unified_intelligence.adapters.http import Request
from unified_intelligence.adapters.remote import RemoteTextGenerator
from unified_intelligence.adapters.retry import Batch, retried
from unified_intelligence.adapters.space_call import Call
from unified_intelligence.adapters.space_stage import SpaceStage, check_space, space_headers, space_url
from unified_intelligence.adapters.timers import Timers, Watch, watching
from unified_intelligence.adapters.wire.chat_request import EXTENSIONS, NOWHERE, request_body
from unified_intelligence.adapters.wire.failures import visible
from unified_intelligence.adapters.wire.openai_chat import AnswerReader
from unified_intelligence.adapters.wire.openai_lists import embeddings, embeddings_body, first_model, listed_models
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConfigurationError,
    ProtocolError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import Event, GenerationConfig, Timings
from unified_intelligence.entities.message import Message, MessageLike, read_messages
from unified_intelligence.interfaces.checkable import ICheckable
from unified_intelligence.interfaces.text_embedder import Embeddings, ITextEmbedder


class OpenAICompatibleAdapter(RemoteTextGenerator, ITextEmbedder, ICheckable):
    """Answers through POST {base_url}/chat/completions, streamed.

    Without `model` the first one of GET {base_url}/models is taken: servers of one model need no name. With `space`
    the address is that of the Space, and while it sleeps, builds or starts it is waited for.
    """

    honoured = frozenset(own.name for own in fields(GenerationConfig)) - NOWHERE
    entrusted = frozenset({"response_format", "tools"})

    def __init__(  # noqa: PLR0913 - a provider's options are its arguments
        self,
        *,
        base_url: Annotated[str | None, "the server's address, usually ending in /v1"] = None,
        key: Annotated[str | None, "the server's API key"] = None,
        model: Annotated[str | None, "its name there; without one, the first the server lists"] = None,
        timeout: Annotated[float, "most seconds for a call, all tries included"] = 600.0,
        connect_timeout: Annotated[float, "most seconds for a connection"] = 5.0,
        first_token_timeout: Annotated[float, "most seconds until the answer begins"] = 60.0,
        idle_timeout: Annotated[float, "most seconds between two pieces of it"] = 30.0,
        retries: Annotated[int, "further tries while nothing of an answer came"] = 3,
        space: Annotated[str | None, "OWNER/NAME of the Space the server runs in"] = None,
        hf_token: Annotated[str | None, "a token of the Hub, for a private Space"] = None,
        wait: Annotated[float, "most seconds a Space that does not run is waited for"] = 300.0,
        hub: Annotated[str, "the Hub that is asked about the Space"] = HUB,
        extensions: Annotated[bool, "the server knows vLLM's fields too, such as top_k; api.openai.com never"] = True,
    ) -> None:
        timers = {"connect": connect_timeout, "first_token": first_token_timeout, "idle": idle_timeout}
        super().__init__(Timers(**timers, total=timeout), retries, wait)
        for name, secret in (("key", key), ("hf_token", hf_token)):
            check_secret(name, secret)
        self._url = check_address("base_url", base_url) if base_url else _space_address(space)
        self._model = model
        self._sent = {"key": bool(key), "hf_token": bool(hf_token)}
        self._secrets = tuple(secret for secret in (key, hf_token) if secret)
        self._is_openai = urlsplit(self._url).hostname == "api.openai.com"
        self._extensions = extensions and not self._is_openai
        if not self._extensions:
            self.honoured = type(self).honoured - EXTENSIONS
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._headers |= space_headers(self._url, hf_token)
        if space:
            origin = "{0.scheme}://{0.netloc}/".format(urlsplit(self._url))
            self._space = SpaceStage(
                self._http, space, url=origin, hub=check_address("hub", hub), token=hf_token, timers=self._timers
            )

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        turns = read_messages(messages)
        call = Call.within(self._timers.total)
        with self._key_noted():
            async with aclosing(self._tried(lambda: self._answer(turns, config, call), call)) as batches:
                async for batch in batches:
                    for event in batch:
                        yield event

    async def aembed(
        self, texts: Sequence[str], *, dimensions: int | None = None, prompt_name: str | None = None
    ) -> Embeddings:
        call, url = Call.within(self._timers.total), f"{self._url}/embeddings"
        found: list[Embeddings] = []

        async def attempt() -> AsyncGenerator[Batch, None]:
            with watching(self._timers, url, deadline=call.deadline) as watch:
                body = embeddings_body(await self._name(watch), texts, dimensions, prompt_name)
                answer = await self._http.fetch(self._request("POST", url, body), watch)
            found.append(embeddings(answer, len(texts), url))
            yield []

        embeddings_body("", texts, dimensions, prompt_name)
        with self._key_noted():
            async with aclosing(retried(attempt, self._policy(call))) as batches:
                async for _ in batches:
                    pass
        return found[0]

    async def acheck(self) -> Mapping[str, str]:
        """Its address, what the Hub says of its Space, whether it takes the key, and the models that it lists."""
        told = {"address": self._url}
        call, url = Call.within(self._timers.total), f"{self._url}/models"
        with self._key_noted():
            if self._space is not None:
                told |= await self._space.about()
            with watching(self._timers, url, deadline=call.deadline) as watch:
                started = time.perf_counter()
                names = listed_models(await self._http.fetch(self._request("GET", url), watch), url)
        told["round trip"] = f"{(time.perf_counter() - started) * 1000:.0f} ms"
        told["key"] = "sent, and not refused" if self._sent["key"] else "none was sent, and none was asked for"
        told["models"] = ", ".join(visible(name, 60, self._secrets) for name in names[:12]) or "none"
        if model := self._model or (names[0] if names else None):
            told["model"] = model
        if model and model not in names:
            told["note"] = f"{model} is not among the models that it lists"
        return told

    @contextmanager
    def _key_noted(self) -> Generator[None]:
        """Says of a refused key where it came from."""
        try:
            yield
        except AuthenticationError as error:
            option = "key" if error.url.startswith(self._url) else "hf_token"
            sent = (
                f"The {option} that was sent is the option {option}."
                if self._sent[option]
                else f"No {option} was sent."
            )
            error.hint = f"{self.key_notes.get(option) or sent} {error.hint}".strip()
            raise

    def _request(self, method: str, url: str, body: bytes = b"") -> Request:
        headers = {**self._headers, "Content-Type": "application/json"} if body else self._headers
        return Request(method, url, headers, body, self._secrets)

    async def _name(self, watch: Watch) -> str:
        """The model's name, asked for once."""
        if self._model is None:
            url = f"{self._url}/models"
            self._model = first_model(await self._http.fetch(self._request("GET", url), watch), url)
        return self._model

    async def _answer(
        self, turns: Sequence[Message], config: GenerationConfig | None, call: Call
    ) -> AsyncGenerator[Batch, None]:
        """One request and its answer."""
        started, first = time.perf_counter(), 0.0
        url = f"{self._url}/chat/completions"
        limit = "max_completion_tokens" if self._is_openai else "max_tokens"
        reader = AnswerReader(url, self._secrets)
        try:
            with watching(self._timers, url, deadline=call.deadline) as watch:
                reader.model = name = await self._name(watch)
                body = request_body(name, turns, config, limit=limit, extensions=self._extensions)
                async with aclosing(await self._http.open(self._request("POST", url, body), watch)) as reply:
                    async with aclosing(pieces(reply, reader, watch)) as batches:
                        async for batch in batches:
                            first = first or time.perf_counter() - started
                            yield batch
                    last = reader.last_words()
                    total = time.perf_counter() - started
                    yield [*last, reader.finished(Timings(first or total, total))]
                    await reply.drain()
        except UnifiedIntelligenceError as error:
            error.partial = error.partial or reader.partial
            if first and isinstance(error, ProtocolError):
                raise reader.interrupted(f"The answer broke off. {error.message}") from error
            raise


def _space_address(space: str | None) -> str:
    if not space:
        raise ConfigurationError(
            "It is not known where the server is: neither base_url nor space is given.",
            hint="Say where: --base-url http://localhost:8000/v1, or -o space OWNER/NAME",
        )
    return f"{space_url(check_space(space))}/v1"
