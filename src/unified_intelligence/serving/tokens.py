"""POST /tokenize and /detokenize, for a model whose tokens are at hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, cast

from fastapi import APIRouter
from pydantic import Field, model_validator

from unified_intelligence.entities.generation import GenerationConfig
from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.serving.chat_messages import Turn
from unified_intelligence.serving.chat_request import TemplateOptions, Tool
from unified_intelligence.serving.documents import answers_of
from unified_intelligence.serving.errors import RefusedError
from unified_intelligence.serving.models import check_model
from unified_intelligence.serving.protocol import Many, Part, Tokens

if TYPE_CHECKING:
    from unified_intelligence.serving.service import Service

_STATUSES = (400, 401, 404, 413, 500)


class TokenizeRequest(Part):
    """A `prompt` as it stands, or `messages` as the model would read them. `model` may be left out."""

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
    router = APIRouter(tags=["tokens"], include_in_schema=isinstance(service.generator, ITokenizer))

    @router.post("/tokenize", responses=answers_of("Tokens", *_STATUSES))
    async def tokenize(body: TokenizeRequest) -> dict[str, Any]:
        """The tokens of a text or a conversation."""
        _check(service, body.model)
        tokenizer = _tokenizer(service)
        tokens, longest = await asyncio.to_thread(lambda: (_encode(tokenizer, body), tokenizer.longest_context))
        return {"count": len(tokens), "max_model_len": longest, "tokens": tokens}

    @router.post("/detokenize", responses=answers_of("Text", *_STATUSES))
    async def detokenize(body: DetokenizeRequest) -> dict[str, str]:
        """The text of tokens."""
        _check(service, body.model)
        return {"prompt": await asyncio.to_thread(_tokenizer(service).decode, body.tokens)}

    return router


Given = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]


async def texts_of(service: Service, given: Given, param: str) -> list[str]:
    """Texts from a text, texts, tokens or lists of tokens. Raises RefusedError for tokens nobody here can read."""
    if isinstance(given, str):
        return [given]
    if isinstance(given[0], str):
        return list(cast("Sequence[str]", given))
    if not isinstance(service.generator, ITokenizer):
        raise RefusedError(400, f"{param}: this model reads texts, not tokens.", param=param)
    lists = cast("Sequence[Sequence[int]]", [given] if isinstance(given[0], int) else given)
    decode = service.generator.decode
    return await asyncio.to_thread(lambda: [decode(tokens) for tokens in lists])


def _encode(tokenizer: ITokenizer, body: TokenizeRequest) -> list[int]:
    if body.prompt is not None:
        return tokenizer.encode(body.prompt)
    template = body.chat_template_kwargs or TemplateOptions()
    tools = tuple(tool.read() for tool in body.tools or ())
    config = GenerationConfig(tools=tools, thinking=template.enable_thinking)
    return tokenizer.encode_conversation([turn.read() for turn in body.messages or ()], config)


def _check(service: Service, model: str | None) -> None:
    if model is not None:
        check_model(service, model)


def _tokenizer(service: Service) -> ITokenizer:
    if not isinstance(service.generator, ITokenizer):
        raise RefusedError(404, "This model's tokens are not at hand here.", code="not_supported")
    return service.generator
