"""Who gets a turn, seen by clients."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor

import httpx2

from tests.integration.serving_guard.guarded_server import (
    ANSWER,
    CHAT,
    MODEL,
    Guarded,
    ask,
    guarded_server,
    question,
    told,
    until,
)
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.serving.admission import Limits
from unified_intelligence.serving.authentication import Keys

LONG = "wört " * 200


def _busy(server: Guarded, running: int, waiting: int) -> bool:
    admission = server.service.admission
    return until(lambda: (admission.running, admission.waiting) == (running, waiting))


def test_a_full_queue_says_so_at_once_and_when_to_come_back() -> None:
    limits = Limits(running=1, waiting=1)
    with guarded_server(EchoAdapter(delay=0.05), limits=limits) as server, ThreadPoolExecutor() as pool:
        slow = [pool.submit(ask, server.url, LONG, max_tokens=30) for _ in range(2)]
        assert _busy(server, 1, 1)
        begun = time.monotonic()
        refused = ask(server.url)
        took = time.monotonic() - begun
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert int(refused.headers["retry-after"]) >= 1
        assert took < 3
        assert [answer.result().status_code for answer in slow] == [200, 200]
        assert server.service.admission.rejections == {"queue": 1}


def test_a_key_has_only_so_many_requests_under_way() -> None:
    limits = Limits(running=4, waiting=4, per_key=1)
    first, second = {"x-api-key": "einer"}, {"x-api-key": "anderer"}
    with (
        guarded_server(EchoAdapter(delay=0.05), limits=limits, keys=Keys(("einer", "anderer"))) as server,
        ThreadPoolExecutor() as pool,
    ):
        slow = pool.submit(ask, server.url, LONG, first, max_tokens=30)
        assert _busy(server, 1, 0)
        assert ask(server.url, headers=first).status_code == 429
        assert ask(server.url, headers=second).status_code == 200
        assert slow.result().status_code == 200
        assert ask(server.url, headers=first).status_code == 200


def test_a_client_that_leaves_gives_up_its_place_in_the_queue() -> None:
    limits = Limits(running=1, waiting=1)
    with guarded_server(EchoAdapter(delay=0.05), limits=limits) as server, ThreadPoolExecutor() as pool:
        slow = pool.submit(ask, server.url, LONG, max_tokens=40)
        assert _busy(server, 1, 0)
        with server.connect() as own:
            request = httpx2.Request("POST", server.url + CHAT, json=question(stream=True))
            head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            own.sendall(f"{head}Content-Length: {len(request.read())}\r\n\r\n".encode() + request.read())
            assert _busy(server, 1, 1)
        assert _busy(server, 1, 0)
        assert ask(server.url, max_tokens=1).status_code == 200
        assert slow.result().status_code == 200


def test_who_waits_too_long_is_sent_away() -> None:
    limits = Limits(running=1, waiting=4, longest_wait=0.3)
    with guarded_server(EchoAdapter(delay=0.05), limits=limits) as server, ThreadPoolExecutor() as pool:
        slow = pool.submit(ask, server.url, LONG, max_tokens=40)
        assert _busy(server, 1, 0)
        late = ask(server.url)
        assert (late.status_code, "retry-after" in late.headers) == (429, True)
        assert slow.result().status_code == 200
        assert told(ask(server.url, stream=True).text) == ANSWER


def test_many_prompts_are_one_request() -> None:
    prompts = ["eins", "zwei 🙂", "drei"] * 11
    with guarded_server() as server:
        body = {"model": MODEL, "prompt": prompts}
        answer = httpx2.post(server.url + "/v1/completions", json=body, timeout=30)
        assert [choice["text"] for choice in answer.json()["choices"]] == prompts


def test_several_answers_share_the_places_there_are_or_are_refused_for_good() -> None:
    with guarded_server(limits=Limits(running=1, waiting=1)) as server:
        assert len(ask(server.url, n=2).json()["choices"]) == 2
        refused = ask(server.url, n=3)
        assert (refused.status_code, "at most 2 at once" in refused.json()["error"]["message"]) == (400, True)


def test_an_answer_that_began_ends_whole_though_the_server_leaves() -> None:
    limits = Limits(running=1)
    with guarded_server(EchoAdapter(delay=0.05), limits=limits) as server, ThreadPoolExecutor() as pool:
        asked = pool.submit(ask, server.url, LONG, n=3, stream=True, max_tokens=10)
        assert _busy(server, 1, 2)
        server.server.stop()
        text = asked.result().text
    data = [line.removeprefix("data: ") for line in text.split("\n\n") if line.startswith("data: {")]
    ends = {choice["index"] for line in data for choice in json.loads(line)["choices"] if choice["finish_reason"]}
    assert (ends, text.endswith("data: [DONE]\n\n")) == ({0, 1, 2}, True)
