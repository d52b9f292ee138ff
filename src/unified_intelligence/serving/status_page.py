"""The status page: files from the folder `page`, sent so that a browser runs nothing else and asks nobody else.

The page holds no figure of the server. It fetches /status.json, with the key where the server has keys.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from unified_intelligence.entities.errors import ConfigurationError

FOLDER = Path(__file__).parent / "page"
_FRONT = "index.html"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_NO_KEY, _KEY = b'data-key="none"', b'data-key="needed"'
_POLICY = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
))  # fmt: skip
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?|https?://\[[0-9A-Fa-f:.]+\](:[0-9]+)?")
_HEADERS = {
    "cache-control": "no-cache",  # kept, and asked about each time: a new build is seen at once
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _File:
    contents: bytes
    media_type: str
    headers: Mapping[str, str]

    def response(self, request: Request) -> Response:
        """The file, or 304 for a browser that has it."""
        tag = f'"{sha256(self.contents).hexdigest()[:32]}"'
        headers = {**self.headers, "etag": tag}
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self.contents, headers=headers, media_type=self.media_type)


def page_routes(framed_by: Sequence[str] = ()) -> APIRouter:
    """The page at / and its files under /static/; nobody is asked for a key there.

    `framed_by` are the sites that may show it in a frame. Raises ConfigurationError for what is no origin.
    """
    router = APIRouter(tags=["operation"])
    headers = {**_HEADERS, "content-security-policy": f"{_POLICY}; {_frames(framed_by)}"}
    files = {path.name: _read(path, headers) for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}
    front = files.pop(_FRONT)
    locked = replace(front, contents=front.contents.replace(_NO_KEY, _KEY))

    @router.head("/", include_in_schema=False)
    @router.get("/", response_class=HTMLResponse)
    async def page(request: Request) -> Response:
        """The status page, for a browser. It shows what /status.json tells, and asks for a key where that does."""
        asked = request.scope.get("state", {}).get("asks_for_key", False)
        return (locked if asked else front).response(request)

    for name, file in files.items():
        router.add_api_route(f"/static/{name}", _sender(file), methods=["GET"], include_in_schema=False)
    return router


def _frames(origins: Sequence[str]) -> str:
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            hint = "Write a scheme and a host, as in https://example.org, and no path."
            raise ConfigurationError(f"{origin!r} is no origin.", hint=hint)
    return " ".join(("frame-ancestors", *(origins or ("'none'",))))


def _read(path: Path, headers: Mapping[str, str]) -> _File:
    return _File(path.read_bytes(), _TYPES[path.suffix], headers)


def _sender(file: _File) -> Callable[[Request], Awaitable[Response]]:
    async def send(request: Request) -> Response:
        return file.response(request)

    return send
