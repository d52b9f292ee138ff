"""What a request is told that never reaches a route: OpenAI's error object, written without a framework."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Send

Header = tuple[bytes, bytes]

_TYPES = {401: "authentication_error", 429: "rate_limit_error"}


def error_body(status: int, code: str, message: str) -> bytes:
    """`code` is for machines, `message` for people; `type` follows from the status."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()


async def refuse(send: Send, status: int, code: str, message: str, headers: Sequence[Header] = ()) -> None:
    """The whole response."""
    body = error_body(status, code, message)
    own = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": own})
    await send({"type": "http.response.body", "body": body})
