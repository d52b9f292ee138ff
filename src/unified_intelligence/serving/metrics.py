"""What the server counts, as Prometheus reads it: vLLM's names where the meaning is the same, `uic_` for the rest.

Everything is told of requests and answers, nothing of what they say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from unified_intelligence.serving.observation import Watch
from unified_intelligence.serving.recent import Answered, Failed, Outcome, Recent, resident_bytes

if TYPE_CHECKING:
    from prometheus_client import Metric

    from unified_intelligence.serving.admission import Admission
    from unified_intelligence.serving.service import Caller, Service

UNMATCHED = "unmatched"
_SECONDS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
)  # fmt: skip
_TOKEN_SECONDS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 10, 40,
)  # fmt: skip
_TOKENS = tuple(step * scale for scale in (1, 10, 100, 1_000, 10_000, 100_000) for step in (1, 2, 5))


@dataclass(frozen=True, slots=True)
class Requested:
    """A request when it is over. `route` is the path's template, UNMATCHED if there is none; `error` a code.

    `left` tells that the client did not wait for the end.
    """

    request_id: str
    route: str
    status: int
    error: str = ""
    left: bool = False

    @property
    def outcome(self) -> Outcome:
        """Refused is what the client can mend, failed what it cannot; an answer that broke off has failed."""
        if self.left:
            return "left"
        if self.status >= 500 or (self.error and self.status < 400):
            return "failed"
        return "refused" if self.status >= 400 else "answered"

    @property
    def of_the_api(self) -> bool:
        """Not a probe, nor somebody who looks at the figures; what was sent away at the door counts."""
        return self.route.startswith("/v1/") or (self.route == UNMATCHED and self.status >= 400)


class Metrics:
    """One server's figures in a registry of its own. A Service that is given `watch` has its answers measured."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.recent = Recent()
        self.registry = CollectorRegistry()
        self._define_answers(service.model)
        self._define_server(service)

    def watch(self, caller: Caller) -> Watch:
        return Watch(caller, self._between.observe, self._answered)

    def requested(self, request: Requested) -> None:
        """Counts a request that is over, and its error."""
        self._requests.labels(request.route, str(request.status)).inc()
        if request.of_the_api:
            self.recent.ended(request.outcome)
        if request.error:
            self._errors.labels(request.error).inc()
            if not request.left:
                self.recent.failed(Failed(request.error, request.status, request.request_id, request.route))

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)

    def snapshot(self) -> dict[str, object]:
        """What a status page shows; seconds, bytes and counts."""
        service, admission = self.service, self.service.admission
        return {
            "model": service.model,
            "state": service.state,
            "about": dict(service.about),
            "running": admission.running,
            "waiting": admission.waiting,
            "limits": {"running": admission.limits.running, "waiting": admission.limits.waiting},
            "rejections": dict(admission.rejections),
            "memory": {"resident_bytes": resident_bytes()},
            **self.recent.figures(),
        }

    def _define_answers(self, model: str) -> None:
        def counted(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"vllm:{name}", text, ("model_name", *labels), registry=self.registry)

        def spread(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"vllm:{name}", text, ("model_name",), registry=self.registry, buckets=buckets).labels(
                model
            )

        self._prompt = counted("prompt_tokens", "Tokens of the questions.").labels(model)
        self._completion = counted("generation_tokens", "Tokens of the answers.").labels(model)
        self._finished = counted("request_success", "Answers that ended, by how.", "finished_reason")
        self._first = spread("time_to_first_token_seconds", "From the request to the first piece.", _SECONDS)
        self._between = spread("inter_token_latency_seconds", "Between two pieces of an answer.", _TOKEN_SECONDS)
        self._per_token = spread(
            "request_time_per_output_token_seconds", "After the first piece, divided by the tokens.", _TOKEN_SECONDS
        )
        self._total = spread("e2e_request_latency_seconds", "From the request to the end of the answer.", _SECONDS)
        self._queued = spread("request_queue_time_seconds", "Waiting for a turn.", _SECONDS)
        self._prompt_size = spread("request_prompt_tokens", "Tokens of a question.", _TOKENS)
        self._answer_size = spread("request_generation_tokens", "Tokens of an answer.", _TOKENS)

    def _define_server(self, service: Service) -> None:
        own, admission, model = self.registry, service.admission, service.model
        for name, text, read in (
            ("running", "Answers being generated.", lambda: admission.running),
            ("waiting", "Requests waiting for a turn.", lambda: admission.waiting),
        ):
            gauge = Gauge(f"vllm:num_requests_{name}", text, ("model_name",), registry=own)
            gauge.labels(model).set_function(read)
        self._requests = Counter(
            "uic_http_requests", "Requests by route and status.", ("route", "status"), registry=own
        )
        self._errors = Counter("uic_errors", "Requests that failed, by code.", ("code",), registry=own)
        memory = Gauge("uic_process_resident_memory_bytes", "Memory this process holds.", registry=own)
        memory.set_function(resident_bytes)
        told = {name: str(value) for name, value in service.about.items() if isinstance(value, str | int)}
        build = Gauge("uic_build_info", "Always 1; the labels say what runs.", ("model_name", *told), registry=own)
        build.labels(model, *told.values()).set(1)
        own.register(_Rejections(admission))
        ProcessCollector(registry=own)

    def _answered(self, watch: Watch) -> None:
        prompt, completion = watch.tokens
        self._prompt.inc(prompt)
        self._completion.inc(completion)
        self._finished.labels(self.service.model, watch.finish_reason).inc()
        first = watch.first - watch.asked if watch.first else None
        if watch.turn:
            self._queued.observe(watch.turn - watch.asked)
        if first is not None:
            self._first.observe(first)
        if watch.completed is None:
            return
        total = watch.ended - watch.asked
        self._total.observe(total)
        if not watch.again:
            self._prompt_size.observe(prompt)
        self._answer_size.observe(completion)
        between = (watch.last - watch.first) / (completion - 1) if completion > 1 else None
        if between is not None:
            self._per_token.observe(between)
        self.recent.answered(Answered(watch.ended, first, total, prompt, completion, between))


class _Rejections(Collector):
    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "uic_admission_rejections", "Requests sent away before a turn, by reason.", labels=("reason",)
        )
        for reason in ("queue", "key", "wait", "drain"):
            family.add_metric((reason,), self._admission.rejections[reason])
        yield family
