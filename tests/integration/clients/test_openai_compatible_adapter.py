"""What the adapter makes of its options, and of one server's answers. Bad days are in tests/faults."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

import pytest

from tests.openai_server import EVENTS, Asked, Reply, delta, echo, says, serving, sse
from unified_intelligence.adapters.llm.openai_compatible_adapter import OpenAICompatibleAdapter
from unified_intelligence.entities.errors import (
    ConfigurationError,
    InvalidRequestError,
    ProtocolError,
    ServerBusyError,
    TimedOutError,
)
from unified_intelligence.entities.generation import Event, Finished, GenerationConfig, Notice, TextDelta
from unified_intelligence.interfaces.text_embedder import Embeddings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

QUESTION = "Ça va ?\n\n très\u2028bien 🙂👩‍🚀 "
JSON = "application/json"


def test_where_the_server_is_must_be_said() -> None:
    with pytest.raises(ConfigurationError) as refused:
        OpenAICompatibleAdapter()
    assert "--base-url" in refused.value.hint


@pytest.mark.parametrize(
    "options",
    [
        {"key": "sk-canary\n"}, {"key": "sk-canary "}, {"key": ""}, {"key": "sk-canary-é"}, {"hf_token": "canary\t"},
        {"base_url": "localhost:8000"}, {"base_url": "ftp://h/v1"}, {"base_url": "http://u:canary@h/v1"},
        {"base_url": "http://h/v1?key=canary"}, {"base_url": "http://h:99999/v1"}, {"base_url": "http:///v1"},
        {"retries": -1}, {"wait": -1.0}, {"timeout": 0.0}, {"idle_timeout": -1.0}, {"space": "acme"},
        {"space": "acme/x", "hub": "nowhere"},
    ],
    ids=str,
)  # fmt: skip
def test_an_option_that_cannot_be_is_refused_and_no_key_shown(options: dict[str, Any]) -> None:
    all_options: dict[str, Any] = {"base_url": "http://127.0.0.1:9/v1"} | options
    with pytest.raises(ConfigurationError) as refused:
        OpenAICompatibleAdapter(**all_options)
    if "key" in options or "hf_token" in options or "canary@" in str(options):
        assert "canary" not in str(refused.value) + refused.value.hint
    assert next(reversed(options)) in str(refused.value).replace("OWNER/NAME", "space")


def test_two_keys_travel_in_two_headers() -> None:
    with serving() as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url + "/", key="sk-1", hf_token="hf_2", model="m")
        assert adapter.generate(QUESTION).text == QUESTION
        adapter.close()
        (asked,) = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "Bearer sk-1"
    assert asked.headers["x-hf-authorization"] == "Bearer hf_2"
    assert asked.headers["content-type"] == JSON
    assert asked.json["messages"] == [{"role": "user", "content": QUESTION}]
    assert "sk-1" not in repr(adapter) + str(vars(adapter)["_http"])


def test_without_a_model_the_servers_first_is_asked_for_once() -> None:
    with serving() as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url)
        for _ in range(2):
            adapter.generate(QUESTION)
        adapter.close()
        assert [asked.path for asked in server.asked] == ["/v1/models", *["/v1/chat/completions"] * 2]
        assert server.asked[-1].json["model"] == "echo-1"


def test_a_server_without_models() -> None:
    with serving(lambda _: Reply(chunks=[b'{"data": []}'], content_type=JSON)) as server:
        with pytest.raises(ProtocolError, match="no model") as refused:
            OpenAICompatibleAdapter(base_url=server.url).generate(QUESTION)
        assert "--model" in refused.value.hint


def test_a_server_that_does_not_stream_is_understood() -> None:
    body = {"choices": [{"message": {"content": QUESTION, "reasoning": "Hmm"}, "finish_reason": "length"}]}
    with serving(lambda _: Reply(chunks=[json.dumps(body).encode()], content_type=JSON)) as server:
        answer = OpenAICompatibleAdapter(base_url=server.url, model="m").generate(QUESTION)
    assert (answer.text, answer.reasoning, answer.finish_reason) == (QUESTION, "Hmm", "length")


def test_events_called_plain_text_are_understood() -> None:
    with serving(lambda _: Reply(chunks=says(QUESTION), content_type="text/plain")) as server:
        assert OpenAICompatibleAdapter(base_url=server.url, model="m").generate(QUESTION).text == QUESTION


def test_the_connection_is_kept_from_call_to_call() -> None:
    threads: set[int] = set()

    def answer(asked: Asked) -> Reply:
        threads.add(threading.get_ident())
        return echo(asked)

    with serving(answer) as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m")
        for _ in range(5):
            adapter.generate(QUESTION)
        adapter.close()
    assert len(threads) == 1


def test_a_slow_reader_lets_no_idle_timer_run_out() -> None:
    pieces: list[bytes | float | None] = [sse(delta(content="a")), 0.05, *says("b")]
    with serving(lambda _: Reply(chunks=pieces)) as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m", idle_timeout=0.4, first_token_timeout=5)

        async def slowly() -> str:
            text = ""
            async for event in adapter.astream(QUESTION):
                await asyncio.sleep(0.6)
                text += event.text if isinstance(event, TextDelta) else ""
            adapter.close()
            return text

        assert asyncio.run(slowly()) == "ab"


def test_a_finished_answer_waits_only_a_moment_for_its_usage() -> None:
    pieces: list[bytes | float | None] = [*says(QUESTION)[:-1], 4.0]
    with serving(lambda _: Reply(chunks=pieces)) as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m", idle_timeout=0.5)
        began = time.perf_counter()
        assert adapter.generate(QUESTION).finish_reason == "stop"
        assert time.perf_counter() - began < 3
        adapter.close()


def test_who_speaks_is_no_first_token() -> None:
    pieces: list[bytes | float | None] = [sse(delta(role="assistant", content="")), 3.0]
    with serving(lambda _: Reply(chunks=pieces)) as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m", first_token_timeout=0.5, retries=0)
        with pytest.raises(TimedOutError) as late:
            adapter.generate(QUESTION)
        adapter.close()
    assert late.value.which == "first token"


def test_a_broken_answer_keeps_what_came() -> None:
    pieces: list[bytes | float | None] = [sse(delta(content="Ça ")), sse(delta(content="va 🙂"), "{bad"), 0.2, None]
    with serving(lambda _: Reply(chunks=pieces)) as server:
        seen: list[str] = []
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m")
        with pytest.raises(Exception, match="broke off") as broken:
            seen.extend(event.text for event in adapter.stream(QUESTION) if isinstance(event, TextDelta))
        adapter.close()
        assert len(server.asked) == 1
    assert vars(broken.value)["partial"].startswith("Ça ")


def test_another_try_is_told_before_the_answer() -> None:
    def answer(asked: Asked) -> Reply:
        return echo(asked) if len(server.asked) > 1 else Reply(503, [b'{"error": {"message": "pas encore"}}'], JSON)

    with serving(answer) as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m")
        first, *rest = adapter.stream(QUESTION)
        adapter.close()
    assert isinstance(first, Notice)
    assert "pas encore" in first.text
    assert isinstance(rest[-1], Finished)
    assert "".join(event.text for event in rest if isinstance(event, TextDelta)) == QUESTION


def test_a_space_is_asked_about_when_its_app_does_not_answer() -> None:
    def hub(asked: Asked) -> Reply:
        return Reply(chunks=[json.dumps({"stage": "RUNNING"}).encode()], content_type=JSON)

    def app(_: Asked) -> Reply:
        return Reply(503, [b"<html>This Space is starting</html>"], "text/html")

    with serving(hub) as the_hub, serving(app) as space:
        adapter = OpenAICompatibleAdapter(
            base_url=space.url, model="m", space="acme/x", hub=the_hub.origin, hf_token="hf_2", key="sk-1", retries=0
        )
        with pytest.raises(Exception, match="starting"):
            adapter.generate(QUESTION)
        adapter.close()
    (asked,) = the_hub.asked
    assert asked.path == "/api/spaces/acme/x/runtime"
    assert asked.headers["authorization"] == "Bearer hf_2"
    assert "sk-1" not in str(asked.headers)


def test_closing_a_stream_hangs_up() -> None:
    hung_up = threading.Event()

    def chunks() -> Any:
        try:
            while True:
                yield sse(delta(content="encore "))
                yield 0.02
        finally:
            hung_up.set()

    with serving(lambda _: Reply(chunks=chunks())) as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m")

        async def once() -> None:
            stream = cast("AsyncGenerator[Event, None]", adapter.astream(QUESTION))
            async with aclosing(stream) as events:
                assert await anext(events) == TextDelta("encore ")

        asyncio.run(once())
        assert hung_up.wait(5)


def test_vectors() -> None:
    with serving() as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m")
        assert asyncio.run(adapter.aembed(["é", "deux"])) == Embeddings(((1.0, 0.5), (4.0, 0.5)), 2)
        assert asyncio.run(adapter.aembed(["x"], dimensions=7, prompt_name="query")).prompt_tokens == 1
        assert [asked.json.get("dimensions") for asked in server.asked] == [None, 7]
        assert [asked.json.get("prompt_name") for asked in server.asked] == [None, "query"]
        for texts in ([], ["é", ""]):
            with pytest.raises(InvalidRequestError):
                asyncio.run(adapter.aembed(texts))
        assert len(server.asked) == 2


NO_VECTORS: tuple[Any, ...] = (
    {"data": []}, {"data": [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}]}, {"data": [{"embedding": "x"}]},
)  # fmt: skip


@pytest.mark.parametrize("body", NO_VECTORS, ids=str)
def test_vectors_that_do_not_fit(body: object) -> None:
    with serving(lambda _: Reply(chunks=[json.dumps(body).encode()], content_type=JSON)) as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m", retries=1)
        with pytest.raises(ProtocolError):
            asyncio.run(adapter.aembed(["a", "b"]))


def test_vectors_are_asked_for_again() -> None:
    with serving(lambda _: Reply(503, [b"{}"], EVENTS)) as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m", retries=1)
        with pytest.raises(ServerBusyError):
            asyncio.run(adapter.aembed(["a"]))
        assert len(server.asked) == 2


def test_every_field_is_passed_on() -> None:
    assert OpenAICompatibleAdapter.honoured == GenerationConfig.__dataclass_fields__.keys() - {"max_wait"}
    with serving() as server:
        adapter = OpenAICompatibleAdapter(base_url=server.url, model="m")
        assert adapter.generate(QUESTION, GenerationConfig(max_tokens=2, seed=7)).finish_reason == "length"
        adapter.close()
        assert server.asked[0].json["seed"] == 7
