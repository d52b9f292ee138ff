"""What a load balancer asks: does it live, may it be sent requests, and which build is it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter

from unified_intelligence.entities.errors import DeviceLostError
from unified_intelligence.serving.documents import answers_of
from unified_intelligence.serving.errors import SERVER, RefusedError, failure_of

if TYPE_CHECKING:
    from unified_intelligence.serving.service import Service

_SAID = {
    "loading": "The server is loading its model.",
    "failed": "The model could not be loaded: {}. The log has the particulars.",
    "draining": "The server is draining: it finishes what runs and ends.",
}


def health_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["operation"])

    @router.head("/health", include_in_schema=False)
    @router.get("/health", responses=answers_of("State"))
    async def health() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @router.head("/ready", include_in_schema=False)
    @router.get("/ready", responses=answers_of("State", 503))
    async def ready() -> dict[str, str]:
        """Requests are welcome; 503 while the model is loaded and while the server drains."""
        if service.state != "ready":
            code = service.state
            said = _SAID[code].format(failure_of(service.failure).code if service.failure else "")
            if isinstance(service.failure, DeviceLostError):
                said = "The server computes nothing more until it is started again: its device was lost."
            raise RefusedError(503, said, code=code, kind=SERVER, headers={"retry-after": "5"})
        return {"status": "ready"}

    @router.get("/version", responses=answers_of("Version"))
    async def version() -> dict[str, object]:
        """Which build this is, and what it runs."""
        explanation = service.generator.explanation
        return {"version": "", **service.about} | ({"explanation": explanation} if explanation else {})

    return router
