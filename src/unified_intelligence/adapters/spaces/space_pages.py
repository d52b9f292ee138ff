"""A Space's own server, as a visitor with a token of the Hub reads it: JSON by address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from unified_intelligence.adapters.http import Http, Request
from unified_intelligence.adapters.space_stage import space_headers
from unified_intelligence.adapters.timers import Timers, watching
from unified_intelligence.adapters.wire.failures import LOOK_THERE, UNREADABLE, refuse_page
from unified_intelligence.entities.errors import ProtocolError

_TIMERS = Timers(connect=10.0, first_token=30.0, idle=30.0, total=60.0)


class SpacePages:
    """`token` opens a private Space, and goes to hosts of Spaces and this machine only."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token
        self._http = Http()

    async def read(self, url: str, body: Mapping[str, object] | None, key: str | None) -> object:
        """JSON of a GET, or with a body of a POST. Raises ProviderError, ProtocolError."""
        secrets = tuple(secret for secret in (self._token, key) if secret)
        headers = {**space_headers(url, self._token), **({"Authorization": f"Bearer {key}"} if key else {})}
        sent = b"" if body is None else msgspec.json.encode(body)
        if sent:
            headers["Content-Type"] = "application/json"
        with watching(_TIMERS, url) as watch:
            answer = await self._http.fetch(Request("POST" if sent else "GET", url, headers, sent, secrets), watch)
        refuse_page(url, answer, secrets)
        try:
            return cast("object", msgspec.json.decode(answer))
        except UNREADABLE as error:
            raise ProtocolError(f"{url} did not answer with JSON.", hint=LOOK_THERE, url=url) from error

    def close(self) -> None:
        """Closes its connections."""
        self._http.close()
