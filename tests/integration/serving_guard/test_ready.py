"""What a server says of itself while its model is loaded, and when it cannot be."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import pytest

from tests.integration.serving_guard.guarded_server import ANSWER, ask, guarded_server, until
from tests.integration.serving_guard.test_bodies import environment
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities.errors import DeviceLostError, ModelNotFoundError
from unified_intelligence.entities.generation import Event, GenerationConfig
from unified_intelligence.entities.message import MessageLike, read_messages


class _Loads(EchoAdapter):
    """An echo with something to load; what goes wrong with it is raised."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.may, self.loads, self.error = threading.Event(), 0, error

    async def aload(self) -> None:
        self.loads += 1
        await asyncio.to_thread(self.may.wait, 20)
        if self.error is not None:
            raise self.error


def ready(url: str) -> tuple[int, dict[str, Any]]:
    response = httpx2.get(url + "/ready")
    return response.status_code, response.json().get("error", {})


def test_a_server_lives_at_once_and_is_ready_when_its_model_is(caplog: pytest.LogCaptureFixture) -> None:
    generator = _Loads()
    with guarded_server(generator) as served:
        assert httpx2.get(served.url + "/health").status_code == 200
        status, error = ready(served.url)
        assert (status, error["code"], error["message"]) == (503, "loading", "The server is loading its model.")
        assert not caplog.records, "a probe that comes early is no error to be looked into"
        generator.may.set()
        assert until(lambda: ready(served.url)[0] == 200)
        assert ask(served.url).json()["choices"][0]["message"]["content"] == ANSWER
        assert generator.loads == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelNotFoundError("Nothing in /srv/secret-model."), "model_not_found"),
        (ValueError("secret"), "internal_error"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_told(error: Exception, code: str) -> None:
    generator = _Loads(error)
    with guarded_server(generator) as served:
        generator.may.set()
        assert until(lambda: served.service.failure is not None)
        status, told = ready(served.url)
        assert (status, told["code"]) == (503, "failed")
        assert f"could not be loaded: {code}." in told["message"]
        assert "secret" not in told["message"]
        assert httpx2.get(served.url + "/health").status_code == 200
        assert served.service.failure is error


class _Loses(EchoAdapter):
    """An echo whose device is lost by one question."""

    async def astream(
        self, messages: str | Sequence[MessageLike], config: GenerationConfig | None = None
    ) -> AsyncIterator[Event]:
        if "perdu" in read_messages(messages)[-1].content:
            raise DeviceLostError("CUDA error: device-side assert triggered")
        async for event in super().astream(messages, config):
            yield event


def test_a_server_whose_device_is_lost_is_not_ready_any_more() -> None:
    with guarded_server(_Loses()) as served:
        assert until(lambda: ready(served.url)[0] == 200)
        assert ask(served.url).status_code == 200
        assert ready(served.url)[0] == 200
        asked = {"model": served.service.model, "messages": [{"role": "user", "content": "Tout est  perdu 🙂"}]}
        failed = httpx2.post(f"{served.url}/v1/chat/completions", json=asked)
        assert (failed.status_code, failed.json()["error"]["code"]) == (500, "device_lost")
        status, told = ready(served.url)
        assert (status, told["code"]) == (503, "failed")
        assert "until it is started again" in told["message"]
        assert httpx2.get(served.url + "/health").status_code == 200


LOADS_LONG = """
import asyncio, sys, time
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.serving.admission import Admission, Limits
from unified_intelligence.serving.app import identified, new_app
from unified_intelligence.serving.run import Serving, run
from unified_intelligence.serving.service import Service

class Loads(EchoAdapter):
    async def aload(self):
        await asyncio.to_thread(time.sleep, 120)

service = Service(Loads(), "m", Admission(Limits()), {"version": "1"})
sys.exit(run(identified(new_app(service)), service, Serving(port=0), lambda url: print(url, flush=True)))
"""


def test_a_server_told_to_end_while_it_loads_does_not_wait_for_that() -> None:
    command = [sys.executable, "-c", LOADS_LONG]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()) as own:
        try:
            assert own.stdout is not None
            url = own.stdout.readline().strip()
            assert ready(url)[1]["code"] == "loading"
            own.send_signal(signal.SIGTERM)
            assert own.wait(40) == 0
        finally:
            own.kill()


def test_what_has_nothing_to_load_is_ready_at_once() -> None:
    with guarded_server() as served:
        assert ready(served.url)[0] == 200
