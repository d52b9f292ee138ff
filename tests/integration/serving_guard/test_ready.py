"""What a server says of itself while its model is loaded, and when it cannot be."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx2
import pytest

from tests.integration.serving_guard.guarded_server import ANSWER, ask, guarded_server, until
from unified_intelligence.adapters.llm.echo_adapter import EchoAdapter
from unified_intelligence.entities.errors import ModelNotFoundError


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


def test_a_server_lives_at_once_and_is_ready_when_its_model_is() -> None:
    generator = _Loads()
    with guarded_server(generator) as served:
        assert httpx2.get(served.url + "/health").status_code == 200
        status, error = ready(served.url)
        assert (status, error["code"], error["message"]) == (503, "loading", "The server is loading its model.")
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


def test_what_has_nothing_to_load_is_ready_at_once() -> None:
    with guarded_server() as served:
        assert ready(served.url)[0] == 200
