"""Every test starts from a clean environment and cannot reach beyond this machine."""

from __future__ import annotations

import gc
import ipaddress
import os
import signal
import socket
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

_OURS = ("UIC_", "HF_", "HUGGING", "TRANSFORMERS_", "OPENAI_", "OMP_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when huggingface_hub is imported
os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # read once, when numpy is imported; models this small wait on threads

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a job that a script left in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs that tests interrupt inherit what we heed

_UNIT = Path(__file__).with_name("unit")
_WORKER = 3 << 30  # bytes a worker takes at most, with the programs it starts


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """`-n logical` and `-n auto`: where tests wait for programs, browsers and clocks, two workers more than cores.

    The unit part computes: it gets a worker a core.
    """
    cores = os.cpu_count() or 1
    only_units = all(Path(each.partition("::")[0]).resolve().is_relative_to(_UNIT) for each in config.args)
    if only_units or "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _WORKER
    return max(cores, min(cores + 2, room))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays until the end: no collection of garbage looks at its objects again.

    There are over a million, which took a third of the time of collecting tests, and some of every test's afterwards.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every library's Python socket goes through these three."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse(self.family, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse(self.family, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *rest: Any, **named: Any) -> Any:
        _refuse(socket.AF_INET, (host,))
        return getaddrinfo(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


def _refuse(family: int, address: Any) -> None:
    if family not in {socket.AF_INET, socket.AF_INET6}:
        return
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    if host in {None, "", "localhost"}:
        return
    try:
        if ipaddress.ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise AssertionError(f"A test wanted to reach {host}.")
