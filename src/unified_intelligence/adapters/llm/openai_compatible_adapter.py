"""Any server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, a hosted one, a Docker Space."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from unified_intelligence.adapters.http import Http
from unified_intelligence.adapters.openai_endpoint import Call, Endpoint
from unified_intelligence.adapters.retry import Retries
from unified_intelligence.adapters.space_stage import FollowedSpace, address_of
from unified_intelligence.adapters.timers import Timers
from unified_intelligence.adapters.wire.openai_chat import embedding_body, read_embeddings, request_body
from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError, UnifiedIntelligenceError
from unified_intelligence.entities.generation import Event, GenerationConfig
from unified_intelligence.entities.message import MessageLike, read_messages
from unified_intelligence.interfaces.text_embedder import Embeddings, ITextEmbedder
from unified_intelligence.interfaces.text_generator import ITextGenerator

_ALL = frozenset(GenerationConfig.__dataclass_fields__)


class OpenAICompatibleAdapter(ITextGenerator, ITextEmbedder):
    """Sends what is asked for as it is; whether the server acts on every field is the server's word.

    Without `model`, the first one the server lists is used. A failure before the answer began is tried again, later
    ones never are; what had come is the error's `partial`.
    """

    honoured = _ALL

    def __init__(  # noqa: PLR0913 - a provider's options are its arguments
        self,
        *,
        base_url: Annotated[str | None, "address of the API, such as http://127.0.0.1:8000/v1"] = None,
        key: Annotated[str | None, "sent as a bearer token; from OPENAI_API_KEY, or env:NAME"] = None,
        model: Annotated[str | None, "the server's name of the model; default: the first it lists"] = None,
        timeout: Annotated[float, "seconds for the whole call, tries again included"] = 600.0,
        connect_timeout: Annotated[float, "seconds until a connection stands"] = 5.0,
        first_token_timeout: Annotated[float, "seconds until the answer begins"] = 60.0,
        idle_timeout: Annotated[float, "seconds without a word within an answer"] = 30.0,
        retries: Annotated[int, "further tries before an answer has begun"] = 3,
        space: Annotated[str | None, "OWNER/NAME of the Space the server is; it is woken and waited for"] = None,
        hf_token: Annotated[str | None, "token of the Hub, for a private Space"] = None,
        wait: Annotated[float, "seconds a Space that sleeps or builds is waited for"] = 300.0,
        hub: Annotated[str, "address of the Hub"] = "https://huggingface.co",
    ) -> None:
        if base_url is None and space is None:
            raise ConfigurationError(
                "It is not said where the server is.", hint="Give -o base_url URL, or -o space OWNER/NAME."
            )
        if retries < 0 or wait < 0:
            raise ConfigurationError("retries and wait are 0 or more.")
        for name, secret in (("key", key), ("hf_token", hf_token)):
            if secret is not None and (not secret or not secret.isascii() or not secret.isprintable() or " " in secret):
                raise ConfigurationError(f"The option {name} is empty, or holds a blank or a line break.")
        base = _checked(base_url or address_of(space or "")).rstrip("/")
        timers = Timers(connect=connect_timeout, first_token=first_token_timeout, idle=idle_timeout, total=timeout)
        headers = _headers(base, key, hf_token)
        self._endpoint = Endpoint(
            base,
            Http(timers),
            headers,
            tuple(secret for secret in (key, hf_token) if secret),
            model,
            Retries(most=retries),
            space=FollowedSpace(space, base, hub.rstrip("/"), hf_token or "", headers) if space else None,
            wait=wait,
        )

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        """Raises ProviderError and its kinds, StreamInterruptedError, InvalidRequestError."""
        body = request_body("", read_messages(messages), config or GenerationConfig())
        try:
            async with aclosing(Call(self._endpoint, body).events()) as events:
                async for event in events:
                    yield event
        except UnifiedIntelligenceError as error:
            error.provider = error.provider or "openai_compatible"
            raise

    async def aembed(self, texts: Sequence[str], *, dimensions: int | None = None) -> Embeddings:
        if not texts or not all(texts):
            raise InvalidRequestError("There is no text, or an empty one, to embed.")
        own = self._endpoint
        watch = own.watch(asyncio.get_running_loop().time() + own.http.timers.total)
        try:
            body = embedding_body(await own.chosen_model(watch), texts, dimensions)
            told = await own.document("POST", "/embeddings", body, watch)
        finally:
            watch.close()
        vectors, tokens = read_embeddings(told, len(texts), own.base)
        return Embeddings(tuple(map(tuple, vectors)), tokens)

    def close(self) -> None:
        self._endpoint.http.close()


def _headers(base: str, key: str | None, hf_token: str | None) -> dict[str, str]:
    """The app's key and the Hub's token travel apart: the Hub's proxy takes its own away."""
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream, application/json",
        "user-agent": "unified-intelligence-cli",
    }
    if key:
        headers["authorization"] = f"Bearer {key}"
    if hf_token and _is_of_the_hub(base):
        headers["x-hf-authorization"] = f"Bearer {hf_token}"
    return headers


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigurationError(f"The base URL is no address: {error}.") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise ConfigurationError(
            f"The base URL is no address: {url[:100]!r}.", hint="It begins with https:// or http://."
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(
            "The base URL holds a password, a query or a fragment.", hint="Give the key as the key."
        )
    return url


def _is_of_the_hub(url: str) -> bool:
    """Where the Hub's token may go: to its Spaces, and to this machine, where they are tested."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or (host.endswith(".hf.space") and url.startswith("https://"))
