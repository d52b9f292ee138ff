"""GET /v1/models: each model that answers here, under its names, and the adapters beside it under theirs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import APIRouter

from unified_intelligence.interfaces.tokenizer import ITokenizer
from unified_intelligence.serving.documents import answers_of
from unified_intelligence.serving.errors import SERVER, RefusedError, failure_of

if TYPE_CHECKING:
    from unified_intelligence.entities.generation import GenerationConfig
    from unified_intelligence.serving.service import Service


def model_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", responses=answers_of("ModelList"))
    async def list_models() -> dict[str, object]:
        """Every name a model answers to, and its adapters."""
        return {"object": "list", "data": [await _model(_of(service, name), name) for name in service.all_names]}

    @router.get("/v1/models/{model:path}", responses=answers_of("Model", 404))
    async def retrieve_model(model: str) -> dict[str, object]:
        """One of them."""
        return await _model(_of(service, model), model)

    return router


def asked(service: Service, name: str) -> Service:
    """The service of the model that a request names.

    Raises RefusedError, as OpenAI does, for a name that is not served here; and for one of several models that is not
    loaded yet, or could not be. One that is alone is waited for, and ends the server if it cannot be loaded.
    """
    found = _of(service, name)
    if len(service.all) > 1 and found.state == "loading":
        said = f"The model {found.model!r} is being loaded."
        raise RefusedError(503, said, param="model", code="loading", kind=SERVER, headers={"retry-after": "5"})
    if len(service.all) > 1 and found.state == "failed" and found.failure is not None:
        said = f"The model {found.model!r} cannot answer: {failure_of(found.failure).code}."
        others = " and ".join(each.model for each in service.all if each.state == "ready")
        said += f" The server answers as {others}." if others else ""
        raise RefusedError(503, said, param="model", code="failed", kind=SERVER)
    return found


def _of(service: Service, name: str) -> Service:
    for each in service.all:
        if name in (*each.names, *each.generator.adapters):
            return each
    known = ", ".join(service.all_names)
    said = f"The model {name!r} is not served here. There are: {known}."
    raise RefusedError(404, said, param="model", code="model_not_found")


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
    if isinstance(service.generator, ITokenizer) and service.state not in {"loading", "failed"}:
        tokenizer = service.generator
        described["max_model_len"] = await asyncio.to_thread(lambda: tokenizer.longest_context)
    return described
