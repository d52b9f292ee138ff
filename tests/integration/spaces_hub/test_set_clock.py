"""The life of a Space by a clock that stands still until it is moved: hours go by in no time."""

from __future__ import annotations

import json
import os
import urllib.request
from collections.abc import Generator
from typing import Any, cast

import pytest
from huggingface_hub import HfApi

from tests.integration.spaces_hub.small_app import ask, files_of, until
from unified_intelligence.spaces.simulator.clock import SetClock
from unified_intelligence.spaces.simulator.faults import Fault
from unified_intelligence.spaces.simulator.hub import Hub
from unified_intelligence.spaces.simulator.keeper import Timings
from unified_intelligence.spaces.simulator.server import running

NAME = "local/slow"
HOUR = 3600.0


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    return Hub(tmp_path_factory.mktemp("hub"), clock=SetClock())


@pytest.fixture(scope="module")
def url(hub: Hub) -> Generator[str]:
    with running(hub.folder, hub=hub, base=os.environ, timings=Timings(notice=10, build=600)) as url:
        yield url


def advance(url: str, seconds: float) -> dict[str, Any]:
    body = json.dumps({"seconds": seconds}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/simulator/clock", body), timeout=20) as answer:
        return json.load(answer)


def test_nothing_happens_before_its_time(api: HfApi, url: str, hub: Hub) -> None:
    api.create_repo(NAME, repo_type="space", space_sdk="gradio", space_hardware="l4x1", space_sleep_time=int(HOUR))  # type: ignore[arg-type]
    first = api.create_commit(NAME, files_of("premier"), commit_message="x", repo_type="space").oid

    def state() -> tuple[str, object]:
        told = api.get_space_runtime(NAME)
        return str(told.stage), cast("dict[str, object]", cast("Any", told).raw).get("sha")

    advance(url, 9)
    assert state() == ("NO_APP_FILE", None)
    advance(url, 2)
    assert state() == ("BUILDING", None)
    advance(url, 598)
    assert state() == ("BUILDING", None)
    advance(url, 2)
    until(state, lambda now: now == ("RUNNING", first))
    advance(url, HOUR - 1)
    assert state() == ("RUNNING", first)
    assert ask(str(api.space_info(NAME).host))[0] == 200
    advance(url, HOUR - 1)
    assert state() == ("RUNNING", first)
    advance(url, 2)
    until(state, lambda now: now == ("SLEEPING", first))
    hub.faults.waiting.append(Fault("lagging_sha", NAME, seconds=HOUR / 2))
    second = api.create_commit(NAME, files_of("deuxième"), commit_message="x", repo_type="space").oid
    told = advance(url, 700)
    until(state, lambda now: now == ("RUNNING", first))
    assert "deuxième" in json.loads(ask(str(api.space_info(NAME).host))[1])["text"]
    advance(url, HOUR / 2 + 1)
    until(state, lambda now: now == ("RUNNING", second))
    assert told["date"].startswith("2030-01-01T02:")
