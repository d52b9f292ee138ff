"""The routes for who runs the server: figures for Prometheus, and figures for a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

if TYPE_CHECKING:
    from unified_intelligence.serving.metrics import Metrics


def operation_routes(metrics: Metrics) -> APIRouter:
    """/metrics and /status.json; both ask for a key where the server has keys."""
    router = APIRouter(tags=["operation"])

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def prometheus() -> Response:
        """Prometheus's text format."""
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE_LATEST})

    @router.get("/status.json")
    async def status() -> dict[str, object]:
        """What runs, what waits, how fast it goes, and what failed last."""
        return metrics.snapshot()

    return router
