"""What the server counts, as Prometheus reads it: vLLM's names where the meaning is the same, `uic_` for the rest.

Everything is told of requests and answers, nothing of what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

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
        """Whether it used the API: no probe, and nobody who looks at the figures. What was sent away at the door
        counts.
        """
        return self.route.startswith("/v1/") or (self.route == UNMATCHED and self.status >= 400)


class Metrics:
    """One server's figures, in a registry of its own. `watch_of` gives what measures the answers of a service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.recent = Recent()
        self.registry = CollectorRegistry()
        families = _Families(self.registry)
        self._answers = {each.model: _Answers(families, each.model, self.recent) for each in service.all}
        self._define_server(service)

    def watch_of(self, model: str) -> Callable[[Caller], Watch]:
        """What measures the answers of a model."""
        own = self._answers[model]
        return lambda caller: Watch(caller, own.between.observe, own.add)

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
        """What a status page shows; seconds, bytes and counts. `models` are told where there are several."""
        own, services = self.service, self.service.all
        told = {
            "model": own.model,
            "state": own.together,
            "about": dict(own.about),
            **_summed([_queue(each.admission) for each in services]),
            "memory": {"resident_bytes": resident_bytes()},
            **self.recent.figures(),
        }
        return told | ({"models": [self._model(each) for each in services]} if own.beside else {})

    def _model(self, service: Service) -> dict[str, object]:
        answers = self._answers[service.model]
        counted = {"answers": answers.ended, "completion_tokens": answers.completion_tokens}
        return {"model": service.model, "state": service.state, **_queue(service.admission), **counted}

    def _define_server(self, service: Service) -> None:
        own = self.registry
        for name, text in (("running", "Answers being generated."), ("waiting", "Requests waiting for a turn.")):
            gauge = Gauge(f"vllm:num_requests_{name}", text, ("model_name",), registry=own)
            for each in service.all:
                gauge.labels(each.model).set_function(partial(_many, each.admission, name))
        self._requests = Counter(
            "uic_http_requests", "Requests by route and status.", ("route", "status"), registry=own
        )
        self._errors = Counter("uic_errors", "Requests that failed, by code.", ("code",), registry=own)
        memory = Gauge("uic_process_resident_memory_bytes", "Memory this process holds.", registry=own)
        memory.set_function(resident_bytes)
        told = {name: str(value) for name, value in service.about.items() if isinstance(value, str | int)}
        build = Gauge("uic_build_info", "Always 1; the labels say what runs.", ("model_name", *told), registry=own)
        for each in service.all:
            build.labels(each.model, *told.values()).set(1)
        own.register(_Rejections(service.all))
        ProcessCollector(registry=own)


class _Families:
    """What is counted of answers, by the name of the model."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counted(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"vllm:{name}", text, ("model_name", *labels), registry=registry)

        def spread(name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"vllm:{name}", text, ("model_name",), registry=registry, buckets=buckets)

        self.prompt = counted("prompt_tokens", "Tokens of the questions.")
        self.completion = counted("generation_tokens", "Tokens of the answers.")
        self.finished = counted("request_success", "Answers that ended, by how.", "finished_reason")
        self.first = spread("time_to_first_token_seconds", "From the request to the first piece.", _SECONDS)
        self.between = spread("inter_token_latency_seconds", "Between two pieces of an answer.", _TOKEN_SECONDS)
        self.per_token = spread(
            "request_time_per_output_token_seconds", "After the first piece, divided by the tokens.", _TOKEN_SECONDS
        )
        self.total = spread("e2e_request_latency_seconds", "From the request to the end of the answer.", _SECONDS)
        self.queued = spread("request_queue_time_seconds", "Waiting for a turn.", _SECONDS)
        self.prompt_size = spread("request_prompt_tokens", "Tokens of a question.", _TOKENS)
        self.answer_size = spread("request_generation_tokens", "Tokens of an answer.", _TOKENS)


class _Answers:
    """The figures of one model's answers: `ended` of them, with `completion_tokens` in all."""

    def __init__(self, families: _Families, model: str, recent: Recent) -> None:
        self._finished, self._model, self._recent = families.finished, model, recent
        self._prompt, self._completion = families.prompt.labels(model), families.completion.labels(model)
        self._first, self.between = families.first.labels(model), families.between.labels(model)
        self._per_token, self._total = families.per_token.labels(model), families.total.labels(model)
        self._queued = families.queued.labels(model)
        self._prompt_size, self._answer_size = families.prompt_size.labels(model), families.answer_size.labels(model)
        self.ended = self.completion_tokens = 0

    def add(self, watch: Watch) -> None:
        prompt, completion = watch.tokens
        self._prompt.inc(prompt)
        self._completion.inc(completion)
        self._finished.labels(self._model, watch.finish_reason).inc()
        self.ended, self.completion_tokens = self.ended + 1, self.completion_tokens + completion
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
        self._recent.answered(Answered(watch.ended, first, total, prompt, completion, between))


def _many(admission: Admission, name: str) -> int:
    return admission.running if name == "running" else admission.waiting


def _queue(admission: Admission) -> dict[str, Any]:
    return {
        "running": admission.running,
        "waiting": admission.waiting,
        "limits": {"running": admission.limits.running, "waiting": admission.limits.waiting},
        "rejections": dict(admission.rejections),
    }


def _summed(queues: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The queues of all models, added up."""
    names = {name for queue in queues for name in queue["rejections"]}
    return {
        **{name: sum(queue[name] for queue in queues) for name in ("running", "waiting")},
        "limits": {name: sum(queue["limits"][name] for queue in queues) for name in ("running", "waiting")},
        "rejections": {name: sum(queue["rejections"].get(name, 0) for queue in queues) for name in sorted(names)},
    }


class _Rejections(Collector):
    def __init__(self, services: Iterable[Service]) -> None:
        self._services = list(services)

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "uic_admission_rejections", "Requests sent away before a turn, by reason.", labels=("model_name", "reason")
        )
        for each in self._services:
            for reason in ("queue", "key", "wait", "drain"):
                family.add_metric((each.model, reason), each.admission.rejections[reason])
        yield family
