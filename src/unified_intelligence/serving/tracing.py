"""A span for every request, sent to an OpenTelemetry collector. Without an endpoint nothing of it is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import MissingDependencyError
from unified_intelligence.serving.request_log import route_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from unified_intelligence.serving.observation import Figures

_UNTRACED = frozenset({"/health", "/ready", "/metrics", "/status.json"})
_OPERATIONS = {
    "/v1/chat/completions": "chat",
    "/v1/completions": "text_completion",
    "/v1/responses": "chat",
    "/v1/embeddings": "embeddings",
}


def provider_for(endpoint: str, service_name: str, version: str = "") -> TracerProvider:
    """Sends spans to `endpoint`, the collector's address without /v1/traces, in the background.

    Its `shutdown` sends what is left. Raises MissingDependencyError without the extra `otel`.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as missing:
        raise MissingDependencyError("Tracing", missing.name or "opentelemetry", "otel") from missing
    own = TracerProvider(resource=Resource.create({"service.name": service_name, "service.version": version}))
    exporter = OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces")
    own.add_span_processor(BatchSpanProcessor(exporter))
    return own


class Tracing:
    """ASGI middleware: the span of a request, a child of the caller's if it sent a traceparent. It quotes nothing."""

    def __init__(self, app: ASGIApp, provider: TracerProvider, model: str) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self.app, self.model = app, model
        self._tracer = provider.get_tracer("unified_intelligence.serving")
        self._incoming = TraceContextTextMapPropagator()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _UNTRACED:
            await self.app(scope, receive, send)
            return
        from opentelemetry.trace import SpanKind

        carried = {
            name.decode(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in {b"traceparent", b"tracestate"}
        }
        parent = self._incoming.extract(carried)
        with self._tracer.start_as_current_span(
            scope["method"], parent, kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        ) as span:
            status = [0]
            try:
                await self.app(scope, receive, _noting(send, status))
            finally:
                self._tell(span, scope, status[0])

    def _tell(self, span: Span, scope: Scope, status: int) -> None:
        route, figures = route_of(scope), scope["state"].get("figures")
        span.update_name(f"{scope['method']} {route}")
        span.set_attributes({
            "http.request.method": scope["method"],
            "http.route": route,
            "http.response.status_code": status or 500,
            "unified_intelligence.request_id": scope["state"].get("request_id", ""),
        })  # fmt: skip
        if route in _OPERATIONS and figures is not None:
            self._tell_answer(span, _OPERATIONS[route], figures)
        error = figures.error if figures is not None else ""
        if error or status >= 500 or not status:
            from opentelemetry.trace import StatusCode

            span.set_attribute("error.type", error or str(status or 500))
            span.set_status(StatusCode.ERROR)

    def _tell_answer(self, span: Span, operation: str, figures: Figures) -> None:
        span.set_attributes({
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "unified_intelligence",
            "gen_ai.request.model": figures.model or self.model,
            "gen_ai.response.model": figures.model or self.model,
            "gen_ai.usage.input_tokens": figures.prompt_tokens,
            "gen_ai.usage.output_tokens": figures.completion_tokens,
        })  # fmt: skip
        if figures.finish_reason:
            span.set_attribute("gen_ai.response.finish_reasons", [figures.finish_reason])
        if figures.first_token is not None:
            span.set_attribute("gen_ai.server.time_to_first_token", figures.first_token)


def _noting(send: Send, status: list[int]) -> Send:
    async def noted(message: Message) -> None:
        if not status[0]:
            status[0] = int(message["status"])
        await send(message)

    return noted
