"""`uic bench sweep` as a program, over servers that are stale, orphaned, never ready, dead or killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cli.uic_program import Ran, Run, command
from unified_intelligence.benchmark.calibrate import known_server
from unified_intelligence.benchmark.sweep import processes

pytestmark = pytest.mark.skipif(not processes.KNOWN, reason="needs /proc")

UNRULY = Path(__file__).resolve().parents[1] / "unruly_server.py"
MODEL = "known:first=100,gap=5,tokens=5"
KNOWN_SERVER = ["{python}", "-m", "unified_intelligence.benchmark.known_server", "--port", "{port}"]
Sweep = Callable[..., Ran]


def server(tag: str, mode: str, **more: Any) -> dict[str, Any]:
    words = ["{python}", str(UNRULY), mode, "{port}", tag]
    return {"kind": "command", "name": mode, "model": MODEL, "command": words, "ready_within": 20, **more}


def spec(home: Path, servers: list[dict[str, Any]], loads: object = None) -> Path:
    path = home / "work" / "essai.json"
    loads = loads or {"concurrency": 2, "requests": 4, "warmup": 0, "slo": {"ttft": "5s"}}
    path.write_text(json.dumps({"servers": servers, "loads": loads}))
    return path


def record(home: Path) -> dict[str, Any]:
    return json.loads((home / ".local/share/unified-intelligence/benchmarks/essai_sweep.json").read_text())


def attempt(home: Path, configuration: str) -> dict[str, Any]:
    return [own for own in record(home)["attempts"] if own["configuration"] == configuration][-1]


def carrying(tag: str) -> list[int]:
    """Every process with that word in its command, whole: what is told of one is cut after so many letters."""
    found = list[int]()
    for pid in processes.every():
        with suppress(OSError):
            if tag.encode() in (processes.PROC / str(pid) / "cmdline").read_bytes():
                found.append(pid)
    return found


@pytest.fixture
def tag(tmp_path: Path) -> Iterator[str]:
    """Is in the command of every process of a test; none may be left."""
    word = f"t{os.getpid()}{tmp_path.name[-3:]}{time.monotonic_ns() % 10**6}"
    yield word
    left = carrying(word)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


def test_two_kinds_of_servers_are_measured_and_kept(uic: Run, home: Path) -> None:
    known = {"kind": "command", "name": "connu", "model": MODEL, "command": KNOWN_SERVER}
    ours = {"kind": "uic", "name": "echo", "provider": "echo", "matrix": {"max_running": [1]}}
    path = spec(home, [known, ours])
    dry = uic("bench", "sweep", str(path), "--dry-run")
    assert (dry.code, record_exists(home)) == (0, False)
    assert "echo_batch1\n" in dry.out and "--port PORT" in dry.out and "--max-running 1" in dry.out
    ran = uic("bench", "sweep", str(path))
    assert ran.code == 0, ran
    lines = ran.out.splitlines()
    assert [line.split()[:2] for line in lines] == [["CONFIGURATION", "LOAD"], ["connu", "c2"], ["echo_batch1", "c2"]]
    told = record(home)
    assert [own["state"] for own in told["attempts"]] == ["ended", "ended"]
    for own, planned in zip(told["attempts"], told["plan"], strict=True):
        assert own["runs"][0] == {**planned["runs"][0], "state": "measured", "said": ""}
        assert processes.look(own["pid"]) is None and processes.listening(own["port"]) == set()
        assert own["gpu"]["checked"] or own["gpu"]["why"]
    assert "essai_connu_c2" in uic("bench", "show").out
    shown = json.loads(uic("bench", "show", "essai_echo_batch1_c2", "--json").out)
    assert shown["manifest"]["sweep"]["configuration"] == "echo_batch1"
    assert shown["manifest"]["depends_on"]["server"]["options"] == {"max_running": 1}
    assert shown["config_hash"] == told["plan"][1]["runs"][0]["config_hash"]
    again = uic("bench", "sweep", str(path), "--json")
    assert (again.code, len(json.loads(again.out)["attempts"])) == (0, 2)
    assert "measured already" in again.err
    assert json.loads(again.out)["metrics"]["essai_connu_c2"]["goodput"]["share"] == 1


def record_exists(home: Path) -> bool:
    return (home / ".local/share/unified-intelligence/benchmarks/essai_sweep.json").exists()


def test_a_stale_server_on_the_port_is_named(uic: Run, home: Path, tag: str) -> None:
    with known_server() as url, socket.create_server(("127.0.0.1", 0)) as free:
        port = int(url.split(":")[2].split("/")[0])
        path = spec(home, [server(tag, "never", port=port), server(tag, "steady", name="good")])
        ran = uic("bench", "sweep", str(path))
        assert free.getsockname()[1] != port
    assert ran.code == 3
    said = attempt(home, "never")
    assert (said["state"], said["failure"], said["pid"]) == ("failed", "stale_server", 0)
    assert f"Port {port} is held by process" in said["said"] and "benchmark.known_server" in said["said"]
    assert "never failed, stale_server" in ran.err
    assert attempt(home, "good")["runs"][0]["state"] == "measured"
    assert ran.out.splitlines()[1].split()[-1] == "stale_server"


def test_a_server_that_takes_the_port_later_is_not_measured(environment: dict[str, str], home: Path, tag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = spec(home, [server(tag, "never", port=port)])
    with started(environment, home, path) as sweep:
        wait_for(lambda: carrying(tag))
        with socket.create_server(("127.0.0.1", port)):
            out, err = sweep.communicate(timeout=25)
    said = attempt(home, "never")
    assert (sweep.returncode, said["failure"]) == (3, "stale_server"), (said, out, err)
    assert f"Port {port} is answered by process {os.getpid()} " in said["said"]


def test_orphans_and_those_that_escape_are_ended_and_named(uic: Run, home: Path, tag: str) -> None:
    ran = uic("bench", "sweep", str(spec(home, [server(tag, "orphans")])))
    assert ran.code == 0, ran
    ended = attempt(home, "orphans")["ended"]
    assert (ended["how"], len(ended["outlived"]), ended["left"]) == ("SIGTERM", 2, [])
    assert [tag in own for own in ended["outlived"]] == [True, True]
    assert sum("in a session of its own" in own for own in ended["outlived"]) == 1
    assert "these outlived their server and were ended" in ran.err
    assert carrying(tag) == []


def test_servers_that_do_not_come_up_are_named_and_the_sweep_goes_on(uic: Run, home: Path, tag: str) -> None:
    servers = [
        server(tag, "never", ready_within="1s"),
        server(tag, "elsewhere", ready_within="1s"),
        server(tag, "memory"),
        server(tag, "argument"),
        server(tag, "abandons"),
        {**server(tag, "nothing"), "command": ["no-such-program", "{port}"]},
        server(tag, "steady", name="good"),
    ]
    ran = uic("bench", "sweep", str(spec(home, servers)))
    assert ran.code == 3
    said = {own["configuration"]: (own["failure"], own["said"]) for own in record(home)["attempts"]}
    kinds = {name: failure for name, (failure, _) in said.items()}
    assert kinds == {
        "never": "never_ready", "elsewhere": "never_ready", "memory": "out_of_memory", "argument": "bad_argument",
        "abandons": "died", "nothing": "missing_program", "good": "",
    }  # fmt: skip
    assert "not ready within 1 s: nobody listens on port" in said["never"][1]
    assert "its processes listen on" in said["elsewhere"][1]
    assert "Tried to allocate 20.00 MiB" in said["memory"][1]
    assert "--tensor-paralel" in said["argument"][1]
    assert "ended with code 1" in said["abandons"][1]
    assert len(attempt(home, "abandons")["ended"]["outlived"]) == 1
    assert "no-such-program cannot be started" in said["nothing"][1]
    assert Path(attempt(home, "memory")["log"]).read_text().startswith("Démarré: memory 🙂")
    assert all(f"{name} failed, {kind}" in ran.err for name, kind in kinds.items() if kind)
    assert carrying(tag) == []


def test_a_server_that_ignores_sigterm_is_killed(uic: Run, home: Path, tag: str) -> None:
    ran = uic("bench", "sweep", str(spec(home, [server(tag, "stubborn", stop_within=0.5)])))
    ended = attempt(home, "stubborn")["ended"]
    assert (ran.code, ended["how"], ended["exit"], ended["left"]) == (0, "SIGKILL", -9, [])


def test_a_server_that_dies_under_load_is_named(uic: Run, home: Path, tag: str) -> None:
    loads = {"concurrency": 8, "duration": "20s", "warmup": 0}
    ran = uic("bench", "sweep", str(spec(home, [server(tag, "brief")], loads)))
    said = attempt(home, "brief")
    assert (ran.code, said["state"], said["failure"]) == (3, "failed", "died"), ran
    assert said["said"].startswith("It was ended by signal 14 under the load c8")
    assert said["runs"][0]["state"] == "invalid"
    assert "INVALID" in ran.out


SLOW = "known:first=700,gap=5,tokens=5"
TWO_LOADS = [{"concurrency": 2, "requests": 2, "warmup": 0}, {"concurrency": 3, "requests": 6, "warmup": 0}]


def test_a_killed_sweep_goes_on_where_it_was(environment: dict[str, str], uic: Run, home: Path, tag: str) -> None:
    path = spec(home, [server(tag, "stubborn", model=SLOW, stop_within=0.2)], TWO_LOADS)
    with started(environment, home, path) as sweep:
        wait_for(lambda: record_exists(home) and [len(own["runs"]) for own in record(home)["attempts"]] == [1])
        sweep.kill()
        sweep.communicate(timeout=20)
    before = record(home)["attempts"][0]
    assert before["state"] == "running"
    assert len(carrying(tag)) == 1
    kept = home / ".local/share/unified-intelligence/benchmarks/essai_stubborn_c2_metrics.json"
    written = kept.stat().st_mtime_ns
    ran = uic("bench", "sweep", str(path))
    assert ran.code == 0, ran
    assert f"Ended process {before['pid']} " in ran.err and "left of stubborn when the sweep was killed" in ran.err
    first, second = record(home)["attempts"]
    assert (first["state"], second["state"], second["attempt"]) == ("killed", "ended", 2)
    assert [own["load"] for own in first["runs"] + second["runs"]] == ["c2", "c3"]
    assert kept.stat().st_mtime_ns == written
    assert carrying(tag) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_sweep_ends_its_server_and_keeps_what_it_has(
    environment: dict[str, str], home: Path, tag: str, number: signal.Signals
) -> None:
    path = spec(home, [server(tag, "orphans", model=SLOW), server(tag, "never")], TWO_LOADS)
    with started(environment, home, path) as sweep:
        wait_for(lambda: record_exists(home) and [len(own["runs"]) for own in record(home)["attempts"]] == [1])
        time.sleep(0.2)
        sweep.send_signal(number)
        out, err = sweep.communicate(timeout=20)
    assert sweep.returncode == 130, (out, err)
    assert carrying(tag) == []
    (only,) = record(home)["attempts"]
    assert (only["state"], only["runs"][0]["state"]) == ("stopped", "measured")
    assert "the same command goes on" in err
    assert out.splitlines()[1].split()[:2] == ["orphans", "c2"]
    assert "not tried" in out


def test_a_second_ctrl_c_does_not_wait_for_the_server(environment: dict[str, str], home: Path, tag: str) -> None:
    path = spec(home, [server(tag, "stubborn", model="known:first=60000", stop_within=300)])
    with started(environment, home, path) as sweep:
        wait_for(lambda: record_exists(home) and any(own["port"] for own in record(home)["attempts"]))
        wait_for(lambda: processes.listening(attempt(home, "stubborn")["port"]))
        for _ in range(2):
            sweep.send_signal(signal.SIGINT)
            time.sleep(1)
        sweep.communicate(timeout=20)
    assert sweep.returncode == 130
    assert attempt(home, "stubborn")["ended"]["how"] == "SIGKILL"


def test_the_same_sweep_does_not_run_twice_at_once(environment: dict[str, str], uic: Run, home: Path, tag: str) -> None:
    path = spec(home, [server(tag, "never")])
    with started(environment, home, path) as sweep:
        wait_for(lambda: carrying(tag))
        second = uic("bench", "sweep", str(path))
        assert second.code == 3
        assert f"running already, as process {sweep.pid}" in second.err
        assert len(carrying(tag)) == 1
        sweep.send_signal(signal.SIGINT)
        sweep.communicate(timeout=20)


def test_the_highest_concurrency_that_keeps_the_limits_is_looked_for(uic: Run, home: Path) -> None:
    known = {"kind": "command", "name": "connu", "model": MODEL, "command": KNOWN_SERVER}
    common = {"find": "goodput", "requests": 2, "warmup": 0, "most": 3}
    loads = [{**common, "name": "kept", "slo": "ttft=20s"}, {**common, "name": "broken", "slo": "ttft=1ms"}]
    ran = uic("bench", "sweep", str(spec(home, [known], loads)))
    assert ran.code == 0, ran
    (only,) = record(home)["attempts"]
    assert [run["load"] for run in only["runs"]] == ["kept_c1", "kept_c2", "kept_c3", "broken_c1"]
    kept, broken = only["found"]
    assert (kept["concurrency"], kept["run"], kept["share"]) == (3, "essai_connu_kept_c3", 1)
    assert (broken["concurrency"], broken["run"], broken["said"]) == (0, "", "none does: 1 at once keeps 0%")
    assert "kept_knee 3" in ran.out and "the most that was tried keeps them: 3" in ran.out
    again = uic("bench", "sweep", str(spec(home, [known], loads)))
    assert (again.code, "measured already" in again.err, again.out) == (0, True, ran.out)


def test_a_wrong_spec_is_one_sentence(uic: Run, home: Path) -> None:
    path = home / "work" / "faux.yaml"
    path.write_text(
        "servers:\n  - kind: vllm\n    model: m\n    matrix: {tensor_parallel: [1, deux]}\nloads: {rate: 1}\n"
    )
    ran = uic("bench", "sweep", str(path))
    assert (ran.code, ran.out) == (3, "")
    assert f"{path}:4: servers.0.matrix.tensor_parallel.1 takes a whole number from 1, not 'deux'." in ran.err
    missing = uic("bench", "sweep", "nulle-part.yaml")
    assert (missing.code, "nulle-part.yaml cannot be read" in missing.err) == (3, True)
    unknown = uic("bench", "sweep", str(spec(home, [server("x", "never")])), "--only", "nevr")
    assert (unknown.code, "Did you mean never?" in unknown.err) == (3, True)


class started:  # noqa: N801 reads as a sentence in a with
    """A sweep as a process; it is killed at the end of a test that failed."""

    def __init__(self, environment: dict[str, str], home: Path, path: Path) -> None:
        self._process = subprocess.Popen(
            command("bench", "sweep", str(path)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment, cwd=home / "work",
        )  # fmt: skip

    def __enter__(self) -> subprocess.Popen[str]:
        return self._process

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


def wait_for(what: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)
