"""Two servers are restarted in turn while questions keep coming: no call fails, and no answer is cut."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.cli.uic_program import command
from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.entities.generation import Notice, collect
from unified_intelligence.factories.provider_factory import Configured, ProviderFactory
from unified_intelligence.interfaces.text_generator import ITextGenerator

WORDS = " ".join(f"wört{number}\u2028 🎉" for number in range(12))  # half a second
THREADS = 4


class Restarted:
    """`uic serve` on a port that stays the same."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.codes = folder, list[int]()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._process = self._started()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def restart(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self.codes.append(self._process.wait(60))
        self._close()
        self._process = self._started()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._close()

    def _started(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command("serve", "--provider", "echo", "-o", "delay=0.02", "--port", str(self.port), "--log", "off"),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=self._folder,
            env={**os.environ, "HOME": str(self._folder)}, encoding="utf-8",
        )  # fmt: skip
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "answers as echo" in line, line
        return process

    def _close(self) -> None:
        if self._process.stderr is not None:
            self._process.stderr.close()


class Callers:
    """Threads that ask without a pause until they are told to stop; what became of each call."""

    def __init__(self) -> None:
        self.whole, self.moved = 0, 0
        self.failed: list[str] = []
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads: list[threading.Thread] = []

    def ask(self, generator: ITextGenerator) -> None:
        self._threads.append(threading.Thread(target=self._ask, args=(generator,)))
        self._threads[-1].start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self, generator: ITextGenerator) -> None:
        while not self._stop.is_set():
            try:
                events = list(generator.stream(WORDS))
                text = collect(events).text
            except UnifiedIntelligenceError as error:
                with self._lock:
                    self.failed.append(repr(error))
                continue
            with self._lock:
                self.whole += text == WORDS
                self.moved += any(isinstance(event, Notice) for event in events)
                if text != WORDS:
                    self.failed.append(text)


@contextmanager
def calling() -> Generator[Callers]:
    callers = Callers()
    try:
        yield callers
    finally:
        callers.stop()


def test_servers_restarted_in_turn_lose_no_call(tmp_path: Path) -> None:
    with ExitStack() as open_until_end:
        servers = {name: Restarted(tmp_path) for name in ("one", "two")}
        for server in servers.values():
            open_until_end.callback(server.kill)

        def of_row(name: str) -> Configured:
            return Configured({"base_url": servers[name].url})

        factory = ProviderFactory(dict.fromkeys(servers, "openai_compatible"), of_row)
        both = factory.create("fallback", routes=list(servers), timeout=60.0)
        open_until_end.callback(both.close)
        with calling() as callers:
            for _ in range(THREADS):
                callers.ask(both)
            for _ in range(2):
                for server in servers.values():
                    before = callers.whole
                    server.restart()
                    while callers.whole < before + THREADS and not callers.failed:
                        threading.Event().wait(0.05)
        assert callers.failed == []
        assert callers.whole >= 4 * THREADS
        assert callers.moved
        assert [server.codes for server in servers.values()] == [[0, 0], [0, 0]]


def test_one_server_that_restarts_loses_no_call_of_who_tries_again(tmp_path: Path) -> None:
    with ExitStack() as open_until_end:
        server = Restarted(tmp_path)
        open_until_end.callback(server.kill)
        alone = ProviderFactory().create("openai_compatible", base_url=server.url, retries=12, timeout=120.0)
        open_until_end.callback(alone.close)
        with calling() as callers:
            for _ in range(2):
                callers.ask(alone)
            while callers.whole < 2:
                threading.Event().wait(0.05)
            server.restart()
            before = callers.whole
            while callers.whole < before + 2 and not callers.failed:
                threading.Event().wait(0.05)
        assert callers.failed == []
        assert callers.moved
        assert server.codes == [0]
