"""Failures as OpenAI's client sees them, and what a request may not ask."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.integration.serving.generators import Says, Waits, words
from tests.integration.serving.served import Served, serving
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities import errors as ours
from unified_intelligence.entities.generation import Notice, TextDelta
from unified_intelligence.serving.admission import Limits

MODEL = "le-modèle"
HELLO: Any = [{"role": "user", "content": "Ça va ? 🎉"}]
SECRET = "http://10.0.0.7/secret-token"


@pytest.fixture(scope="module")
def echo() -> Iterator[Served]:
    with serving(EchoAdapter()) as served:
        yield served


def posted(served: Served, body: object, path: str = "/v1/chat/completions") -> tuple[int, dict[str, Any]]:
    response = httpx2.post(f"{served.url}{path}", json=body, timeout=30)
    assert response.headers["x-request-id"].startswith("req_")
    return response.status_code, response.json()["error"]


@pytest.mark.parametrize(
    ("asked", "param", "code"),
    [
        ({"logit_bias": {"1": 2}}, "logit_bias", "unsupported_parameter"),
        ({"functions": [{"name": "f"}]}, "functions", "unsupported_parameter"),
        ({"store": True}, "store", "unsupported_parameter"),
        ({"store": 0}, "store", "unsupported_parameter"),
        (
            {"stream": True, "stream_options": {"include_obfuscation": 0}},
            "stream_options.include_obfuscation",
            "invalid_value",
        ),
        ({"best_of": True}, "best_of", "unsupported_parameter"),
        ({"service_tier": "flex"}, "service_tier", "unsupported_parameter"),
        ({"guided_json": {}}, "guided_json", "unknown_parameter"),
        ({"modalities": ["audio"]}, "modalities[0]", "invalid_value"),
        ({"max_tokens": "5"}, "max_tokens", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"max_tokens": 2.5}, "max_tokens", "invalid_value"),
        ({"max_tokens": 0.0}, "max_tokens", "invalid_value"),
        ({"max_tokens": True}, "max_tokens", "invalid_value"),
        ({"temperature": True}, "temperature", "invalid_value"),
        ({"temperature": -3}, "temperature", "invalid_value"),
        ({"stop": ["a", 1]}, "stop[1]", "invalid_value"),
        ({"n": 17}, "n", "invalid_value"),
        ({"seed": 2**63}, "seed", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0]", "invalid_value"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
            "messages[0].content[0].type",
            "invalid_value",
        ),
        ({"chat_template_kwargs": {"other": 1}}, "chat_template_kwargs.other", "unknown_parameter"),
        ({"stream_options": {"include_usage": True}}, None, "invalid_value"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, None, "invalid_value"),
        ({"tool_choice": "required"}, None, "invalid_value"),
        ({"top_logprobs": 2}, None, "invalid_value"),
        ({"response_format": {"type": "json_schema"}}, "response_format", "invalid_value"),
        ({"structured_outputs": {"regex": "a", "choice": ["b"]}}, "structured_outputs", "invalid_value"),
        ({"structured_outputs": {"choice": [""]}}, "structured_outputs.choice[0]", "invalid_value"),
        ({"structured_outputs": {"grammar": "x"}}, "structured_outputs.grammar", "unknown_parameter"),
        (
            {"structured_outputs": {"regex": "a"}, "response_format": {"type": "json_object"}},
            None,
            "invalid_value",
        ),
    ],
)
def test_a_wrong_request_is_told_where(echo: Served, asked: dict[str, Any], param: str | None, code: str) -> None:
    status, error = posted(echo, {"model": MODEL, "messages": HELLO, **asked})
    assert (status, error["type"], error["param"], error["code"]) == (400, "invalid_request_error", param, code)
    assert "\n" not in error["message"]
    assert error["message"].endswith(".")
    assert param is None or param in error["message"]


@pytest.mark.parametrize(
    "neutral",
    [
        {"logit_bias": None, "functions": [], "store": False, "service_tier": "auto", "best_of": 1},
        {"presence_penalty": 0, "frequency_penalty": 0.0, "top_p": 1, "parallel_tool_calls": True, "logprobs": False},
        {"user": "u", "metadata": {"a": "b"}, "safety_identifier": "s", "modalities": ["text"], "n": 1, "stop": None},
    ],
)  # fmt: skip
def test_what_asks_for_nothing_is_no_mistake(echo: Served, neutral: dict[str, Any]) -> None:
    body = {"model": MODEL, "messages": HELLO, **neutral}
    response = httpx2.post(f"{echo.url}/v1/chat/completions", json=body)
    assert response.status_code == 200, response.text
    assert response.json()["choices"][0]["message"]["content"] == HELLO[0]["content"]


def test_a_whole_number_may_be_written_with_a_point(echo: Served) -> None:
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "ça va\u2028bien 🎉"}],
        "max_tokens": 2.0,
        "n": 1.0,
    }
    response = httpx2.post(f"{echo.url}/v1/chat/completions", json=body)
    choice = response.json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("ça va", "length")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[1]", b"\xff", b"[" * 50_000, b'{"n": ' + b"9" * 5000 + b"}", b'{"temperature": NaN}']
)
def test_a_body_that_is_no_request_is_refused(echo: Served, body: bytes) -> None:
    response = httpx2.post(
        f"{echo.url}/v1/chat/completions", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_the_client_raises_what_its_users_catch(echo: Served) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        echo.client.chat.completions.create(model="gpt-4", messages=HELLO)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError) as wrong:
        echo.client.chat.completions.create(model=MODEL, messages=HELLO, logit_bias={"50256": -100})
    assert wrong.value.param == "logit_bias"
    with pytest.raises(openai.BadRequestError, match="logprobs"):
        echo.client.chat.completions.create(model=MODEL, messages=HELLO, logprobs=True)
    with pytest.raises(openai.NotFoundError):
        echo.client.models.retrieve("gpt-4")


@pytest.mark.parametrize(
    ("raised", "status", "kind", "wait"),
    [
        (ours.ContextLengthError(5000, 4096), 400, "invalid_request_error", None),
        (ours.InvalidRequestError("The question is empty."), 400, "invalid_request_error", None),
        (ours.ContextLengthError(None, 2048, said=SECRET, url=SECRET), 400, "invalid_request_error", None),
        (ours.InvalidRequestError(SECRET, url=SECRET), 400, "invalid_request_error", None),
        (ours.AnswerRefusedError("filtered"), 400, "invalid_request_error", None),
        (ours.RateLimitedError("wait", url=SECRET, retry_after=2.2), 429, "rate_limit_error", "3"),
        (ours.QuotaExceededError("spent", url=SECRET), 429, "insufficient_quota", None),
        (ours.AuthenticationError("no", url=SECRET, status=401), 502, "server_error", None),
        (ours.NotFoundOrPrivateError("no", url=SECRET, status=404), 502, "server_error", None),
        (ours.ConnectionFailedError(SECRET, url=SECRET), 502, "server_error", None),
        (ours.ProtocolError(SECRET, url=SECRET), 502, "server_error", None),
        (ours.AnswerInvalidError("The answer is no JSON."), 502, "server_error", None),
        (
            ours.RoutesFailedError([("a", ours.ConnectionFailedError(SECRET))], retry_after=2.2),
            503,
            "server_error",
            "3",
        ),
        (ours.StreamInterruptedError(SECRET, partial="half"), 502, "server_error", None),
        (ours.ServerBusyError("busy", url=SECRET), 503, "server_error", "2"),
        (ours.SpaceStartingError("starting", url=SECRET), 503, "server_error", "10"),
        (ours.SpacePausedError("paused", url=SECRET), 503, "server_error", None),
        (ours.TimedOutError("total", 3, url=SECRET), 504, "server_error", None),
        (ours.ModelError(SECRET), 500, "server_error", None),
        (ours.MissingDependencyError(SECRET, "torch", "local"), 500, "server_error", None),
        (ValueError(SECRET), 500, "server_error", None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_before_the_answer_has_its_own_status(
    raised: Exception, status: int, kind: str, wait: str | None, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(Says(raised)) as served, caplog.at_level(logging.ERROR):
        body = {"model": MODEL, "messages": HELLO, "stream": stream}
        response = httpx2.post(f"{served.url}/v1/chat/completions", json=body)
    assert (response.status_code, response.headers.get("retry-after")) == (status, wait)
    error = response.json()["error"]
    assert error["type"] == kind
    assert "secret-token" not in response.text
    assert (response.headers["x-request-id"] in caplog.text) == (status >= 500 or bool(getattr(raised, "url", "")))


def test_a_notice_does_not_decide_the_status() -> None:
    with serving(Says(Notice("Another try in 2 s."), ours.ServerBusyError("busy", url=SECRET))) as served:
        body = {"model": MODEL, "messages": HELLO, "stream": True}
        assert httpx2.post(f"{served.url}/v1/chat/completions", json=body).status_code == 503


def test_a_failure_within_the_stream_is_its_last_event() -> None:
    with serving(Says(TextDelta("Bonjour 🎉"), ours.ConnectionFailedError(SECRET, url=SECRET))) as served:
        body = {"model": MODEL, "messages": HELLO, "stream": True}
        response = httpx2.post(f"{served.url}/v1/chat/completions", json=body)
        *_, last = response.text.strip().split("\n\n")
        assert response.status_code == 200
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "connection_failed"
        assert "[DONE]" not in response.text and "secret-token" not in response.text
        stream = served.client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        assert next(stream).choices[0].delta.role == "assistant"
        assert next(stream).choices[0].delta.content == "Bonjour 🎉"
        with pytest.raises(openai.APIError, match="cannot be reached"):
            next(stream)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_without_an_end_is_a_failure(stream: bool) -> None:
    def read(served: Served) -> None:
        answer: Any = served.client.chat.completions.create(model=MODEL, messages=HELLO, stream=stream)
        list(answer)

    with serving(Says(TextDelta("Bonjour"))) as served, pytest.raises(openai.APIError, match="stopped before the end"):
        read(served)


def test_a_full_queue_sends_away() -> None:
    limits = Limits(running=1, waiting=0)
    with serving(EchoAdapter(delay=0.3), limits=limits) as served:
        stream = served.client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        next(iter(stream))
        with pytest.raises(openai.RateLimitError) as full:
            served.client.chat.completions.create(model=MODEL, messages=HELLO)
        assert int(full.value.response.headers["retry-after"]) >= 1
        stream.close()


def test_requests_have_a_number_of_their_own() -> None:
    with serving(Says(*words("oui"))) as served:
        body = {"model": MODEL, "messages": HELLO}
        same = {"x-request-id": "client-7"}
        answers = [httpx2.post(f"{served.url}/v1/chat/completions", json=body, headers=same) for _ in range(3)]
        long = httpx2.post(f"{served.url}/v1/chat/completions", json=body, headers={"x-request-id": "x" * 129})
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3
    assert {answer.headers["x-client-request-id"] for answer in answers} == {"client-7"}
    assert "x-client-request-id" not in long.headers


def test_a_balancer_may_ask_with_head(echo: Served) -> None:
    for path in ("/health", "/ready"):
        answer = httpx2.head(echo.url + path)
        assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("path", "param", "said"),
    [
        ("chat/completions", "messages", HELLO),
        ("responses", "input", "Ça va ? 🎉"),
        ("completions", "prompt", "Ça va ?"),
    ],
)
@pytest.mark.parametrize("begun", [(), (TextDelta("Ça "),)], ids=["at once", "in the midst"])
def test_what_is_too_long_is_named_as_it_was_sent(path: str, param: str, said: object, begun: tuple[Any, ...]) -> None:
    with serving(Says(*begun, ours.ContextLengthError(5000, 4096))) as served:
        body = {"model": MODEL, param: said}
        status, error = posted(served, body, f"/v1/{path}")
        assert (status, error["param"], error["code"]) == (400, param, "context_length_exceeded")
        if begun and path != "responses":
            streamed = httpx2.post(f"{served.url}/v1/{path}", json={**body, "stream": True}, timeout=30).text
            told = json.loads(streamed.rstrip().rpartition("data: ")[2])
            assert told["error"]["param"] == param


class _Few(Waits):
    honoured = frozenset({"max_tokens"})


def test_what_is_refused_waits_for_no_turn() -> None:
    generator = _Few()
    with serving(generator, limits=Limits(running=1)) as served:
        body = {"model": MODEL, "messages": HELLO, "stream": True}
        with (
            socket.create_connection(("127.0.0.1", served.port)) as first,
            socket.create_connection(("127.0.0.1", served.port)) as second,
        ):
            for number, own in enumerate((first, second)):
                written = json.dumps(body).encode()
                fields = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(written)}"
                own.sendall(f"POST /v1/chat/completions HTTP/1.1\r\n{fields}\r\n\r\n".encode() + written)
                while served.service.admission.running + served.service.admission.waiting <= number:
                    time.sleep(0.01)
            assert (served.service.admission.running, served.service.admission.waiting) == (1, 1)
            refused = posted(served, {"model": MODEL, "messages": HELLO, "logprobs": True})
            assert refused[0] == 400
            assert "logprobs" in refused[1]["message"]
            schema = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"type": "nichts"}}}
            assert posted(served, {"model": MODEL, "messages": HELLO, "response_format": schema})[0] == 400


def test_paths_and_methods_that_are_not_there(echo: Served) -> None:
    missing, wrong = httpx2.get(f"{echo.url}/v1/nope"), httpx2.get(f"{echo.url}/v1/chat/completions")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["error"]["code"], wrong.headers["allow"]) == (
        405, "method_not_allowed", "POST",
    )  # fmt: skip
