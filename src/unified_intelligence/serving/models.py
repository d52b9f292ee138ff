"""GET /v1/models: the one model that answers here, under its names, and the adapters beside it under theirs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import APIRouter

from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.serving.documents import answers_of
from unified_intelligence.serving.errors import RefusedError

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import GenerationConfig
    from unified_intelligence.serving.service import Service


def model_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", responses=answers_of("ModelList"))
    async def list_models() -> dict[str, object]:
        """Every name the model answers to, and its adapters."""
        names = (*service.names, *service.generator.adapters)
        return {"object": "list", "data": [await _model(service, name) for name in names]}

    @router.get("/v1/models/{model:path}", responses=answers_of("Model", 404))
    async def retrieve_model(model: str) -> dict[str, object]:
        """One of them."""
        check_model(service, model)
        return await _model(service, model)

    return router


def check_model(service: Service, name: str) -> None:
    """Raises RefusedError, as OpenAI does, for a name that is not served here."""
    if name not in (*service.names, *service.generator.adapters):
        raise RefusedError(404, f"The model {name!r} is not served here.", param="model", code="model_not_found")


def asked_of(service: Service, name: str, config: GenerationConfig) -> GenerationConfig:
    """What is asked of the model or the adapter that a request names. Its priority was kept to at the door already."""
    own = service.generator
    return replace(
        config,
        adapter=("" if name in service.names else name) if own.adapters else None,
        priority=config.priority if "priority" in own.honoured else None,
    )


async def _model(service: Service, name: str) -> dict[str, object]:
    described: dict[str, object] = {
        "id": name,
        "object": "model",
        "created": service.started,
        "owned_by": "unified-intelligence",
    }
    if name in service.generator.adapters:
        described["parent"] = service.model
    if isinstance(service.generator, ITokenizer) and service.state != "loading":
        tokenizer = service.generator
        described["max_model_len"] = await asyncio.to_thread(lambda: tokenizer.longest_context)
    return described
