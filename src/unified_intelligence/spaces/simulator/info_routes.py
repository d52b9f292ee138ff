"""The routes that say what is there: one repository or all of them, and for people a page of the Spaces."""

from __future__ import annotations

from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from unified_intelligence.spaces.simulator.hub import KINDS, Hub
from unified_intelligence.spaces.simulator.keepers import Keepers
from unified_intelligence.spaces.simulator.refusals import RefusalError
from unified_intelligence.spaces.simulator.repository import MAIN
from unified_intelligence.spaces.simulator.requests import part, readable, token_of
from unified_intelligence.spaces.simulator.told import repository_told, space_told


class InfoRoutes:
    def __init__(self, hub: Hub, keepers: Keepers) -> None:
        self._hub, self._keepers = hub, keepers

    def routes(self) -> list[Route]:
        one = "/api/{kind}/{owner}/{name}"
        return [
            Route("/", self.page, methods=["GET"]),
            Route("/api/{kind}", self.listed, methods=["GET"]),
            Route(one, self.info, methods=["GET"]),
            Route(f"{one}/revision/{{revision}}", self.info, methods=["GET"]),
            Route(f"{one}/auth-check", self.may_read, methods=["GET"]),
        ]

    async def info(self, request: Request) -> Response:
        kind, name, repository = readable(self._hub, request)
        commit = repository.resolve(part(request, "revision") or MAIN)
        blobs = request.query_params.get("blobs", "").lower() in {"1", "true"}
        told = repository_told(kind, name, repository, commit, blobs=blobs)
        told |= self._of_space(name) if kind == "spaces" else {}
        wanted = request.query_params.getlist("expand")
        if wanted:
            told = {key: value for key, value in told.items() if key in {"_id", "id", *wanted}}
        return JSONResponse(told, headers={"X-Repo-Commit": commit})

    async def listed(self, request: Request) -> Response:
        kind = part(request, "kind")
        if kind not in KINDS:
            raise RefusalError(404, "Sorry, we can't find the page you are looking for.")
        author, search = request.query_params.get("author", ""), request.query_params.get("search", "")
        told: list[dict[str, Any]] = []
        for name in self._hub.names(kind):
            hidden = kind == "spaces" and self._hub.record(name).is_private and not token_of(request)
            if not hidden and name.startswith(f"{author}/" if author else "") and search in name:
                repository = self._hub.repository(kind, name)
                one = repository_told(kind, name, repository, repository.resolve(MAIN))
                told.append(one | (self._of_space(name) if kind == "spaces" else {}))
        return JSONResponse(told)

    async def may_read(self, request: Request) -> Response:
        readable(self._hub, request)
        return Response()

    async def page(self, request: Request) -> Response:
        rows: list[str] = []
        for name in self._hub.names("spaces"):
            keeper = self._keepers.of(name)
            commit = keeper.state.shown[:7]
            link = f'<a href="{escape(keeper.door.url)}">{escape(name)}</a>'
            rows.append(f"<tr><td>{link}</td><td>{escape(keeper.state.stage)}</td><td>{commit}</td></tr>")
        table = f"<table><tr><th>Space</th><th>stage</th><th>commit</th></tr>{''.join(rows)}</table>"
        style = (
            "body{font:16px/1.5 system-ui;margin:3rem auto;max-width:40rem}td,th{text-align:left;padding-right:2rem}"
        )
        said = table if rows else "<p>No Space yet.</p>"
        title = "A local Hub"
        return HTMLResponse(
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
            f"<h1>{title}</h1><p>HF_ENDPOINT={escape(str(request.base_url).rstrip('/'))}</p>{said}</html>"
        )

    def _of_space(self, name: str) -> dict[str, Any]:
        keeper = self._keepers.of(name)
        return space_told(name, keeper.record, keeper.state, keeper.door.url)
