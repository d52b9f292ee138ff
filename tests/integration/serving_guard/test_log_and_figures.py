"""What is written and counted of requests, and that it is not what they said."""

from __future__ import annotations

import logging
from io import StringIO
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.serving_guard.guarded_server import (
    MODEL,
    Guarded,
    ask,
    guarded_server,
    told,
    until,
)
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.serving.authentication import Keys
from unified_intelligence.serving.layers import reported
from unified_intelligence.serving.request_log import Form, Log

CANARY = "kanarienvogel-4711"
QUESTION = f"{CANARY} fünf Wörter\nmit\u2028Zeilen 🎉"


def _metrics(server: Guarded, headers: dict[str, str] | None = None) -> dict[tuple[str, tuple[str, ...]], float]:
    """Each sample by its name and the values of its labels, the model's left out."""
    text = httpx2.get(server.url + "/metrics", headers=headers or {}).text
    return {
        (
            sample.name,
            tuple(value for name, value in sorted(sample.labels.items()) if name != "model_name"),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_as_they_were() -> None:
    with guarded_server() as server:
        words = len(QUESTION.split(" "))
        for streamed in (True, False, True):
            assert ask(server.url, QUESTION, stream=streamed).status_code == 200
        assert ask(server.url, QUESTION, max_tokens=1).status_code == 200
        assert httpx2.get(server.url + "/nothing").status_code == 404
        assert httpx2.get(server.url + "/v1/models/other").status_code == 404
        assert httpx2.post(server.url + "/v1/chat/completions", json={"model": MODEL}).status_code == 400
        assert until(lambda: len(server.lines()) == 7)
        counted = _metrics(server)
    answered = server.lines()[:4]
    completion = sum(line["completion_tokens"] for line in answered)
    assert completion >= 3 * words
    assert counted["vllm:generation_tokens_total", ()] == completion
    assert counted["vllm:prompt_tokens_total", ()] == sum(line["prompt_tokens"] for line in answered)
    assert counted["vllm:request_success_total", ("stop",)] == 3
    assert counted["vllm:request_success_total", ("length",)] == 1
    for name in ("time_to_first_token_seconds", "e2e_request_latency_seconds", "request_queue_time_seconds"):
        assert counted[f"vllm:{name}_count", ()] == 4
    assert counted["vllm:request_generation_tokens_sum", ()] == completion
    assert counted["vllm:inter_token_latency_seconds_count", ()] == completion - 4
    assert counted["vllm:num_requests_running", ()] == 0
    assert counted["uic_http_requests_total", ("/v1/chat/completions", "200")] == 4
    assert counted["uic_http_requests_total", ("/v1/chat/completions", "400")] == 1
    assert counted["uic_http_requests_total", ("unmatched", "404")] == 1
    assert sum(value for (name, _), value in counted.items() if name == "uic_errors_total") == 3
    assert counted["uic_process_resident_memory_bytes", ()] > 1_000_000


def test_usage_log_and_metrics_count_a_prompt_once() -> None:
    with guarded_server() as server:
        body = {"model": MODEL, "prompt": ["ein Wort mehr", "zwei 🎉", "drei"], "n": 2}
        usage = httpx2.post(server.url + "/v1/completions", json=body).json()["usage"]
        usages = [usage, ask(server.url, QUESTION, n=3).json()["usage"]]
        assert until(lambda: len(server.lines()) == 2)
        counted = _metrics(server)
    assert usages[0]["prompt_tokens"] == 6
    told = [(line["prompt_tokens"], line["completion_tokens"]) for line in server.lines()[:2]]
    assert told == [(each["prompt_tokens"], each["completion_tokens"]) for each in usages]
    assert counted["vllm:prompt_tokens_total", ()] == sum(each["prompt_tokens"] for each in usages)
    assert counted["vllm:request_prompt_tokens_sum", ()] == sum(each["prompt_tokens"] for each in usages)
    assert counted["vllm:request_prompt_tokens_count", ()] == 4


def test_the_time_between_two_pieces_is_the_models() -> None:
    with guarded_server(EchoAdapter(delay=0.1)) as server:
        assert told(ask(server.url, "a b c d e f", stream=True).text) == "a b c d e f"
        assert until(server.lines)
        counted = _metrics(server)
        assert counted["vllm:inter_token_latency_seconds_count", ()] == 5
        assert counted["vllm:inter_token_latency_seconds_sum", ()] >= 5 * 0.1 / 2  # a busy loop sees some late
        assert counted["vllm:request_time_per_output_token_seconds_sum", ()] >= 0.1 / 2
        assert counted["vllm:time_to_first_token_seconds_sum", ()] >= 0.1 * 0.9


def test_what_runs_now_is_seen_while_it_runs() -> None:
    with guarded_server(EchoAdapter(delay=0.05)) as server:
        with httpx2.stream(
            "POST",
            server.url + "/v1/chat/completions",
            json={"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "wört " * 100}]},
        ) as answer:
            pieces = answer.iter_raw()
            next(pieces)
            assert until(lambda: _metrics(server)["vllm:num_requests_running", ()] == 1)
            assert httpx2.get(server.url + "/status.json").json()["running"] == 1
        assert until(lambda: server.service.admission.running == 0, 2)
        assert until(lambda: _metrics(server).get(("vllm:request_success_total", ("abort",))) == 1)


def test_the_page_gets_its_figures() -> None:
    with guarded_server() as server:
        for _ in range(3):
            ask(server.url, QUESTION)
        httpx2.get(server.url + "/nothing")
        assert until(lambda: len(server.lines()) == 4)
        status: dict[str, Any] = httpx2.get(server.url + "/status.json").json()
    assert (status["model"], status["state"], status["about"]) == (MODEL, "ready", {"version": "1.2.3"})
    assert (status["running"], status["waiting"], status["requests"]["finished"]) == (0, 0, 3)
    assert status["requests"]["per_second"] > 0 and status["tokens"]["completion_per_second"] > 0
    assert status["requests"]["outcomes"] == {"answered": 3, "refused": 1, "failed": 0, "left": 0}
    latency = status["latency"]
    assert 0 < latency["first_token"]["p50"] <= latency["total"]["p99"] < 10
    assert latency["answers"] == 3 and 0 < latency["between_tokens"]["p50"] < latency["total"]["p99"]
    assert status["memory"]["resident_bytes"] > 1_000_000 and status["uptime"] > 0
    (error,) = status["errors"]
    assert (error["code"], error["status"], error["route"]) == ("not_found", 404, "unmatched")
    assert error["request_id"] == server.lines()[3]["request_id"]
    assert CANARY not in str(status)


def test_a_line_says_how_it_went_and_not_what_was_said() -> None:
    with guarded_server(keys=Keys((CANARY + "-key",))) as server:
        headers = {"authorization": f"Bearer {CANARY}-key", "x-request-id": 'mine[31m"{}' + "x" * 100}
        answer = ask(server.url, QUESTION, headers, stream=True)
        ask(server.url, QUESTION, headers, temperature=-5)
        ask(server.url, QUESTION, headers, model=CANARY)
        ask(server.url, QUESTION, {"authorization": f"Bearer {CANARY}-wrong"})
        httpx2.get(f"{server.url}/{CANARY}?key={CANARY}", headers=headers)
        assert until(lambda: len(server.lines()) == 5)
        assert CANARY not in server.log.getvalue()
        assert CANARY not in httpx2.get(server.url + "/metrics", headers=headers).text
        assert CANARY not in httpx2.get(server.url + "/status.json", headers=headers).text
        line = server.lines()[0]
    assert line["request_id"] == answer.headers["x-request-id"]
    assert line["client_request_id"].startswith("mine31mxxxx") and len(line["client_request_id"]) > 100
    assert (line["method"], line["route"], line["status"]) == ("POST", "/v1/chat/completions", 200)
    assert (line["finish_reason"], line["error"]) == ("stop", "")
    assert line["completion_tokens"] == len(QUESTION.split()) or line["completion_tokens"] > 0
    assert 0 <= line["first_token_ms"] <= line["ms"]
    assert line["time"].endswith("+00:00")


def test_contents_are_written_where_they_are_asked_for() -> None:
    lines = StringIO()
    with guarded_server(log=Log(contents=True, stream=lines)) as server:
        assert ask(server.url, "fünf 🎉").status_code == 200
        assert until(lines.getvalue)
    assert "f\\u00fcnf" in lines.getvalue() and "response_body" in lines.getvalue()


def test_lines_for_people() -> None:
    lines = StringIO()
    with guarded_server(log=Log(form="text", stream=lines)) as server:
        assert ask(server.url, QUESTION).status_code == 200
        assert until(lines.getvalue)
    line = lines.getvalue()
    assert line.count("\n") == 1 and " route=/v1/chat/completions status=200 " in line
    assert CANARY not in line


def test_no_lines_at_all() -> None:
    lines = StringIO()
    with guarded_server(log=Log(form="off", stream=lines)) as server:
        assert ask(server.url).status_code == 200
    assert lines.getvalue() == ""


@pytest.mark.parametrize("form", ["json", "text"])
def test_what_breaks_is_reported_without_its_words(form: Form) -> None:
    lines = StringIO()
    with guarded_server(_Broken()) as server, reported(Log(form=form, stream=lines)):
        answer = ask(server.url, CANARY)
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
        assert until(server.lines)
        assert server.lines()[0]["error"] == "internal_error"
        assert "ValueError" in lines.getvalue() and "test_log_and_figures.py" in lines.getvalue()
        assert CANARY not in lines.getvalue() + server.log.getvalue() + answer.text


class _Broken(EchoAdapter):
    def stream(self, messages: Any, config: Any = None) -> Any:
        raise ValueError(f"cannot read {messages[-1].content}")


@pytest.fixture(autouse=True)
def quiet() -> Any:
    """A handler an earlier test forgot would make these pass for the wrong reason."""
    before = list(logging.getLogger("unified_intelligence.serving").handlers)
    yield
    assert logging.getLogger("unified_intelligence.serving").handlers == before
