"""Our own server tells how long an answer waited for its turn; the benchmark holds it against what it saw itself."""

from __future__ import annotations

import json
from statistics import median

import httpx2
import pytest

from tests.integration.serving_guard.guarded_server import ANSWER, CHAT, MODEL, ask, guarded_server, question
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.benchmark import crew
from unified_intelligence.benchmark.connection import resolve
from unified_intelligence.benchmark.crew import Sending, Watch, shares_of
from unified_intelligence.benchmark.plan import Load, read_url
from unified_intelligence.benchmark.row import Row
from unified_intelligence.serving.admission import Limits

WORDS = "mot 🙂 à\u2028 "


def rows_of(url: str, load: Load) -> list[Row]:
    target = read_url(url)
    body = json.dumps({"model": MODEL, "stream": True, "messages": [{"role": "user", "content": WORDS * 4}]})
    address = resolve(target.host, target.port)[0]
    return crew.send(shares_of(load, target, address, [body], Sending("test", 1, 30.0)), Watch()).rows


def test_the_wait_for_a_turn_is_the_answers_before() -> None:
    with guarded_server(EchoAdapter(delay=0.03), limits=Limits(running=1, waiting=8)) as server:
        rows = rows_of(server.url, Load(concurrency=3, requests=9))
    assert [row.error for row in rows] == [""] * 9
    assert {row.text for row in rows} == {WORDS * 4}
    waits = [row.queue_ms for row in rows]
    assert all(wait is not None for wait in waits)
    for row in rows:
        assert row.queue_ms is not None and row.ttft_ms is not None and row.e2e_ms is not None
        assert row.queue_ms < row.ttft_ms
    first_words = [row.ttft_ms - row.queue_ms for row in rows if row.ttft_ms is not None and row.queue_ms is not None]
    assert median(first_words) < 200  # what is left is the first word's own time
    own = [row.e2e_ms - row.queue_ms for row in rows if row.e2e_ms is not None and row.queue_ms is not None]
    steady = [row.queue_ms for row in rows[3:] if row.queue_ms is not None]
    assert median(steady) == pytest.approx(2 * median(own), rel=0.4)  # two stand before it


def test_it_is_told_of_every_answer_and_of_nothing_else() -> None:
    with guarded_server(limits=Limits(running=1, waiting=0)) as server:
        whole, streamed = ask(server.url), ask(server.url, stream=True)
        plain = httpx2.post(f"{server.url}/v1/completions", json={"model": MODEL, "prompt": ANSWER}, timeout=120)
        for answer in (whole, streamed, plain):
            name, _, duration = answer.headers["server-timing"].partition(";dur=")
            assert name == "queue" and 0 <= float(duration) < 1000
        assert "server-timing" not in httpx2.get(f"{server.url}/v1/models").headers
        refused = httpx2.post(server.url + CHAT, json=question(n=3), timeout=120)
        assert refused.status_code == 400 and "server-timing" not in refused.headers
