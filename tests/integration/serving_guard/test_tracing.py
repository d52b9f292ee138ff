"""Spans as a collector gets them: OTLP over HTTP, decoded from the bytes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx2
import pytest

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.serving_guard.guarded_server import MODEL, ask, guarded_server
from tests.loopback import answering
from unified_intelligence.serving.tracing import provider_for

CANARY = "kanarienvogel-0815"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@contextmanager
def collector() -> Generator[tuple[str, list[bytes]]]:
    came: list[bytes] = []

    class Collecting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                came.append(body)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

    with answering(Collecting) as url:
        yield url, came


def _spans(came: list[bytes]) -> list[Any]:
    import gzip

    requests = [ExportTraceServiceRequest.FromString(gzip.decompress(b) if b[:2] == b"\x1f\x8b" else b) for b in came]
    return [
        span
        for one in requests
        for resource in one.resource_spans
        for own in resource.scope_spans
        for span in own.spans
    ]


def _attributes(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_a_request_is_a_span_of_the_callers_trace() -> None:
    with collector() as (url, came):
        provider = provider_for(url, "a-server", "1.2.3")
        with guarded_server(tracer=provider) as server:
            traced = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            answer = ask(server.url, f"{CANARY} fünf 🎉", traced, stream=True)
            ask(server.url, CANARY, traced, temperature=-1)
            httpx2.get(server.url + "/health")
            httpx2.get(server.url + "/v1/models")
        provider.shutdown()
    good, bad, models = _spans(came)
    told = _attributes(good)
    assert (good.trace_id.hex(), good.parent_span_id.hex()) == (TRACE, PARENT)
    assert good.name == "POST /v1/chat/completions"
    assert told["http.response.status_code"] == 200
    assert told["gen_ai.request.model"] == MODEL
    assert told["gen_ai.usage.output_tokens"] == 3
    assert [one.string_value for one in told["gen_ai.response.finish_reasons"].values] == ["stop"]
    assert told["unified_intelligence.request_id"] == answer.headers["x-request-id"]
    assert _attributes(bad)["http.response.status_code"] == 400
    assert models.trace_id.hex() != TRACE and models.parent_span_id == b""
    assert CANARY.encode() not in b"".join(came)


def test_a_collector_that_is_gone_costs_no_answer() -> None:
    with collector() as (url, _):
        pass
    provider = provider_for(url, "a-server")
    with guarded_server(tracer=provider) as server:
        assert ask(server.url).status_code == 200


def test_nothing_of_it_is_imported_without_an_endpoint() -> None:
    import subprocess
    import sys

    from tests.integration.serving_guard.test_bodies import environment

    program = "import sys, unified_intelligence.serving.layers as _; print('opentelemetry.sdk' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment()
    )
    assert done.stdout.strip() == "False"
