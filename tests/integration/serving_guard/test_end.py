"""How a server ends: real processes, real signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest

from tests.integration.serving_guard.guarded_server import CHAT, ask, question, told, until
from tests.integration.serving_guard.test_bodies import PROGRAM, environment

WORDS = " ".join(f"wört{number} 🎉" for number in range(15))  # 30 words


@contextmanager
def process(*arguments: str) -> Generator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, str(PROGRAM), *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as server:
        try:
            assert server.stdout is not None
            yield server, server.stdout.readline().strip()
        finally:
            server.kill()


def _streamed(url: str) -> str:
    return ask(url, WORDS, stream=True).text


def _running(url: str) -> int:
    return int(httpx2.get(url + "/status.json").json()["running"])


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_running_answer_is_finished_and_new_ones_are_sent_elsewhere(sent: int, code: int) -> None:
    with process("0.1") as (server, url), ThreadPoolExecutor() as pool:
        streaming = pool.submit(_streamed, url)
        assert until(lambda: _running(url) == 1)
        server.send_signal(sent)
        assert until(lambda: httpx2.get(url + "/ready").status_code == 503, 1)
        assert httpx2.get(url + "/health").status_code == 200
        refused = ask(url)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        text = streaming.result()
        assert told(text) == WORDS
        assert text.endswith("data: [DONE]\n\n")
        assert server.wait(10) == code


def test_an_idle_server_ends_at_once() -> None:
    with process() as (server, url):
        with httpx2.Client() as client:
            assert client.get(url + "/ready").status_code == 200
            begun = time.monotonic()
            server.send_signal(signal.SIGTERM)
            assert server.wait(10) == 0
        assert time.monotonic() - begun < 5


def test_an_answer_that_takes_longer_than_the_grace_is_cut() -> None:
    with process("0.3", "0.5") as (server, url), ThreadPoolExecutor() as pool:
        streaming = pool.submit(_cut, url)
        assert until(lambda: _running(url) == 1)
        begun = time.monotonic()
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 143
        assert time.monotonic() - begun < 8
        assert "[DONE]" not in streaming.result()


def test_a_second_signal_ends_at_once() -> None:
    with process("0.5", "60") as (server, url), ThreadPoolExecutor() as pool:
        streaming = pool.submit(_cut, url)
        assert until(lambda: _running(url) == 1)
        server.send_signal(signal.SIGINT)
        assert until(lambda: httpx2.get(url + "/ready").status_code == 503)
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 130
        assert "[DONE]" not in streaming.result()


def _cut(url: str) -> str:
    """What came before the connection broke."""
    came: list[str] = []
    try:
        with httpx2.stream("POST", url + CHAT, json=question(WORDS, stream=True), timeout=30) as answer:
            came.extend(answer.iter_text())
    except httpx2.TransportError:
        pass
    return "".join(came)


def test_the_end_leaves_no_traceback() -> None:
    with process("0.3", "0.5") as (server, url), ThreadPoolExecutor() as pool:
        streaming = pool.submit(_cut, url)
        assert until(lambda: _running(url) == 1)
        server.send_signal(signal.SIGTERM)
        server.wait(20)
        streaming.result()
        assert server.stderr is not None
        said = server.stderr.read()
        assert "Traceback" not in said and "wört" not in said
        assert '"finish_reason": "abort"' in said
