"""A client that goes away ends the work: whole or streamed, alone or one of several answers, and while it waits."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest

from tests.integration.serving.generators import Waits
from tests.integration.serving.served import Served, serving
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities.generation import Event, Notice, TextDelta
from unified_intelligence.serving.admission import Limits

MODEL = "le-modèle"
HELLO: Any = [{"role": "user", "content": "Ça va ? 🎉"}]
WITHIN = 1.0  # seconds


def until(true: Callable[[], bool], seconds: float) -> bool:
    end = time.perf_counter() + seconds
    while not true() and time.perf_counter() < end:
        time.sleep(0.01)
    return true()


def sent(served: Served, **body: object) -> socket.socket:
    """A connection on which a request was sent."""
    written = json.dumps({"model": MODEL, "messages": HELLO, **body}).encode()
    connection = socket.create_connection(("127.0.0.1", served.port))
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(written) + written
    )
    return connection


@pytest.mark.parametrize("body", [{}, {"stream": True}, {"n": 3}, {"n": 3, "stream": True}], ids=str)
@pytest.mark.parametrize("first", [(), (TextDelta("Bonjour"),), (Notice("Waking up."),)], ids=len)
def test_the_work_ends_with_the_connection(body: dict[str, Any], first: tuple[Any, ...]) -> None:
    generator, answers = Waits(*first), body.get("n", 1)
    with serving(generator) as served:
        before = served.tasks()
        connection = sent(served, **body)
        assert until(lambda: generator.waiting == answers, 10)
        connection.close()
        assert until(lambda: generator.stopped == answers, WITHIN)
        assert generator.waiting == 0
        assert until(lambda: served.service.admission.running == 0 and served.tasks() == before, WITHIN)


def test_a_computing_generator_stops_after_its_event() -> None:
    with serving(EchoAdapter(delay=0.05), limits=Limits(running=1)) as served:
        connection = sent(served, messages=[{"role": "user", "content": "mot " * 1000}])
        assert until(lambda: served.service.admission.running == 1, 10)
        connection.close()
        assert until(lambda: served.service.admission.running == 0, WITHIN)


def test_who_waits_for_a_turn_leaves_the_queue() -> None:
    generator = Waits()
    with serving(generator, limits=Limits(running=1)) as served:
        first = sent(served)
        assert until(lambda: generator.waiting == 1, 10)
        second = sent(served, stream=True)
        assert until(lambda: served.service.admission.waiting == 1, 10)
        second.close()
        assert until(lambda: served.service.admission.waiting == 0, WITHIN)
        assert generator.waiting == 1
        first.close()
        assert until(lambda: generator.stopped == 1, WITHIN)


def test_the_official_client_closes_its_stream() -> None:
    generator = Waits(TextDelta("Bonjour"))

    async def read_one(served: Served) -> str | None:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="unused", max_retries=0) as client:
            stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
            async for chunk in stream:
                if chunk.choices[0].delta.content:
                    await stream.close()
                    return chunk.choices[0].delta.content
        return None

    with serving(generator) as served:
        assert asyncio.run(read_one(served)) == "Bonjour"
        assert until(lambda: generator.stopped == 1, WITHIN)


def test_one_answer_that_fails_ends_the_others() -> None:
    class FailsOnce(Waits):
        async def astream(self, messages: Any, config: Any = None) -> AsyncIterator[Event]:
            assert config is not None
            if config.seed == 8:
                while self.waiting < 2:
                    await asyncio.sleep(0.01)
                raise ValueError("broken")
            async for event in super().astream(messages, config):
                yield event

    generator = FailsOnce()
    with serving(generator) as served:
        with pytest.raises(openai.InternalServerError):
            served.client.chat.completions.create(model=MODEL, messages=HELLO, n=3, seed=7)
        assert until(lambda: generator.stopped == 2, WITHIN)
