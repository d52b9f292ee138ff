"""A Space is followed on a Hub of our own, without waiting for real."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from tests.openai_server import Asked, Reply, Server, serving
from unified_intelligence.adapters.http import Http
from unified_intelligence.adapters.space_stage import SpaceStage, check_space, space_headers, space_url
from unified_intelligence.entities.errors import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    NotFoundOrPrivateError,
    ProtocolError,
    SpaceBrokenError,
    SpacePausedError,
    SpaceStartingError,
)

SPACE = "acme/my-llm"
RUNTIME = f"/api/spaces/{SPACE}/runtime"


def hub(stages: Sequence[str | int | bytes]) -> object:
    """Answers with a stage, a status or a body after the other; the last of them over and over."""
    left = list(stages)

    def answer(asked: Asked) -> Reply:
        if asked.path != RUNTIME:
            return Reply(503, chunks=[b"<html>This Space is sleeping</html>"], content_type="text/html")
        stage = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(stage, int):
            return Reply(stage, chunks=[b'{"error": "non"}'])
        body = stage if isinstance(stage, bytes) else json.dumps({"stage": stage, "errorMessage": "Killé 🙁"}).encode()
        return Reply(chunks=[body], content_type="application/json")

    return answer


class Followed:
    """What came of following a Space whose Hub says these things. Time goes by in waits only."""

    def __init__(
        self, *stages: str | int | bytes, wait: float = 300.0, waited: float = 0.0, asked: bool = True
    ) -> None:
        self.now, self.waits, self.notices = 0.0, list[float](), list[str]()
        self.error: Exception | None = None
        with serving(hub(stages)) as server:  # pyright: ignore[reportArgumentType]
            asyncio.run(self._follow(server, wait, waited, asked))
            self.asked = list(server.asked)

    async def _follow(self, server: Server, wait: float, waited: float, asked: bool) -> None:
        http = Http()
        stage = SpaceStage(
            http, SPACE, url=f"{server.origin}/", hub=server.origin, token="hf_canary",
            sleep=self._sleep, clock=lambda: self.now,
        )  # fmt: skip
        try:
            async for notice in stage.until_running(wait, waited, asked=asked):
                self.notices.append(notice.text)
        except Exception as error:  # noqa: BLE001 - the test judges it
            self.error = error
        finally:
            http.close()

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


@pytest.mark.parametrize("stage", ["RUNNING", "RUNNING_BUILDING", "RUNNING_APP_STARTING"])
def test_a_space_that_runs_is_not_waited_for(stage: str) -> None:
    followed = Followed(stage)
    assert (followed.error, followed.notices, followed.waits) == (None, [], [])
    assert followed.asked[0].headers["authorization"] == "Bearer hf_canary"


def test_a_space_that_builds_is_waited_for_with_longer_and_longer_pauses() -> None:
    followed = Followed(*["BUILDING"] * 6, "APP_STARTING", "RUNNING")
    assert followed.error is None
    assert followed.notices[0] == f"The Space {SPACE} is BUILDING; waited 0 s of 300 s"
    assert followed.notices[-1] == f"The Space {SPACE} is APP_STARTING; waited 41 s of 300 s"
    assert followed.waits == [2.0, 3.0, 4.5, 6.75, 10.125, 15.0, 15.0]


def test_a_space_that_sleeps_is_woken_once_unless_it_was_just_asked() -> None:
    woken = Followed("SLEEPING", "SLEEPING", "RUNNING", asked=False)
    assert [asked.path for asked in woken.asked].count("/") == 1
    assert next(a for a in woken.asked if a.path == "/").headers["x-hf-authorization"] == "Bearer hf_canary"
    assert [asked.path for asked in Followed("SLEEPING", "RUNNING").asked].count("/") == 0
    assert woken.error is None


def test_the_wait_has_an_end() -> None:
    followed = Followed("BUILDING", wait=10.0)
    assert isinstance(followed.error, SpaceStartingError)
    assert followed.error.waited == 10
    assert "BUILDING after 10 s" in str(followed.error)
    assert "-o wait" in followed.error.hint
    assert sum(followed.waits) == 10


def test_what_was_waited_already_counts() -> None:
    followed = Followed("BUILDING", wait=10.0, waited=10.0)
    assert isinstance(followed.error, SpaceStartingError)
    assert followed.notices == []


@pytest.mark.parametrize("stage", ["PAUSED", "STOPPED"])
def test_a_space_somebody_stopped(stage: str) -> None:
    followed = Followed(stage)
    assert isinstance(followed.error, SpacePausedError)
    assert "/settings" in followed.error.hint
    assert followed.waits == []


@pytest.mark.parametrize("stage", ["BUILD_ERROR", "RUNTIME_ERROR", "CONFIG_ERROR", "NO_APP_FILE"])
def test_a_space_that_is_broken(stage: str) -> None:
    followed = Followed("BUILDING", stage)
    assert isinstance(followed.error, SpaceBrokenError)
    assert followed.error.stage == stage
    assert "Killé 🙁" in str(followed.error)
    assert f"/spaces/{SPACE}" in followed.error.hint


def test_a_space_that_is_not_there_or_not_for_us() -> None:
    for status, kind in ((404, NotFoundOrPrivateError), (401, AuthenticationError)):
        error = Followed(status).error
        assert isinstance(error, kind)
        assert "HF_TOKEN" in error.hint


def test_a_hub_that_stumbles_is_asked_again_and_nonsense_is_told() -> None:
    followed = Followed(503, 429, "RUNNING")
    assert followed.error is None
    assert followed.notices[0].startswith(f"The Hub does not say what the Space {SPACE} does: ")
    assert followed.notices[0].endswith("; waited 0 s of 300 s")
    assert len(followed.notices) == 2
    assert isinstance(Followed(b"<html>").error, ProtocolError)


def test_a_hub_that_cannot_be_reached_is_not_waited_for_to_the_end() -> None:
    """Without a network the wait was five minutes, and a Space was said to be "not known"."""
    waits, notices = list[float](), list[str]()

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def follow() -> None:
        stage = SpaceStage(http, SPACE, url="http://127.0.0.1:9/", hub="http://127.0.0.1:9", sleep=sleep)
        notices.extend([notice.text async for notice in stage.until_running(300.0)])

    http = Http()
    with pytest.raises(ConnectionFailedError, match=r"No connection to 127\.0\.0\.1:9: Connection refused") as raised:
        asyncio.run(follow())
    http.close()
    assert "network" in raised.value.hint and "http://127.0.0.1:9/" in raised.value.hint
    assert waits == [2.0, 3.0, 4.5]


def test_names_and_addresses() -> None:
    assert space_url("Acme/My_LLM.v2") == "https://acme-my-llm-v2.hf.space"
    for name in ("acme", "a/b/c", "../x", "a/..", "a b/c", "https://a/b", "", "é/x"):
        with pytest.raises(ConfigurationError, match="OWNER/NAME"):
            check_space(name)


@pytest.mark.parametrize(
    ("url", "sent"),
    [("https://a-b.hf.space/v1", True), ("http://127.0.0.1:1/v1", True), ("http://localhost/v1", True),
     ("http://a-b.hf.space/v1", False), ("https://hf.space.evil.example/v1", False), ("https://api.example/v1", False)],
)  # fmt: skip
def test_a_hubs_token_goes_to_spaces_only(url: str, sent: bool) -> None:
    assert space_headers(url, "hf_x") == ({"X-HF-Authorization": "Bearer hf_x"} if sent else {})
    assert space_headers(url, None) == {}
