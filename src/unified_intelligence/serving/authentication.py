"""Who may call: API keys, compared so that the time it takes tells nothing, and known afterwards by a fingerprint."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.serving.errors import INVALID, Failure, refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

OPEN_PATHS = frozenset({"/health", "/ready", "/"})
OPEN_FOLDER = "/static/"
_FINGERPRINT_LENGTH = 12


class Keys:
    """The keys that open the server, kept as digests."""

    def __init__(self, keys: Iterable[str]) -> None:
        """Raises ConfigurationError for a key that no header can carry."""
        keys = tuple(keys)
        for key in keys:
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                raise ConfigurationError(
                    "An API key is empty or has a blank or a special character in it.",
                    hint='Make one: python -c "import secrets; print(secrets.token_urlsafe(32))"',
                )
        self._digests = tuple(sha256(key.encode()).digest() for key in keys)

    def __len__(self) -> int:
        return len(self._digests)

    def fingerprint(self, offered: bytes) -> str:
        """The first digits of the key's SHA-256; empty for a key that opens nothing."""
        digest = sha256(offered).digest()
        known = False
        for own in self._digests:  # all of them: where a search stops, its time tells
            known |= hmac.compare_digest(own, digest)
        return digest.hex()[:_FINGERPRINT_LENGTH] if known else ""


class Authentication:
    """ASGI middleware: every path but OPEN_PATHS and OPEN_FOLDER asks for a key, if there are keys.

    `scope["state"]["key"]` is the fingerprint of the one that was sent; `["asks_for_key"]` is set where there are keys.
    """

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self.app, self.keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or not self.keys:
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        state = scope.setdefault("state", {})
        state["asks_for_key"] = True
        fingerprint = next((own for offered in _offered(scope) if (own := self.keys.fingerprint(offered))), "")
        if fingerprint:
            state["key"] = fingerprint
        elif not _open(scope["path"]):
            message = "A valid API key is needed: send it as `Authorization: Bearer KEY`."
            challenge = {"www-authenticate": "Bearer"}
            await refuse(scope, send, Failure(401, message, INVALID, None, "invalid_api_key", challenge))
            return
        await self.app(scope, receive, send)


def _open(path: str) -> bool:
    return path in OPEN_PATHS or (path.startswith(OPEN_FOLDER) and ".." not in path)


def _offered(scope: Scope) -> list[bytes]:
    offered: list[bytes] = []
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            offered.append(value[7:].strip())
        elif name == b"x-api-key":
            offered.append(value.strip())
    return offered
