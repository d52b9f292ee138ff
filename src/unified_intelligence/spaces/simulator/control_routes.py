"""The routes that the Hub does not have: which faults are set, and which calls were made."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from unified_intelligence.spaces.simulator.clock import SetClock
from unified_intelligence.spaces.simulator.faults import FAULTS, Fault
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.refusals import RefusalError
from unified_intelligence.spaces.simulator.requests import json_of

CONTROL = "/simulator/"
_ADVANCED = 86400 * 365


class ControlRoutes:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def routes(self) -> list[Route]:
        return [
            Route(f"{CONTROL}faults", self.faults, methods=["GET", "POST", "DELETE"]),
            Route(f"{CONTROL}calls", self.calls, methods=["GET", "DELETE"]),
            Route(f"{CONTROL}clock", self.clock, methods=["GET", "POST"]),
        ]

    async def faults(self, request: Request) -> Response:
        """POST sets one more, DELETE takes all away, also from the commits that they hold."""
        if request.method == "POST":
            given = await json_of(request)
            try:
                self._hub.faults.waiting.append(Fault(**given))
            except (TypeError, ValueError) as error:
                raise RefusalError(400, str(error)) from error
        elif request.method == "DELETE":
            self._hub.faults.clear(commits=True)
        return JSONResponse({"known": FAULTS, "waiting": [asdict(fault) for fault in self._hub.faults.waiting]})

    async def calls(self, request: Request) -> Response:
        """Every call since the start, or since DELETE."""
        told: list[dict[str, Any]] = [call._asdict() for call in self._hub.calls]
        if request.method == "DELETE":
            self._hub.calls.clear()
        return JSONResponse(told)

    async def clock(self, request: Request) -> Response:
        """POST {seconds} moves a clock that is set by hand."""
        if request.method == "POST":
            if not isinstance(self._hub.clock, SetClock):
                raise RefusalError(409, "The clock is this machine's; it cannot be moved.")
            await self._hub.clock.advance(min(float((await json_of(request)).get("seconds", 0)), _ADVANCED))
        return JSONResponse({"date": self._hub.clock.date().isoformat(), "seconds": self._hub.clock.now()})
