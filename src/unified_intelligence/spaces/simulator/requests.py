"""What the routes read of a request: which repository, whose token, which body."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, cast
from urllib.parse import unquote

from starlette.requests import Request

from unified_intelligence.spaces.simulator.hub import KINDS, Hub
from unified_intelligence.spaces.simulator.refusals import RefusalError
from unified_intelligence.spaces.simulator.repository import Repository


def token_of(request: Request) -> str:
    """The caller's token, empty without one."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ").strip()


def part(request: Request, name: str) -> str:
    """A part of the path, as it was before it was quoted."""
    return unquote(str(request.path_params.get(name, "")))


def named(request: Request) -> tuple[str, str]:
    """The kind and the name OWNER/NAME of the repository that the path is about."""
    kind = part(request, "kind") or "models"
    if kind not in KINDS:
        raise RefusalError(404, "Sorry, we can't find the page you are looking for.")
    return kind, f"{part(request, 'owner')}/{part(request, 'name')}"


def readable(hub: Hub, request: Request) -> tuple[str, str, Repository]:
    """Its kind, its name, itself. Raises RefusalError: 401 for a private Space without a token, 404 without one."""
    kind, name = named(request)
    repository = hub.repository(kind, name)
    if kind == "spaces" and hub.record(name).is_private and not token_of(request):
        raise RefusalError(401, "Invalid username or password.", "RepoNotFound")
    return kind, name, repository


def writable(hub: Hub, request: Request) -> tuple[str, str, Repository]:
    """Like `readable`; whoever has a token may write."""
    signed_in(request)
    return readable(hub, request)


def space_of(hub: Hub, request: Request, *, writes: bool = False) -> str:
    """The name of the Space that the path is about. Raises RefusalError."""
    kind, name, _ = (writable if writes else readable)(hub, request)
    if kind != "spaces":
        raise RefusalError(404, "Sorry, we can't find the page you are looking for.")
    return name


def signed_in(request: Request) -> None:
    if not token_of(request):
        raise RefusalError(
            401, "Invalid username or password.", headers={"X-Error-Message": "Invalid username or password."}
        )


async def json_of(request: Request) -> dict[str, Any]:
    """The body, which is an object or nothing. Raises RefusalError."""
    body = await request.body()
    try:
        content = json.loads(body or b"{}")
    except ValueError as error:
        raise RefusalError(400, "The body is not JSON.") from error
    if not isinstance(content, dict):
        raise RefusalError(400, "The body is not an object.")
    return cast("dict[str, Any]", content)


def stamp(date: datetime) -> str:
    """A date as the Hub writes it."""
    return date.strftime("%Y-%m-%dT%H:%M:%S.") + f"{date.microsecond // 1000:03d}Z"
