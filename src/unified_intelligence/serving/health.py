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
    "loading": "The server is loading its model{}.",
    "failed": "The model{} could not be loaded: {}. The log has the particulars.",
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
        """Requests are welcome; 503 while a model is loaded, if one could not be, and while the server drains."""
        if (first := service.least_ready).state != "ready":
            code, named = first.state, f" {first.model!r}" if service.beside else ""
            said = _SAID[code].format(named, failure_of(first.failure).code if first.failure else "")
            if isinstance(first.failure, DeviceLostError):
                said = "The server computes nothing more until it is started again: its device was lost."
            elif code == "failed" and (others := [each.model for each in service.all if each.state == "ready"]):
                said += f" The server answers as {' and '.join(others)}."
            raise RefusedError(503, said, code=code, kind=SERVER, headers={"retry-after": "5"})
        return {"status": "ready"}

    @router.get("/version", responses=answers_of("Version"))
    async def version() -> dict[str, object]:
        """Which build this is, and what it runs."""
        explanation = service.generator.explanation
        told = {"version": "", **service.about} | ({"explanation": explanation} if explanation else {})
        if service.beside:
            told["models"] = {each.model: each.generator.explanation for each in service.all}
        return told

    return router
