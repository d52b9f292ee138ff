"""POST /tokenize and /detokenize, for a model whose tokens are at hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter
from pydantic import ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response

from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.serving.answer_json import encoded
from unified_intelligence.serving.chat_messages import Turn
from unified_intelligence.serving.chat_request import TemplateOptions, Tool
from unified_intelligence.serving.documents import answers_of
from unified_intelligence.serving.errors import RefusedError
from unified_intelligence.serving.models import asked
from unified_intelligence.serving.protocol import Many, Part, Tokens
from unified_intelligence.serving.service import caller_of

if TYPE_CHECKING:
    from unified_intelligence.serving.service import Service

_STATUSES = (400, 401, 404, 413, 429, 500, 503)
_NULL = {"type": "null"}
_PROMPT: dict[str, Any] = {
    "properties": {
        "prompt": {"type": "string"},
        "messages": _NULL,
        "tools": {"anyOf": [{"type": "array", "maxItems": 0}, _NULL]},
        "chat_template_kwargs": _NULL,
    },
    "required": ["prompt"],
}
_MESSAGES: dict[str, Any] = {
    "properties": {"prompt": _NULL, "messages": {"type": "array"}},
    "required": ["messages"],
}


class TokenizeRequest(Part):
    """A `prompt` as it stands, or `messages` as the model would read them. `model` may be left out."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_PROMPT, _MESSAGES]})

    model: str | None = None
    prompt: str | None = None
    messages: Annotated[Many[Turn], Field(min_length=1)] | None = None
    tools: Many[Tool] | None = None
    chat_template_kwargs: TemplateOptions | None = None

    @model_validator(mode="after")
    def _check_one(self) -> TokenizeRequest:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("One of prompt and messages is given")
        if self.prompt is not None and (self.tools or self.chat_template_kwargs):
            raise ValueError("tools and chat_template_kwargs are for messages")
        return self


class DetokenizeRequest(Part):
    model: str | None = None
    tokens: Tokens


def token_routes(service: Service) -> APIRouter:
    router = APIRouter(
        tags=["tokens"], include_in_schema=any(isinstance(each.generator, ITokenizer) for each in service.all)
    )

    # A room of its own: what checks the schemas of other requests must not wait behind these.
    threads = ThreadPoolExecutor(1, thread_name_prefix="tokens")

    async def computed(own: Service, request: Request, made: Callable[[], dict[str, object]]) -> Response:
        async with own.admission.turn(caller_of(request.scope).key):
            written = await asyncio.get_running_loop().run_in_executor(threads, lambda: encoded(made()))
        return Response(written, media_type="application/json")

    @router.post("/tokenize", responses=answers_of("Tokens", *_STATUSES))
    async def tokenize(body: TokenizeRequest, request: Request) -> Response:
        """The tokens of a text or a conversation."""
        own = _asked(service, body.model)
        tokenizer = _tokenizer(own)
        return await computed(own, request, lambda: _tokens(tokenizer, body))

    @router.post("/detokenize", responses=answers_of("Text", *_STATUSES))
    async def detokenize(body: DetokenizeRequest, request: Request) -> Response:
        """The text of tokens."""
        own = _asked(service, body.model)
        tokenizer = _tokenizer(own)
        return await computed(own, request, lambda: {"prompt": tokenizer.decode(body.tokens)})

    return router


Given = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]


async def texts_of(service: Service, given: Given, param: str) -> list[str]:
    """Texts from a text, texts, tokens or lists of tokens. Raises RefusedError for tokens nobody here can read."""
    if isinstance(given, str):
        return [given]
    if isinstance(given[0], str):
        return list(cast("Sequence[str]", given))
    if not isinstance(service.generator, ITokenizer):
        raise RefusedError(400, f"{param}: this model reads texts, not tokens.", param=param, code="not_supported")
    lists = cast("Sequence[Sequence[int]]", [given] if isinstance(given[0], int) else given)
    decode = service.generator.decode
    return await asyncio.to_thread(lambda: [decode(tokens) for tokens in lists])


def _tokens(tokenizer: ITokenizer, body: TokenizeRequest) -> dict[str, object]:
    tokens = _encode(tokenizer, body)
    return {"count": len(tokens), "max_model_len": tokenizer.longest_context, "tokens": tokens}


def _encode(tokenizer: ITokenizer, body: TokenizeRequest) -> list[int]:
    if body.prompt is not None:
        return tokenizer.encode(body.prompt)
    template = body.chat_template_kwargs or TemplateOptions()
    tools = tuple(tool.read() for tool in body.tools or ())
    config = GenerationConfig(tools=tools, thinking=template.enable_thinking)
    return tokenizer.encode_conversation([turn.read() for turn in body.messages or ()], config)


def _asked(service: Service, model: str | None) -> Service:
    return asked(service, service.model if model is None else model)


def _tokenizer(service: Service) -> ITokenizer:
    if not isinstance(service.generator, ITokenizer):
        raise RefusedError(404, "This model's tokens are not at hand here.", code="not_supported")
    return service.generator
