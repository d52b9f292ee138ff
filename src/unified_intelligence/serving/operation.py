"""The routes for who runs the server: figures for Prometheus, figures for the status page, and that page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from unified_intelligence.serving.answer_json import encoded
from unified_intelligence.serving.documents import answers_of
from unified_intelligence.serving.status_page import page_routes

if TYPE_CHECKING:
    from unified_intelligence.serving.metrics import Metrics


def operation_routes(metrics: Metrics, framed_by: Sequence[str] = ()) -> APIRouter:
    """/metrics and /status.json, which ask for a key where the server has keys, and the page, which has no figures.

    `framed_by` are the sites that may show the page in a frame. Raises ConfigurationError for what is no origin.
    """
    router = APIRouter(tags=["operation"])

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def prometheus() -> Response:
        """Prometheus's text format."""
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})

    @router.get("/status.json", responses=answers_of("Status", 401))
    async def status() -> Response:
        """What runs, what waits, how fast it goes, and what failed last."""
        headers = {"cache-control": "no-store"}
        return Response(encoded(metrics.snapshot()), headers=headers, media_type="application/json")

    router.include_router(page_routes(framed_by))
    return router
