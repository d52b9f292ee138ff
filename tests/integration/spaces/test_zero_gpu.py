"""The Gradio Space in the hands of the real `spaces` package: a GPU asked for, lent, given back, refused."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from tests.integration.spaces.device_api import Ledger, device_api
from tests.integration.spaces.space_process import NEEDS_GRADIO, PROJECT, running

pytestmark = [
    NEEDS_GRADIO,
    pytest.mark.skipif(find_spec("spaces") is None, reason="ZeroGPU's package is not here: pip install spaces"),
]

HERE = Path(__file__).parent
QUESTION = "Quelle est la mensualité de 200 000 € sur 20 ans à 3,5 % ?"
TOKEN = ".".join(("e30", urlsafe_b64encode(b'{"user": "me"}').decode().rstrip("="), "x"))


class Space(NamedTuple):
    url: str
    ledger: Ledger


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Generator[Space]:
    folder = tmp_path_factory.mktemp("zero")
    path = f"{PROJECT / 'src'}:{PROJECT}"
    with device_api() as ledger:
        zero = {"SPACES_ZERO_GPU": "true", "SPACES_ZERO_DEVICE_API_URL": ledger.url, "MODEL_ID": "embedded"}
        with running(HERE / "zero_space.py", cwd=folder, PYTHONPATH=path, HOME=str(folder), **zero) as own:
            yield Space(own.url, ledger)


def generate(space: Space, **config: Any) -> list[tuple[str, Any]]:
    """The names and the data of the stream's events; Gradio's heartbeats are left out."""
    with httpx2.Client(base_url=f"{space.url}/gradio_api/", timeout=30, headers={"x-ip-token": TOKEN}) as client:
        asked = {"messages": [{"role": "user", "content": QUESTION}], "config": config}
        made = client.post("call/v2/generate", json=asked).raise_for_status().json()
        lines = client.get(f"call/generate/{made['event_id']}").text.splitlines()
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    return [pair for pair in zip(names, data, strict=True) if pair[0] != "heartbeat"]


def given_back(ledger: Ledger, times: int) -> bool:
    until = time.monotonic() + 10
    while len(ledger.failed) < times and time.monotonic() < until:
        time.sleep(0.02)
    return ledger.failed == [False] * times


def test_a_gpu_is_lent_for_as_long_as_the_answer_may_be(space: Space) -> None:
    ledger = space.ledger
    assert ledger.calls == ["/startup-report"]
    *_, (last, (end,)) = generate(space, max_tokens=40)
    assert last == "complete" and end["type"] == "end" and end["usage"]["completion_tokens"] > 20
    assert given_back(ledger, 1)
    generate(space, max_tokens=2000)
    assert given_back(ledger, 2)
    short, long = ledger.asked
    assert 11 <= short < 30 and 60 <= long <= 120 and long - short >= 49
    assert ledger.calls.count("/allow") == 1  # the worker was kept


def test_a_mistake_takes_no_gpu(space: Space) -> None:
    before = len(space.ledger.calls)
    *_, (_, (error,)) = generate(space, temprature=1)
    assert error["kind"] == "invalid_request" and len(space.ledger.calls) == before


def test_a_quota_that_is_used_up_is_told_in_zero_gpus_own_words(space: Space) -> None:
    space.ledger.left = 5
    try:
        ((name, told),) = generate(space)
    finally:
        space.ledger.left = 1000
    assert name == "error" and told["title"] == "ZeroGPU quota exceeded"
    assert "5s left" in told["error"] and "Try again in 1:02:03" in told["error"]
