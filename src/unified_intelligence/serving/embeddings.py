"""POST /v1/embeddings, for a provider that turns texts into vectors."""

from __future__ import annotations

import base64
import sys
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from unified_intelligence.interfaces.text_embedder import ITextEmbedder
from unified_intelligence.serving.answer_json import encoded
from unified_intelligence.serving.connection import WholeAnswer
from unified_intelligence.serving.documents import ANSWERING, answers_of
from unified_intelligence.serving.errors import RefusedError
from unified_intelligence.serving.models import asked
from unified_intelligence.serving.protocol import Request as Body
from unified_intelligence.serving.protocol import Tokens, Whole
from unified_intelligence.serving.service import caller_of
from unified_intelligence.serving.tokens import texts_of

if TYPE_CHECKING:
    from unified_intelligence.serving.service import Caller, Service

MOST_TEXTS = 2048
_Text = Annotated[str, Field(min_length=1)]
_Texts = Annotated[list[_Text], Field(min_length=1, max_length=MOST_TEXTS, fail_fast=True)]
_Tokens = Annotated[Tokens, Field(min_length=1)]
_TokenLists = Annotated[list[_Tokens], Field(min_length=1, max_length=MOST_TEXTS, fail_fast=True)]


class EmbeddingRequest(Body):
    input: _Text | _Texts | _Tokens | _TokenLists
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Whole | None = Field(None, ge=1)
    prompt_name: str | None = Field(None, description="One of the model's prompts, such as query; empty for none.")
    user: str | None = None


def embedding_routes(service: Service) -> APIRouter:
    embeds = any(isinstance(each.generator, ITextEmbedder) for each in service.all)
    router = APIRouter(tags=["embeddings"], include_in_schema=embeds)

    @router.post("/v1/embeddings", responses=answers_of("EmbeddingList", *ANSWERING))
    async def create_embedding(body: EmbeddingRequest, request: Request) -> Response:
        """A vector for each text."""
        own = asked(service, body.model)
        if not isinstance(own.generator, ITextEmbedder) or body.model in own.generator.adapters:
            raise RefusedError(404, f"The model {body.model!r} makes no embeddings.", code="not_supported")
        texts = await texts_of(own, body.input, "input")
        return WholeAnswer(_embedded(own, own.generator, caller_of(request.scope), body, texts))

    return router


async def _embedded(
    service: Service, embedder: ITextEmbedder, caller: Caller, body: EmbeddingRequest, texts: Sequence[str]
) -> bytes:
    async with service.admission.turn(caller.key):
        made = await embedder.aembed(texts, dimensions=body.dimensions, prompt_name=body.prompt_name)
    written = _as_base64 if body.encoding_format == "base64" else list[float]
    count = made.prompt_tokens
    return encoded(
        {
            "object": "list",
            "model": body.model,
            "data": [
                {"object": "embedding", "index": index, "embedding": written(vector)}
                for index, vector in enumerate(made.vectors)
            ],
            "usage": None if count is None else {"prompt_tokens": count, "total_tokens": count},
        }
    )


def _as_base64(vector: Sequence[float]) -> str:
    """The numbers in four bytes each, the lowest byte first."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()
