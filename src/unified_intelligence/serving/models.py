"""GET /v1/models: the one model that answers here, under its name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from fastapi import APIRouter

from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.serving.documents import answers_of
from unified_intelligence.serving.errors import RefusedError

if TYPE_CHECKING:
    from unified_intelligence.serving.service import Service


def model_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", responses=answers_of("ModelList"))
    async def list_models() -> dict[str, object]:
        """Every name the model answers to."""
        return {"object": "list", "data": [await _model(service, name) for name in service.names]}

    @router.get("/v1/models/{model:path}", responses=answers_of("Model", 404))
    async def retrieve_model(model: str) -> dict[str, object]:
        """One of them."""
        check_model(service, model)
        return await _model(service, model)

    return router


def check_model(service: Service, name: str) -> None:
    """Raises RefusedError, as OpenAI does, for a name that is not served here."""
    if name not in service.names:
        raise RefusedError(404, f"The model {name!r} is not served here.", param="model", code="model_not_found")


async def _model(service: Service, name: str) -> dict[str, object]:
    described: dict[str, object] = {
        "id": name,
        "object": "model",
        "created": service.started,
        "owned_by": "unified-intelligence",
    }
    if isinstance(service.generator, ITokenizer) and service.state != "loading":
        tokenizer = service.generator
        described["max_model_len"] = await asyncio.to_thread(lambda: tokenizer.longest_context)
    return described
