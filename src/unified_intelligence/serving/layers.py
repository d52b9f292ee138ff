"""What stands around the routes, from outside to inside: identity, log, trace, origins, keys, size."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from unified_intelligence.serving.app import identified
from unified_intelligence.serving.authentication import Authentication, Keys
from unified_intelligence.serving.body_limit import BodyLimit, BodyLimits
from unified_intelligence.serving.request_log import FailureHandler, Log, RequestLog
from unified_intelligence.serving.tracing import Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from starlette.types import ASGIApp

    from unified_intelligence.serving.metrics import Metrics


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What is allowed and what is told. No key opens the server to all who reach it; no origin means no CORS."""

    keys: Keys = field(default_factory=lambda: Keys(()))
    body: BodyLimits = field(default_factory=BodyLimits)
    cors_origins: tuple[str, ...] = ()
    log: Log = field(default_factory=Log)
    tracer: TracerProvider | None = None


def guarded(app: ASGIApp, metrics: Metrics, guard: Guard) -> ASGIApp:
    """The application as it is to be served. From here on the service's answers are measured."""
    for each in metrics.service.all:
        each.watch = metrics.watch_of(each.model)
    layered: ASGIApp = Authentication(BodyLimit(app, guard.body), guard.keys)
    if guard.cors_origins:
        from starlette.middleware.cors import CORSMiddleware

        layered = CORSMiddleware(
            layered,
            allow_origins=guard.cors_origins,
            allow_methods=("GET", "POST"),
            allow_headers=("authorization", "content-type", "x-api-key", "x-request-id"),
            expose_headers=("x-request-id", "retry-after", "server-timing"),
        )
    if guard.tracer is not None:
        layered = Tracing(layered, guard.tracer, metrics.service.model)
    return identified(RequestLog(layered, guard.log, metrics))


@contextmanager
def reported(log: Log) -> Generator[None]:
    """While it lasts, what the server and uvicorn report with `logging` goes into the log, without anybody's words."""
    handler = FailureHandler(log)
    loggers = [logging.getLogger(name) for name in ("unified_intelligence.serving", "uvicorn.error")]
    before = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    try:
        yield
    finally:
        for logger, was in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.propagate = was
