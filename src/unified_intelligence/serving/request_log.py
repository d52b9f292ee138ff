"""One line for every request: who asked for what, how it ended, how long it took. Words only if they are asked for."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, TextIO

from unified_intelligence.entities.errors import AnswerInvalidError, MalformedToolCallError, UnifiedIntelligenceError
from unified_intelligence.serving.errors import RefusedError, failure_of
from unified_intelligence.serving.metrics import UNMATCHED, Requested
from unified_intelligence.serving.observation import CANCELLED, Figures
from unified_intelligence.serving.request_identity import client_request_id

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from unified_intelligence.serving.metrics import Metrics

Form = Literal["json", "text", "off"]
CLIENT_GONE = 499
_MOST_CONTENT = 64 * 1024  # bytes of a body
_QUOTING = (MalformedToolCallError, AnswerInvalidError)  # their sentences have the model's words in them


@dataclass(slots=True)
class Log:
    """Where lines go, and how they look. Without a stream it is the process's stderr at the time of the line."""

    form: Form = "json"
    contents: bool = False
    stream: TextIO | None = None

    def write(self, fields: Mapping[str, object]) -> None:
        if self.form == "off":
            return
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **fields}
        if self.form == "json":
            text = json.dumps(line, ensure_ascii=True)
        else:
            text = " ".join(
                f"{name}={_plain(value)}" for name, value in line.items() if value is not None and value != ""
            )
        stream = self.stream or sys.stderr
        stream.write(text + "\n")
        stream.flush()


class RequestLog:
    """ASGI middleware: logs and counts each request when it is over. `scope["state"]["figures"]` is filled inside."""

    def __init__(self, app: ASGIApp, log: Log, metrics: Metrics | None = None) -> None:
        self.app, self.log, self.metrics = app, log, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["figures"] = Figures()
        passing = _Passing(receive, send, state["figures"], keep=self.log.contents)
        begun = perf_counter()
        try:
            await self.app(scope, passing.receive if self.log.contents else receive, passing.send)
        except Exception as error:
            failure = failure_of(error)
            passing.status = passing.status or failure.status
            state["figures"].error = state["figures"].error or failure.code or "internal_error"
            raise
        finally:
            self._over(scope, passing, perf_counter() - begun)

    def _over(self, scope: Scope, passing: _Passing, seconds: float) -> None:
        state, status = scope["state"], passing.status or CLIENT_GONE
        figures: Figures = state["figures"]
        error = figures.error or state.get("error") or (f"http_{status}" if status >= 400 else "")
        route = route_of(scope)
        request_id = state.get("request_id", "")
        if self.metrics is not None:
            left = status == CLIENT_GONE or figures.finish_reason == CANCELLED
            self.metrics.requested(Requested(request_id, route, status, error, left))
        self.log.write({
            "request_id": request_id,
            "client_request_id": client_id(scope),
            "method": scope["method"],
            "route": route,
            "status": status,
            "model": figures.model,
            "ms": round(seconds * 1000, 1),
            "first_token_ms": None if figures.first_token is None else round(figures.first_token * 1000, 1),
            "prompt_tokens": figures.prompt_tokens,
            "completion_tokens": figures.completion_tokens,
            "finish_reason": figures.finish_reason,
            "error": error,
            "key": state.get("key", ""),
            **passing.contents(),
        })  # fmt: skip


class _Passing:
    """What goes through the middleware: the status is noted, the bodies only where they are wanted.

    The response of an answer tells how long that waited for its turn: nothing of it is sent before it had one.
    """

    def __init__(self, receive: Receive, send: Send, figures: Figures, *, keep: bool) -> None:
        self._receive, self._send, self._figures = receive, send, figures
        self._kept = (bytearray(), bytearray()) if keep else None
        self.status = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._keep(0, message)
        return message

    async def send(self, message: Message) -> None:
        if not self.status:
            self.status = int(message["status"])
            if self._figures.waited is not None:
                told = b"queue;dur=%.3f" % (self._figures.waited * 1000)
                message["headers"] = [*message.get("headers", ()), (b"server-timing", told)]
        elif self._kept is not None:
            self._keep(1, message)
        await self._send(message)

    def contents(self) -> dict[str, str]:
        if self._kept is None:
            return {}
        asked, answered = (bytes(kept).decode(errors="replace") for kept in self._kept)
        return {"request_body": asked, "response_body": answered}

    def _keep(self, which: int, message: Message) -> None:
        if self._kept is not None:
            kept = self._kept[which]
            kept += message.get("body", b"")[: _MOST_CONTENT - len(kept)]


class FailureHandler(logging.Handler):
    """The log's line for what the server reports with `logging`: which exception, where, for which request.

    The sentence of an exception that is not ours may have anything in it, and is left out unless contents are logged.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def filter(self, record: logging.LogRecord) -> bool:
        """uvicorn tells once more of what a layer of ours has told, and of what it cancels itself at the end."""
        return super().filter(record) is not False and not str(record.msg).startswith("Exception in ASGI application")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log.write({"level": record.levelname.lower(), "logger": record.name, **self._fields(record)})
        except (OSError, ValueError):  # the stream is full or closed; there is nowhere left to say so
            self.handleError(record)

    def _fields(self, record: logging.LogRecord) -> dict[str, object]:
        info = record.exc_info[1] if record.exc_info else None
        args: tuple[Any, ...] = record.args if isinstance(record.args, tuple) else ()
        error = info or next((one for one in args if isinstance(one, BaseException)), None)
        if error is None:
            return {"message": record.getMessage()}
        request_id = args[0] if args and isinstance(args[0], str) else ""
        fields: dict[str, object] = {"request_id": request_id, "error": type(error).__name__}
        if self._log.contents or (
            isinstance(error, UnifiedIntelligenceError | RefusedError) and not isinstance(error, _QUOTING)
        ):
            fields["message"] = str(error)
        if info is not None:
            frames = traceback.extract_tb(error.__traceback__)
            fields["at"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-12:]]
        return fields


def route_of(scope: Scope) -> str:
    """The template of the path that answered, so that counts stay few whatever is asked for."""
    return str(getattr(scope.get("route"), "path", UNMATCHED))


def client_id(scope: Scope) -> str:
    """The client's own x-request-id, as far as it can stand in a line; empty for one that is not taken over."""
    text = client_request_id(scope).decode("ascii", errors="ignore")
    return "".join(letter for letter in text if letter.isalnum() or letter in "-_.:")


def _plain(value: object) -> str:
    text = str(value)
    return json.dumps(text) if " " in text or not text.isprintable() else text
