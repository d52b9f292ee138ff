"""The web application over a service: its routes, and how every failure is answered.

Who may connect, how much may be sent and what is logged is decided in layers around it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.serving.chat import chat_routes
from unified_intelligence.serving.completions import completion_routes
from unified_intelligence.serving.embeddings import embedding_routes
from unified_intelligence.serving.errors import RefusedError, answer_error
from unified_intelligence.serving.health import health_routes
from unified_intelligence.serving.last_resort import LastResort
from unified_intelligence.serving.models import model_routes
from unified_intelligence.serving.openapi import describe
from unified_intelligence.serving.request_identity import RequestIdentity
from unified_intelligence.serving.responses import responses_routes
from unified_intelligence.serving.tokens import token_routes
from unified_intelligence.serving.validation import refusal_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import APIRouter
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from unified_intelligence.serving.service import Service


_ROUTES = (
    chat_routes,
    completion_routes,
    responses_routes,
    embedding_routes,
    model_routes,
    token_routes,
    health_routes,
)


def new_app(service: Service, routers: Sequence[APIRouter] = (), *, keyed: bool = False) -> FastAPI:
    """The application; `routers` are mounted beside its own. `RequestIdentity` goes around it and its layers.

    `keyed` says in the document that a key is asked for; to ask is the layers' part.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        loading = asyncio.create_task(service.warm_up())
        await asyncio.sleep(0)  # it begins before anybody can ask; what has nothing to load is ready then
        yield
        loading.cancel()

    app = FastAPI(
        lifespan=lifespan,
        middleware=[Middleware(LastResort)],
        title="Unified intelligence",
        version=str(service.about.get("version", "")),
        docs_url=None,
        redoc_url=None,
        exception_handlers={
            UnifiedIntelligenceError: _ours,
            RefusedError: _ours,
            RequestValidationError: _malformed,
            HTTPException: _http,
        },
    )
    own = (routes(service) for routes in _ROUTES)
    for router in (*own, *routers):
        app.include_router(router)
    describe(app, [name for each in service.all for name in each.names], keyed=keyed)
    return app


def identified(app: ASGIApp) -> ASGIApp:
    """The application as it is served: the outermost layer numbers requests and answers what nobody caught."""
    return RequestIdentity(LastResort(app))


async def _ours(request: Request, error: Exception) -> Response:
    return answer_error(request, error)


async def _malformed(request: Request, error: Exception) -> Response:
    return answer_error(request, refusal_of(cast("RequestValidationError", error)))


async def _http(request: Request, error: Exception) -> Response:
    failed = cast("HTTPException", error)
    said = _SAID.get(failed.status_code, str(failed.detail)).format(request.method, request.url.path)
    refused = RefusedError(failed.status_code, said, code=_CODES.get(failed.status_code), headers=failed.headers)
    return answer_error(request, refused)


_SAID = {
    400: "The body cannot be read as JSON.",
    404: "There is no {1} here.",
    405: "{0} is not a method of {1}.",
}
_CODES = {400: "invalid_json", 404: "not_found", 405: "method_not_allowed"}
