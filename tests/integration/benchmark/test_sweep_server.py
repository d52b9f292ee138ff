"""A server of a sweep and the processes of this machine, in this process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from unified_intelligence.benchmark.sweep import processes
from unified_intelligence.benchmark.sweep.faults import ServerFaultError
from unified_intelligence.benchmark.sweep.processes import Mark
from unified_intelligence.benchmark.sweep.server import Server, end_leftovers
from unified_intelligence.benchmark.sweep.spec import Configuration

pytestmark = pytest.mark.skipif(not processes.KNOWN, reason="needs /proc")
SLEEP = "import time; time.sleep(120)"


def configuration(*words: str) -> Configuration:
    command = [sys.executable, *words]
    return Configuration("a", "a", "command", "m", {}, None, command, {}, 0, "", 20.0, 5.0)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as process:
        yield process
        process.kill()


def test_the_owner_of_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.2", 0)) as elsewhere:
        port = one.getsockname()[1]
        assert len(processes.listening(port)) == 1
        assert processes.strangers(port, [os.getpid()]) == []
        (named,) = processes.strangers(port, [])
        assert named.startswith(f"process {os.getpid()} (")
        assert port in processes.ports_of([os.getpid()])
        assert processes.listening(elsewhere.getsockname()[1]) == set()
    assert processes.listening(port) == set()


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "::ffff:127.0.0.1"])
def test_a_port_at_every_address_counts(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.create_server((address, 0), family=family, dualstack_ipv6=":" in address) as server:
            assert processes.strangers(server.getsockname()[1], [])
    except OSError as error:
        pytest.skip(f"no such address here: {error}")


def test_a_process_whose_number_was_given_to_another_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    own = processes.look(sleeper.pid)
    assert own is not None
    assert not processes.send(own._replace(began=own.began - 1), signal.SIGKILL)
    assert processes.alive({own.pid: own._replace(began=own.began - 1)}) == {}
    time.sleep(0.05)
    assert sleeper.poll() is None
    assert processes.send(own, signal.SIGTERM)
    assert sleeper.wait(20) == -signal.SIGTERM
    assert not processes.send(own, signal.SIGTERM)


def test_leftovers_are_known_by_either_mark_and_nobody_else_is_touched(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    log = tmp_path / "log"
    mark = Mark("a-cookie", str(log))
    by_cookie = subprocess.Popen(
        [sys.executable, "-c", SLEEP], env={**os.environ, processes.COOKIE: "a-cookie"}, start_new_session=True
    )
    with log.open("wb") as out:
        by_log = subprocess.Popen([sys.executable, "-c", SLEEP], stdout=out, start_new_session=True)
    same_number = processes.look(sleeper.pid)
    assert same_number is not None
    named = end_leftovers(mark, sleeper.pid, same_number.began - 1)
    assert len(named) == 2
    assert {own.wait(20) for own in (by_cookie, by_log)} <= {-signal.SIGTERM, 0}  # 0: its exit was heard already
    assert sleeper.poll() is None
    assert end_leftovers(mark, 0, 0) == []


def test_a_listener_beside_the_server_on_its_own_port_is_seen(tmp_path: Path) -> None:
    """Both listen, which SO_REUSEPORT allows: half the requests would go to the other one."""
    code = (
        "import socket, sys, time\n"
        "s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n"
        "s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(); time.sleep(120)"
    )
    server = Server(configuration("-c", code, "{port}"), "c", tmp_path / "log")
    server.start(tmp_path, os.environ)
    try:
        until = time.monotonic() + 20
        while not processes.listening(server.port):
            assert time.monotonic() < until
            time.sleep(0.02)
        server.check("at first")
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(("127.0.0.1", server.port))
            other.listen()
            with pytest.raises(ServerFaultError, match=f"is answered by process {os.getpid()} ") as caught:
                server.check("then")
        assert caught.value.kind == "stale_server"
    finally:
        ended = server.stop()
    assert (ended.how, ended.exit, ended.left, server.tree()) == ("SIGTERM", -15, [], {})


def test_who_takes_the_port_while_it_is_asked_is_named(tmp_path: Path) -> None:
    """It accepts nothing, so that the one who asks waits until the time is over."""
    server = Server(configuration("-c", SLEEP)._replace(ready_within=1.0), "c", tmp_path / "log")
    server.start(tmp_path, os.environ)
    try:
        with socket.create_server(("127.0.0.1", server.port)):
            with pytest.raises(ServerFaultError) as caught:
                server.wait_until_ready("{}")
            assert caught.value.kind == "stale_server"
    finally:
        server.stop()


def test_without_proc_the_group_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = tmp_path / "child"
    code = (
        "import pathlib, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', '{SLEEP}'])\n"
        f"pathlib.Path({str(child)!r}).write_text(str(child.pid))\n"
        "time.sleep(120)"
    )
    server = Server(configuration("-c", code), "c", tmp_path / "log")
    with monkeypatch.context() as other:
        other.setattr(processes, "KNOWN", False)
        server.start(tmp_path, os.environ)
        until = time.monotonic() + 20
        while not (child.exists() and child.read_text()):
            assert time.monotonic() < until
            time.sleep(0.02)
        assert list(server.tree()) == [server.pid]
        ended = server.stop()
    assert (ended.how, ended.exit) == ("SIGTERM", -15)
    found = processes.look(int(child.read_text()))
    until = time.monotonic() + 20
    while found is not None and not found.is_gone and time.monotonic() < until:
        time.sleep(0.02)
        found = processes.look(found.pid)
    assert found is None or found.is_gone
