"""The routes that are about a Space rather than its files: what it is, what it is set to, what it does, its logs."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from unified_intelligence.spaces.simulator import hardware
from unified_intelligence.spaces.simulator.faults import Faults
from unified_intelligence.spaces.simulator.hub import Hub, known_hardware, known_visibility
from unified_intelligence.spaces.simulator.keepers import Keepers
from unified_intelligence.spaces.simulator.log_book import LogBook
from unified_intelligence.spaces.simulator.refusals import RefusalError
from unified_intelligence.spaces.simulator.requests import json_of, part, signed_in, space_of, stamp
from unified_intelligence.spaces.simulator.space_record import SpaceRecord, Value
from unified_intelligence.spaces.simulator.told import runtime_told

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEEP_ALIVE = 15.0
_CUT_AFTER = 3
_QUOTA = {"base": 2400, "current": 2400, "resetsAt": None, "overquotaUsed": 0}


class SpaceRoutes:
    def __init__(self, hub: Hub, keepers: Keepers) -> None:
        self._hub, self._keepers = hub, keepers

    def routes(self) -> list[Route]:
        one = "/api/{kind}/{owner}/{name}"
        return [
            Route("/api/spaces/hardware", self.hardware, methods=["GET"]),
            Route("/api/spaces/zero-gpu/quota", self.quota, methods=["GET"]),
            Route(f"{one}/runtime", self.runtime, methods=["GET"]),
            Route(f"{one}/settings", self.settings, methods=["PUT"]),
            Route(f"{one}/variables", self.variables, methods=["GET", "POST", "DELETE"]),
            Route(f"{one}/secrets", self.secrets, methods=["GET", "POST", "DELETE"]),
            Route(f"{one}/hardware", self.set_hardware, methods=["POST"]),
            Route(f"{one}/sleeptime", self.set_sleep_time, methods=["POST"]),
            Route(f"{one}/volumes", self.volumes, methods=["PUT", "DELETE"]),
            Route(f"{one}/pause", self.pause, methods=["POST"]),
            Route(f"{one}/restart", self.restart, methods=["POST"]),
            Route(f"{one}/logs/{{which}}", self.logs, methods=["GET"]),
        ]

    async def hardware(self, _request: Request) -> Response:
        return JSONResponse(hardware.told())

    async def quota(self, request: Request) -> Response:
        signed_in(request)
        return JSONResponse(_QUOTA)

    async def runtime(self, request: Request) -> Response:
        return self._runtime(space_of(self._hub, request))

    def _runtime(self, name: str) -> Response:
        return JSONResponse(runtime_told(self._hub.record(name), self._keepers.of(name).state))

    async def settings(self, request: Request) -> Response:
        name = space_of(self._hub, request, writes=True)
        given = await json_of(request)
        record = self._hub.record(name)
        if "visibility" in given or "private" in given:
            record.visibility = known_visibility(
                given.get("visibility") or ("private" if given["private"] else "public")
            )
        self._hub.save(name, record)
        return JSONResponse({"visibility": record.visibility, "private": record.is_private})

    async def variables(self, request: Request) -> Response:
        name = space_of(self._hub, request, writes=request.method != "GET")
        record = await self._changed(request, name, "variables")
        return JSONResponse(
            {key: {"key": key, "value": value.value, **value.told()} for key, value in record.variables.items()}
        )

    async def secrets(self, request: Request) -> Response:
        name = space_of(self._hub, request, writes=True)  # their names are nobody else's business
        record = await self._changed(request, name, "secrets")
        return JSONResponse({key: {"key": key, **value.told()} for key, value in record.secrets.items()})

    async def _changed(self, request: Request, name: str, what: str) -> SpaceRecord:
        """The record, with a value set or deleted as the request wants it."""
        given = await json_of(request) if request.method != "GET" else {}
        record = self._hub.record(name)
        values = record.variables if what == "variables" else record.secrets
        key = str(given.get("key", ""))
        if request.method == "POST":
            if not _KEY.fullmatch(key) or not isinstance(given.get("value"), str):
                raise RefusalError(400, f"A key is letters, digits and _, a value is a text: {key!r}")
            other = record.secrets if what == "variables" else record.variables
            if key in other:
                raise RefusalError(400, f"{key} is among the {'secrets' if what == 'variables' else 'variables'}.")
            values[key] = Value(given["value"], given.get("description"), stamp(self._hub.clock.date()))
        elif request.method == "DELETE" and values.pop(key, None) is None:
            raise RefusalError(404, f"There is no {key!r} among the {what}.")
        if request.method != "GET":
            self._hub.save(name, record)
            self._keepers.of(name).settings_changed()
        return record

    async def set_hardware(self, request: Request) -> Response:
        name = space_of(self._hub, request, writes=True)
        given = await json_of(request)
        record = self._hub.record(name)
        record.hardware = known_hardware(given.get("flavor"))
        if "sleepTimeSeconds" in given:
            record.sleep_time = int(given["sleepTimeSeconds"])
        self._hub.save(name, record)
        self._keepers.of(name).settings_changed()
        return self._runtime(name)

    async def set_sleep_time(self, request: Request) -> Response:
        name = space_of(self._hub, request, writes=True)
        record = self._hub.record(name)
        record.sleep_time = int((await json_of(request)).get("seconds", -1))
        self._hub.save(name, record)
        self._keepers.of(name).touched()
        return self._runtime(name)

    async def volumes(self, request: Request) -> Response:
        name = space_of(self._hub, request, writes=True)
        record = self._hub.record(name)
        record.volumes = list((await json_of(request)).get("volumes", [])) if request.method == "PUT" else []
        self._hub.save(name, record)
        self._keepers.of(name).settings_changed()
        return self._runtime(name)

    async def pause(self, request: Request) -> Response:
        name = space_of(self._hub, request, writes=True)
        await self._keepers.of(name).pause()
        return self._runtime(name)

    async def restart(self, request: Request) -> Response:
        name = space_of(self._hub, request, writes=True)
        self._keepers.of(name).restart(factory=request.query_params.get("factory") == "true")
        return self._runtime(name)

    async def logs(self, request: Request) -> Response:
        name = space_of(self._hub, request, writes=True)
        keeper, which = self._keepers.of(name), part(request, "which")
        if which not in {"run", "build"}:
            raise RefusalError(404, f"There is no log {which!r}.")
        book = keeper.run_log if which == "run" else keeper.build_log
        tail = request.query_params.get("tail", "")
        events = _events(book, (self._hub.faults, name), *([int(tail)] if tail.isdigit() else []))
        return StreamingResponse(events, media_type="text/event-stream")


class _CutError(Exception):
    """Ends a stream in the middle of it."""


async def _events(book: LogBook, told_by: tuple[Faults, str], last: int = 5000) -> AsyncIterator[str]:
    """Lines as server-sent events. The fault `cut_logs` breaks the connection off."""
    faults, name = told_by
    cut = faults.take("cut_logs", name) is not None
    lines = 0
    async for line in book.follow(_KEEP_ALIVE, last):
        if line is None:
            yield "data:\n\n"
            continue
        yield f"data: {json.dumps({'data': line.text, 'timestamp': stamp(line.date)})}\n\n"
        lines += 1
        if cut and lines >= _CUT_AFTER:
            raise _CutError
