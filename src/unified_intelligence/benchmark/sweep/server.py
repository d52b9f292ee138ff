"""One server of a sweep, from its start in a session of its own to the proof that nothing of it is left.

It is ready when the process that listens on its port is of its own tree, its health is good, it lists models, and it
has generated a token. Without /proc (not Linux) nobody can tell whose socket it is; its process group is
ended.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import current_thread, main_thread

from unified_intelligence.benchmark import crew, session
from unified_intelligence.benchmark.plan import Load, Target
from unified_intelligence.benchmark.row import Row
from unified_intelligence.benchmark.sweep import processes
from unified_intelligence.benchmark.sweep.faults import ServerFaultError, death
from unified_intelligence.benchmark.sweep.kinds import HOST, PORT
from unified_intelligence.benchmark.sweep.processes import COOKIE, Mark, Process
from unified_intelligence.benchmark.sweep.record import Ended
from unified_intelligence.benchmark.sweep.spec import Configuration
from unified_intelligence.entities.errors import AuthenticationError, UnifiedIntelligenceError

_LOOK_EVERY, _LOOK_AT_LEAST_EVERY = 0.1, 1.0  # seconds
_ANSWER_WITHIN = 5.0
_LINGER = 2.0  # for the rest of a tree to end after its first process
_AFTER_KILL = 15.0
_SCAN_EVERY = 0.02
_REFUSED = range(400, 500)
_PASSING = (408, 425, 429)


class Server:
    """`began` is the first process's, in the kernel's ticks; both are 0 until it is started."""

    def __init__(self, own: Configuration, cookie: str, log: Path) -> None:
        self.own, self.log = own, log.resolve()
        self.mark = Mark(cookie, str(self.log))
        self.port = self.pid = self.began = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._known: dict[int, Process] = {}
        self._before = processes.children_of(os.getpid())
        self._hurried = False

    @property
    def command(self) -> list[str]:
        return [word.replace(PORT, str(self.port)) for word in self.own.command]

    @property
    def target(self) -> Target:
        return Target(host=HOST, port=self.port, path="/v1/chat/completions")

    def start(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Starts it in a session of its own. Raises ServerFaultError where the port is taken, or there is no such
        program.
        """
        self.port = self.own.port or free_port()
        if taken := processes.strangers(self.port, ()):
            raise ServerFaultError(
                "stale_server", f"Port {self.port} is held by {taken[0]}, which this sweep did not start."
            )
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            try:
                self._process = subprocess.Popen(  # noqa: S603 what the spec names
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env={**environment, **self.own.environment, COOKIE: self.mark.cookie},
                    start_new_session=True,
                )
            except OSError as error:
                raise ServerFaultError(
                    "missing_program", f"{self.command[0]} cannot be started: {error.strerror}."
                ) from error
        self.pid = self._process.pid
        found = processes.look(self.pid)
        self.began = found.began if found else 0

    def wait_until_ready(self, body: str) -> tuple[str, ...]:
        """The models that it lists, once it has answered `body` with a token. Raises ServerFaultError."""
        until, pause = time.monotonic() + self.own.ready_within, _LOOK_EVERY
        while True:
            models, state = self._state(body, until)
            self.check("before it was ready")  # who answered, or did not, may be somebody who came meanwhile
            if models:
                return models
            if time.monotonic() > until:
                raise ServerFaultError("never_ready", f"It was not ready within {self.own.ready_within:g} s: {state}.")
            time.sleep(pause)
            pause = min(_LOOK_AT_LEAST_EVERY, pause * 1.1)  # who loads a model for minutes is not to be disturbed

    def check(self, when: str) -> None:
        """Raises ServerFaultError for a server that is gone, or for somebody else on its port."""
        assert self._process is not None
        code = self._process.poll()
        tree = self.tree()
        if code is not None and (code or not tree):
            raise death(self.log, code, when)
        if processes.KNOWN and (others := processes.strangers(self.port, tree)):
            raise ServerFaultError("stale_server", f"Port {self.port} is answered by {others[0]}, not by this server.")

    def tree(self) -> dict[int, Process]:
        """Every process of it that lives: what descends from it, carries its mark, or came to us when it died."""
        if not processes.KNOWN:
            return self._alone()
        adopted = processes.children_of(os.getpid()) - self._before
        roots = processes.alive(self._known).keys() | adopted | ({self.pid} if self.pid else set[int]())
        found = processes.tree_of(roots, self.mark, self._before)
        processes.hear(found.keys() - {self.pid})
        living = {pid: own for pid, own in found.items() if not own.is_gone}
        self._known.update(living)
        return living

    def stop(self) -> Ended:
        """Ends every process of the tree, and says how. A second Ctrl-C ends them at once."""
        began = time.monotonic()
        ended = Ended()
        with self._undisturbed():
            tree = self.tree()
            process = self._process
            if process is not None and process.poll() is None:
                ended.how = "SIGTERM"
                process.terminate()
                self._wait(self.own.stop_within, first_only=True)
            else:
                ended.how = "itself"
            if process is not None and process.poll() is not None:
                self._wait(_LINGER)
            self._end_group()
            rest = self.tree()
            if process is None or process.poll() is not None:
                ended.outlived = [_told(own, self.pid) for own in rest.values()]
            if rest or (process is not None and process.poll() is None):
                ended.how = self._end(rest) or ended.how
            ended.left = [_told(own, self.pid) for own in self.tree().values()]
            ended.exit = None if process is None else process.poll()
        ended.processes = len(self._known | tree)
        ended.seconds = round(time.monotonic() - began, 3)
        return ended

    def _end_group(self) -> None:
        """Ends its whole process group where there is no /proc, and so nobody knows who is left in it."""
        if self._process is not None and self._process.poll() is not None and not processes.KNOWN:
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _end(self, rest: Mapping[int, Process]) -> str:
        """SIGTERM to those that outlived their first process, then SIGKILL to all, until none is left."""
        if self._process is None or self._process.poll() is not None:
            for own in rest.values():
                processes.send(own, signal.SIGTERM)
            if self._wait(_LINGER):
                return ""
        until = time.monotonic() + _AFTER_KILL
        while time.monotonic() < until:
            for own in self.tree().values():
                processes.send(own, signal.SIGKILL)
            if self._process is not None and self._process.poll() is None:
                with suppress(OSError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            if self._wait(0.2):
                break
            time.sleep(_SCAN_EVERY)
        return "SIGKILL"

    def _wait(self, seconds: float, *, first_only: bool = False) -> bool:
        """Whether they are gone in that time."""
        until = time.monotonic() + seconds
        while True:
            gone = self._process is None or self._process.poll() is not None
            if gone and (first_only or not self.tree()):
                return True
            if self._hurried or time.monotonic() > until:
                return False
            time.sleep(_SCAN_EVERY)

    def _alone(self) -> dict[int, Process]:
        """All that can be told without /proc: the first process."""
        alive = self._process is not None and self._process.poll() is None
        return {self.pid: Process(self.pid, os.getpid(), self.pid, 0, "R")} if alive else {}

    @contextmanager
    def _undisturbed(self) -> Generator[None]:
        """Ctrl-C and SIGTERM do not leave servers behind: they only make it faster."""
        if current_thread() is not main_thread():
            yield
            return

        def hurry(_number: int, _frame: object) -> None:
            self._hurried = True

        before = {number: signal.signal(number, hurry) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _state(self, body: str, until: float) -> tuple[tuple[str, ...], str]:
        """Its models where it is ready, else what is missing."""
        if processes.KNOWN and not processes.listening(self.port):
            elsewhere = sorted(processes.ports_of(self.tree()))
            where = f"; its processes listen on {', '.join(map(str, elsewhere))}" if elsewhere else ""
            return (), f"nobody listens on port {self.port}{where}"
        self.check("before it was ready")
        if self.own.health and (said := _health(self.port, self.own.health)):
            return (), said
        try:
            reached = session.reach(self.target, patience=_ANSWER_WITHIN)
        except AuthenticationError as error:
            raise ServerFaultError("refused", error.message) from error
        except UnifiedIntelligenceError as error:
            return (), error.message.rstrip(".")
        if not reached.models:
            return (), "it lists no model at /v1/models"
        return self._first_token(reached, body, until)

    def _first_token(self, reached: session.Reached, body: str, until: float) -> tuple[tuple[str, ...], str]:
        patience = max(1.0, until - time.monotonic())
        shares = crew.shares_of(
            Load(concurrency=1, requests=1), self.target, reached.address, [body], crew.Sending("ready", 1, patience)
        )
        gathered = crew.send(shares, crew.Watch())
        if gathered.stopped:
            raise KeyboardInterrupt
        row = gathered.rows[0] if gathered.rows else Row(number=0, error="nothing", message="no answer")
        if row.status in _REFUSED and row.status not in _PASSING:
            raise ServerFaultError("refused", f"It refused its first request with {row.status}: {row.message}")
        if row.error or not row.events:
            return (), f"its first request gave {row.message or row.error or 'no token'}"
        return reached.models, ""


def free_port() -> int:
    """A port that nobody listens on now. Whoever takes it in between is found when its owner is looked for."""
    with socket.create_server((HOST, 0)) as listener:
        return listener.getsockname()[1]


def end_leftovers(mark: Mark, pid: int, began: int) -> list[str]:
    """Ends what a sweep that was killed left running, and names it: only what carries the mark, or descends from it."""
    found = processes.look(pid) if pid else None
    roots = [pid] if found is not None and found.began == began else []
    named: dict[int, str] = {}
    for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, _AFTER_KILL)):
        until = time.monotonic() + seconds
        told: set[int] = set()
        while True:
            tree = processes.tree_of(roots, mark)
            processes.hear(tree)
            living = {pid: own for pid, own in tree.items() if not own.is_gone}
            if not living:
                return list(named.values())
            for own in living.values():
                named.setdefault(own.pid, processes.told(own.pid))
                if own.pid not in told:
                    told.add(own.pid)
                    processes.send(own, number)
            if time.monotonic() > until:
                break
            time.sleep(0.05)
    return list(named.values())


def _health(port: int, path: str) -> str:
    """ "" where it is well, else what it said."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWER_WITHIN)
    try:
        connection.request("GET", path)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"{path} does not answer: {error}"
    finally:
        connection.close()
    return "" if status == http.client.OK else f"{path} says {status}"


def _told(own: Process, first: int) -> str:
    escaped = ", in a session of its own" if own.session != first else ""
    return f"{processes.told(own.pid)}{escaped}"
