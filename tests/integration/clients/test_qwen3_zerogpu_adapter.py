"""The two providers of Gradio Spaces against a server that misbehaves: what is asked, what is raised, what is told."""

from __future__ import annotations

import asyncio
import json
import stat
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from tests.faults.server import Act, Exchange, FaultServer, closed_port
from tests.gradio_faults import CONFIG, END, Page, misbehaving, page, streams, typed
from unified_intelligence.adapters.llm.qwen3_zerogpu_adapter import Qwen3InferenceAdapter, Qwen3ZeroGPUAdapter
from unified_intelligence.adapters.offer_cache import OfferCache
from unified_intelligence.adapters.wire.gradio_offer import Offer, Parameter
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidRequestError,
    ModelError,
    NotFoundOrPrivateError,
    ProtocolError,
    QuotaExceededError,
    ServerBusyError,
    SpaceBrokenError,
    SpacePausedError,
    SpaceStartingError,
    StreamInterruptedError,
    TimedOutError,
    UnifiedIntelligenceError,
)
from unified_intelligence.entities.generation import GenerationConfig, Notice, TextDelta, Usage

TEXT = "Ça va ?\n\n Prix :  12,50 € — 🙂\u2028fin"
GOOD = streams(typed({"type": "delta", "text": TEXT}, END))
PART = typed({"type": "delta", "text": "partie é"}, last=False)
QUOTA = {"error": "You have exceeded your free ZeroGPU quota (60s requested vs. 0s left). Try again in 1:02:03.",
         "title": "ZeroGPU quota exceeded"}  # fmt: skip


BUSY = {"type": "error", "kind": "server_busy", "message": "m"}


def asking(server: FaultServer, **options: Any) -> Qwen3InferenceAdapter:
    given: dict[str, Any] = {"space": server.origin, "cache": "", "retries": 0, **options}
    return Qwen3InferenceAdapter(**given)


def posted(server: FaultServer) -> list[Any]:
    return [request.json for request in server.others if request.method == "POST"]


def test_an_answer_comes_through_a_named_call() -> None:
    with misbehaving(GOOD) as server:
        answer = asking(server).generate([{"role": "user", "content": TEXT}], GenerationConfig(max_tokens=9))
        assert answer.text == TEXT
        assert answer.usage == Usage(1, 1)
        assert posted(server) == [{"messages": [{"role": "user", "content": TEXT}], "config": {"max_tokens": 9}}]
        assert [request.path for request in server.requests] == ["/gradio_api/call/generate/e1"]


def test_the_second_call_costs_one_post_and_one_stream(tmp_path: Path) -> None:
    with misbehaving(GOOD) as server:
        for _ in range(2):  # two programs, one after the other
            asking(server, cache=str(tmp_path / "cache")).generate("é")
        asked = [f"{request.method} {request.path}" for request in server.others]
        assert asked == ["GET /config", "GET /gradio_api/info", *["POST /gradio_api/call/v2/generate"] * 2]
    (kept,) = (tmp_path / "cache").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"url": 7}'])
def test_a_damaged_memory_is_asked_anew(tmp_path: Path, damage: bytes) -> None:
    with misbehaving(GOOD) as server:
        asking(server, cache=str(tmp_path)).generate("é")
        (kept,) = tmp_path.iterdir()
        kept.write_bytes(damage)
        assert asking(server, cache=str(tmp_path)).generate("é").text == TEXT
        assert [request.path for request in server.others].count("/config") == 2


@pytest.mark.parametrize("status", [404, 405, 500])
def test_a_memory_that_is_out_of_date_mends_itself(tmp_path: Path, status: int) -> None:
    with misbehaving(GOOD, call=_fails_once(status)) as server:
        answer = asking(server, cache=_remembering(server, tmp_path)).generate("é")
        assert answer.text == TEXT
        paths = [request.path.rpartition("/")[2] for request in server.others]
        assert paths == ["generate", "config", "info", "generate"]


def _remembering(server: FaultServer, folder: Path) -> str:
    """A folder in which a former program has kept what this address offers."""
    parameters = (Parameter("messages"), Parameter("config"))
    OfferCache(folder).put(server.origin, Offer("6.31.0", "/gradio_api", {"generate": parameters}, "parts"))
    return str(folder)


def _fails_once(status: int) -> Page:
    def call(server: FaultServer, exchange: Exchange) -> None:
        first = not any(request.path == "/config" for request in server.others)
        exchange.whole(status, "Internal Server Error", "text/plain") if first else exchange.whole(
            200, '{"event_id": "e1"}', "application/json"
        )

    return call


BROKEN: dict[str, tuple[list[Act], dict[str, Page], type[UnifiedIntelligenceError], str]] = {
    "cut after a piece": ([streams(PART, None)], {}, StreamInterruptedError, "partie é"),
    "ended after a piece": ([streams(PART)], {}, StreamInterruptedError, "partie é"),
    "half an event": ([streams(PART, "event: generating\ndata: [{\"type")], {}, StreamInterruptedError, "partie é"),
    "no JSON in the midst": ([streams(PART, "event: generating\ndata: {\n\n")], {}, StreamInterruptedError, "partie é"),
    "a heartbeat and the end": ([streams("event: heartbeat\ndata: null\n\n")], {}, ProtocolError, ""),
    "cut before a piece": ([streams(None)], {}, ConnectionFailedError, ""),
    "an error": ([streams(f"event: error\ndata: {json.dumps(QUOTA)}\n\n")], {}, QuotaExceededError, ""),
    "an error after a piece": ([streams(PART, "event: error\ndata: null\n\n")], {}, ModelError, "partie é"),
    "a typed error": ([streams(typed(BUSY))], {}, ServerBusyError, ""),
    "silence": ([streams(5.0)], {}, TimedOutError, ""),
    "silence after a piece": ([streams(PART, 5.0)], {}, TimedOutError, "partie é"),
    "only heartbeats": ([streams(*["event: heartbeat\ndata: null\n\n", 0.2] * 20)], {}, TimedOutError, ""),
    "a page in place of a stream": ([lambda e: e.whole(200, "<html>Hello</html>", "text/html")], {}, ProtocolError, ""),
    "queue full": ([GOOD], {"call": page({"detail": "Queue is full."}, 503)}, ServerBusyError, ""),
    "no event": ([GOOD], {"call": page({"event_id": "../../x"})}, ProtocolError, ""),
    "a proxy's page": ([GOOD], {"config": page("<html>Welcome</html>", kind="text/html")}, ProtocolError, ""),
    "a starting Space's page": (
        [GOOD], {"config": page("<html>Your Space is building</html>", 503, "text/html")}, SpaceStartingError, ""),
    "not there": ([GOOD], {"config": page({"detail": "Not Found"}, 404)}, NotFoundOrPrivateError, ""),
    "not allowed": ([GOOD], {"config": page({"detail": "Not authenticated"}, 401)}, AuthenticationError, ""),
    "no such endpoint": ([GOOD], {"info": page({"named_endpoints": {"/predict": {}}})}, ProtocolError, ""),
    "no Gradio": ([GOOD], {"config": page({"openapi": "3.1"})}, ProtocolError, ""),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_is_raised_with_what_came_and_what_to_do(fault: str) -> None:
    acts, pages, kind, partial = BROKEN[fault]
    with misbehaving(*acts, **pages) as server:
        generator = asking(server, first_token_timeout=1.0, idle_timeout=0.6)
        started = time.monotonic()
        with pytest.raises(kind) as raised:
            generator.generate("é")
        assert type(raised.value) is kind
        assert raised.value.partial == partial
        assert raised.value.hint
        assert time.monotonic() - started < 10
        assert not server.broken


def test_a_missing_endpoint_tells_which_there_are() -> None:
    with misbehaving(GOOD, info=page({"named_endpoints": {"/predict": {}}})) as server:
        with pytest.raises(ProtocolError, match="/predict") as raised:
            asking(server, retries=3).generate("é")
        assert "uic providers check" in raised.value.hint
        assert [request.path for request in server.others] == ["/config", "/gradio_api/info"]
    with misbehaving(GOOD, info=page({"named_endpoints": {"/eval_chunk": {}}})) as server:
        with pytest.raises(ProtocolError, match="/eval_chunk") as raised:
            asking(server).generate("é")
        assert "--provider qwen3_zerogpu_eval" in raised.value.hint


def test_what_fails_before_the_first_word_is_tried_again_and_after_it_never() -> None:
    with misbehaving(streams(None), GOOD) as server:
        events = list(asking(server, retries=1).stream("é"))
        assert TextDelta(TEXT) in events
        assert any(isinstance(event, Notice) and "next try" in event.text for event in events)
        assert len(posted(server)) == 2
    with misbehaving(streams(PART, None), GOOD) as server:
        with pytest.raises(StreamInterruptedError):
            asking(server, retries=3).generate("é")
        assert len(posted(server)) == 1


def test_a_quota_is_not_tried_again_and_says_when() -> None:
    with misbehaving(streams(f"event: error\ndata: {json.dumps(QUOTA)}\n\n")) as server:
        with pytest.raises(QuotaExceededError, match="UTC") as raised:
            asking(server, retries=3).generate("é")
        assert raised.value.retry_after == 3723.0
        assert len(posted(server)) == 1


def test_a_word_that_comes_twice_is_said_twice_and_an_end_once() -> None:
    ha = {"type": "delta", "text": "ha"}
    with misbehaving(streams(typed(ha, ha, END, END), typed(END))) as server:
        assert asking(server).generate("é").text == "haha"


def test_gradio_may_leave_the_connection_open_after_the_end() -> None:
    with misbehaving(streams(typed({"type": "delta", "text": TEXT}, END, last=False), 30.0)) as server:
        started = time.monotonic()
        assert asking(server).generate("é").text == TEXT
        assert time.monotonic() - started < 15


def test_events_may_be_cut_anywhere() -> None:
    sent = typed({"type": "delta", "text": TEXT}, END).encode()
    with misbehaving(streams(*(sent[i : i + 1] for i in range(len(sent))))) as server:
        assert asking(server).generate("é").text == TEXT


def test_a_token_goes_in_the_header_that_the_proxy_takes_out_and_is_never_shown() -> None:
    secret = "hf_secret"
    refused = page({"error": f"Token {secret} may not do this"}, 401)
    with misbehaving(GOOD, call=refused) as server:
        with pytest.raises(AuthenticationError) as raised:
            asking(server, token=secret).generate("é")
        assert secret not in f"{raised.value.message}{raised.value.hint}"
        assert "option token" in raised.value.hint
        sent = [request.headers for request in server.others]
    assert {headers.get("x-hf-authorization") for headers in sent} == {f"Bearer {secret}"}
    assert {headers.get("authorization") for headers in sent} == {None}


def test_without_a_token_a_private_space_says_so() -> None:
    with misbehaving(GOOD, config=page("Not Found", 404)) as server:
        with pytest.raises(NotFoundOrPrivateError) as raised:
            asking(server).generate("é")
        assert "No token was sent" in raised.value.hint
        assert "HF_TOKEN" in raised.value.hint


def hub(*stages: str) -> Page:
    """What the Hub says of the Space, one stage after the other."""
    left = list(stages)
    return lambda _, exchange: exchange.whole(
        200, json.dumps({"stage": left.pop(0) if len(left) > 1 else left[0]}), "application/json"
    )


def awake_after(refusals: int) -> Page:
    """The app's configuration, after that many refusals of a proxy."""
    left = [refusals]

    def config(_: FaultServer, exchange: Exchange) -> None:
        left[0] -= 1
        if left[0] >= 0:
            exchange.whole(503, "<html>Your Space is sleeping</html>", "text/html")
        else:
            exchange.whole(200, json.dumps(CONFIG), "application/json")

    return config


def named(server: FaultServer, **options: Any) -> Qwen3InferenceAdapter:
    return asking(server, space="acme/qwen3", base_url=server.origin, hub=server.origin, **options)


def test_a_sleeping_space_is_followed_until_it_runs() -> None:
    with misbehaving(GOOD, config=awake_after(1), api=hub("SLEEPING", "RUNNING")) as server:
        events = list(named(server).stream("é"))
        assert TextDelta(TEXT) in events
        assert any(isinstance(event, Notice) and "SLEEPING" in event.text for event in events)


def test_a_space_may_be_given_as_its_page_on_the_hub() -> None:
    with misbehaving(GOOD, config=awake_after(1), api=hub("SLEEPING", "RUNNING")) as server:
        page_there = f"{server.origin}/spaces/acme/qwen3/"
        own = asking(server, space=page_there, base_url=server.origin, hub=f"{server.origin}/")
        assert own.generate("é").text == TEXT
        assert "/api/spaces/acme/qwen3/runtime" in {request.path for request in server.others}


@pytest.mark.parametrize(
    ("stage", "kind"),
    [("PAUSED", SpacePausedError), ("BUILD_ERROR", SpaceBrokenError), ("BUILDING", SpaceStartingError)],
)
def test_a_space_that_will_not_run_in_time_is_said_to_be_so(stage: str, kind: type[Exception]) -> None:
    with misbehaving(GOOD, config=awake_after(9), api=hub(stage)) as server, pytest.raises(kind, match=stage):
        named(server, wait=0.0).generate("é")


def test_closing_the_stream_closes_the_connection() -> None:
    gone: list[float] = []

    def talks_on(exchange: Exchange) -> None:
        exchange.begin_stream()
        try:
            for _ in range(200):
                exchange.piece(PART)
                exchange.wait(0.05)
        except OSError:
            gone.append(time.monotonic())
            raise

    async def leave(generator: Qwen3InferenceAdapter) -> float:
        async with aclosing(generator.astream("é")) as events:  # pyright: ignore[reportArgumentType, reportUnknownVariableType]
            async for event in events:  # pyright: ignore[reportUnknownVariableType]
                if isinstance(event, TextDelta):
                    break
        left = time.monotonic()
        await asyncio.sleep(1.0)
        return left

    with misbehaving(talks_on) as server:
        left = asyncio.run(leave(asking(server)))
    assert gone
    assert gone[0] - left < 2


def test_nobody_there() -> None:
    with pytest.raises(ConnectionFailedError):
        Qwen3InferenceAdapter(space=f"http://127.0.0.1:{closed_port()}", cache="", retries=0).generate("é")


@pytest.mark.parametrize("kind", [Qwen3InferenceAdapter, Qwen3ZeroGPUAdapter])
def test_without_a_space_it_says_what_to_give(kind: type[Qwen3InferenceAdapter]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        kind()
    assert "-o space" in raised.value.hint


@pytest.mark.parametrize(
    "options",
    [{"space": "no name"}, {"space": "http://"}, {"space": "http://me:pw@host"}, {"space": "a/b", "retries": -1},
     {"space": "a/b", "token": "two words"}, {"space": "a/b", "timeout": 0.0}, {"space": "a/b", "hub": "x"}],
)  # fmt: skip
def test_an_option_that_cannot_be_right_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Qwen3InferenceAdapter(**options)
    assert "pw" not in str(raised.value)


RESPOND = {"named_endpoints": {"/respond": {"parameters": [{"parameter_name": n} for n in ("message", "history")]}}}


def test_a_space_with_respond_alone_honours_less_and_refuses_the_rest() -> None:
    with misbehaving(GOOD, info=page(RESPOND)) as server:
        generator = asking(server)
        asyncio.run(generator.aload())
        assert "tools" not in generator.honoured
        assert "max_tokens" in generator.honoured
        with pytest.raises(InvalidRequestError, match="seed"):
            generator.generate("é", GenerationConfig(seed=1))
        assert not posted(server)


def test_a_check_asks_no_question_and_tells_what_is_known() -> None:
    told = {"data": [{"version": "1.2", "model": "Qwen/Qwen3-8B", "revision": None}]}
    offer: dict[str, dict[str, object]] = {"/generate": {}, "/version": {}}
    runtime = {"stage": "RUNNING", "hardware": {"current": "zero-a10g"}}
    with misbehaving(info=page({"named_endpoints": offer}), api=page(runtime)) as server:
        server.pages = {
            "/api/spaces/zero-gpu/quota": page({"current": 12, "base": 300}),
            "/gradio_api/run/version": page(told),
            **server.pages,
        }
        found = dict(asyncio.run(named(server, token="hf_secret").acheck()))
        assert found.pop("round trip").endswith(" ms")
        assert found == {
            "address": server.origin, "stage": "RUNNING", "hardware": "zero-a10g", "quota": "current 12, base 300",
            "gradio": "6.31.0", "endpoints": "/generate, /version", "version": "1.2", "model": "Qwen/Qwen3-8B",
        }  # fmt: skip
        assert not server.requests


def test_a_check_finds_that_nobody_is_there() -> None:
    with misbehaving(config=page("Not Found", 404)) as server, pytest.raises(NotFoundOrPrivateError):
        asyncio.run(asking(server).acheck())
