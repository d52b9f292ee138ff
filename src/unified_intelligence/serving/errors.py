"""What went wrong, as OpenAI's API says it: an object with message, type, param and code, and the right status.

A client reads what it can mend itself. What is wrong behind this server is told in general words; the log has the
particulars.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from starlette.responses import Response

from unified_intelligence.entities import errors as ours

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Message, Scope, Send

log = logging.getLogger("unified_intelligence.serving")

INVALID, SERVER, RATE = "invalid_request_error", "server_error", "rate_limit_error"


class RefusedError(Exception):
    """A request that is answered with an error of OpenAI's shape. `headers` go out with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str = INVALID,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.failure = Failure(status, message, kind, param, code, headers or {})


class Failure(NamedTuple):
    """What a client is told."""

    status: int
    message: str
    kind: str
    param: str | None = None
    code: str | None = None
    headers: Mapping[str, str] = {}

    def body(self) -> bytes:
        """The error object as JSON."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return msgspec.json.encode({"error": error})

    def response(self) -> Response:
        return Response(self.body(), self.status, dict(self.headers), "application/json")


class _Behind(NamedTuple):
    """A row: what a failure of the provider behind this server looks like from outside."""

    status: int
    said: str
    kind: str = SERVER
    wait: float | None = None


_BEHIND: Mapping[type[ours.UnifiedIntelligenceError], _Behind] = {
    ours.RateLimitedError: _Behind(429, "allows no more requests for now", RATE, 1.0),
    ours.QuotaExceededError: _Behind(429, "has no quota left for now", "insufficient_quota"),
    ours.TimedOutError: _Behind(504, "did not answer in time"),
    ours.ServerBusyError: _Behind(503, "is overloaded or restarting", wait=2.0),
    ours.SpaceStartingError: _Behind(503, "is starting", wait=10.0),
    ours.SpacePausedError: _Behind(503, "is paused by its owner"),
    ours.AuthenticationError: _Behind(502, "did not accept this server's key"),
    ours.NotFoundOrPrivateError: _Behind(502, "is not there, or not for this server's key"),
    ours.ConnectionFailedError: _Behind(502, "cannot be reached"),
    ours.RoutesFailedError: _Behind(503, "can answer on none of its routes", wait=1.0),
    ours.StreamInterruptedError: _Behind(502, "stopped before the end of its answer"),
    ours.ProviderError: _Behind(502, "failed"),
}


_CONVERSATIONS: Mapping[str, str] = {
    "/v1/responses": "input",
    "/v1/embeddings": "input",
    "/v1/completions": "prompt",
}


def failure_of(error: BaseException, path: str = "") -> Failure:
    """What a client is told about an exception, ours or not. What is not ours is a bug, and told as nothing more.

    `path` is what was asked: it knows by which name the conversation was sent.
    """
    match error:
        case RefusedError():
            return error.failure
        case ours.InvalidRequestError() | ours.AnswerRefusedError() | ours.AnswerInvalidError():
            return _of_the_request(error, _CONVERSATIONS.get(path, "messages"))
        case ours.MalformedToolCallError():
            return Failure(500, error.message, SERVER, None, error.code)
        case ours.ProviderError() | ours.StreamInterruptedError():
            return _of_the_server(error) if _is_our_own(error) else _failed_behind(error)
        case ours.UnifiedIntelligenceError():
            return Failure(500, "The model behind this server failed.", SERVER, None, error.code)
        case _:
            return Failure(500, "The server failed.", SERVER, None, "internal_error")


def log_failure(error: BaseException, failure: Failure, request_id: str) -> None:
    """What is wrong behind the client, with a traceback if it is a bug.

    A client's mistake is not logged here, nor who the queue sent away, nor a probe of a server that loads: their
    requests' own lines say it.
    """
    behind = isinstance(error, ours.ProviderError) or (isinstance(error, ours.InvalidRequestError) and error.url)
    if failure.status < 500 and not behind:
        return
    if isinstance(error, RefusedError) or (isinstance(error, ours.ProviderError) and _is_our_own(error)):
        return
    known = isinstance(error, ours.UnifiedIntelligenceError)
    hint = f" {error.hint}" if isinstance(error, ours.ProviderError) else ""
    log.error("%s: %s: %s%s", request_id or "-", type(error).__name__, error, hint, exc_info=None if known else error)


def answer_error(request: Request, error: Exception) -> Response:
    """The handler of every exception: what the client gets."""
    failure = failure_of(error, request.url.path)
    request.scope.setdefault("state", {})["error"] = failure.code
    log_failure(error, failure, request_id_of(request.scope))
    return failure.response()


async def refuse(scope: Scope, send: Send, failure: Failure) -> None:
    """The answer of a layer that lets a request no further."""
    scope.setdefault("state", {})["error"] = failure.code
    await failure.response()(scope, _nothing_more, send)


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}


def request_id_of(scope: Mapping[str, Any]) -> str:
    """The server's own id of a request; empty outside the app."""
    return str(scope.get("state", {}).get("request_id", ""))


def _of_the_request(error: ours.UnifiedIntelligenceError, conversation: str) -> Failure:
    match error:
        case ours.ContextLengthError():
            most = "" if error.longest is None else f": it reads at most {error.longest} tokens"
            said = f"The conversation is too long for the model{most}." if error.url else error.message
            return Failure(400, said, INVALID, conversation, "context_length_exceeded")
        case ours.InvalidRequestError(url=url) if url:
            return Failure(
                400, "The provider behind this server does not accept the request.", INVALID, None, error.code
            )
        case ours.AnswerRefusedError():
            return Failure(400, "The answer was withheld by the provider's filter.", INVALID, None, "content_filter")
        case ours.AnswerInvalidError():
            return Failure(502, error.message, SERVER, None, error.code)
        case _:
            return Failure(400, error.message, INVALID, None, error.code)


def _is_our_own(error: ours.UnifiedIntelligenceError) -> bool:
    """Whether our own queue sent the request away: it does so with the errors of a provider, but names none."""
    own = isinstance(error, ours.RateLimitedError | ours.ServerBusyError)
    return own and not (error.provider or error.url)


def _of_the_server(error: ours.ProviderError | ours.StreamInterruptedError) -> Failure:
    wait = error.retry_after if isinstance(error, ours.ProviderError) else None
    if isinstance(error, ours.RateLimitedError):
        return Failure(429, error.message, RATE, None, "rate_limit_exceeded", _retry_after(wait))
    return Failure(503, error.message, SERVER, None, error.code, _retry_after(wait))


def _failed_behind(error: ours.ProviderError | ours.StreamInterruptedError) -> Failure:
    row = next(row for kind, row in _BEHIND.items() if isinstance(error, kind))
    asked = error.retry_after if isinstance(error, ours.ProviderError) else None
    headers = _retry_after(row.wait if asked is None else asked)
    return Failure(row.status, f"The provider behind this server {row.said}.", row.kind, None, error.code, headers)


def _retry_after(seconds: float | None) -> Mapping[str, str]:
    return {} if seconds is None else {"retry-after": str(max(1, math.ceil(seconds)))}
