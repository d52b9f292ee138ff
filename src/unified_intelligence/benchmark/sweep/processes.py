"""Processes of this machine as /proc tells them: who is whose child, who carries a mark, who listens, and ending them.

A process is known by its number and when it began, for numbers are given out again. Where there is no /proc, `KNOWN` is
False and nothing of this can be told.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
KNOWN = sys.platform == "linux" and (PROC / "self/stat").exists()
COOKIE = "UIC_BENCH_SWEEP"
_PR_SET_CHILD_SUBREAPER = 36
_LISTENING = "0A"
_SHOWN = 100


def _word(address: bytes) -> str:
    """Four bytes of an address as /proc/net writes them."""
    return f"{int.from_bytes(address, sys.byteorder):08X}"


_LOOPBACK, _ANY = _word(b"\x7f\0\0\1"), "0" * 8
_HERE = frozenset({_LOOPBACK, _ANY, _ANY * 4, _ANY * 2 + _word(b"\0\0\xff\xff") + _LOOPBACK})


class Process(NamedTuple):
    """`began` is in clock ticks after the machine started; `state` is the kernel's letter."""

    pid: int
    parent: int
    session: int
    began: int
    state: str

    @property
    def is_gone(self) -> bool:
        """It has ended, and only waits for its parent to hear of it."""
        return self.state in {"Z", "X", "x"}


class Mark(NamedTuple):
    """What a server's processes carry: a variable in their environment, and `log` as their stdout or stderr.

    One that renames itself writes over its environment; its output still goes where it went.
    """

    cookie: str
    log: str


def adopt_orphans() -> None:
    """From now on a process whose parent dies becomes this one's child, in place of the machine's first."""
    if KNOWN:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def look(pid: int) -> Process | None:
    """The process with this number; None where there is none."""
    try:
        text = (PROC / str(pid) / "stat").read_text("ascii", "replace")
    except OSError:
        return None
    rest = text[text.rfind(")") + 2 :].split()
    return Process(pid, int(rest[1]), int(rest[3]), int(rest[19]), rest[0])


def every() -> dict[int, Process]:
    if not KNOWN:
        return {}
    found = (look(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    return {own.pid: own for own in found if own is not None}


def children_of(pid: int) -> set[int]:
    return {own.pid for own in every().values() if own.parent == pid}


def tree_of(roots: Collection[int], mark: Mark | None, not_ours: Collection[int] = ()) -> dict[int, Process]:
    """The roots, who carries the mark, and all that descend from them; those that have ended too, until they are heard.

    This process itself and `not_ours`, with what descends from those, are left out.
    """
    processes = every()
    out = {os.getpid(), *not_ours}
    found = {pid for pid in roots if pid in processes} - out
    if mark is not None:
        found |= {pid for pid in processes if pid not in out and _carries(pid, mark)}
    grown = True
    while grown:
        more = {own.pid for own in processes.values() if own.parent in found} - found - out
        found |= more
        grown = bool(more)
    return {pid: processes[pid] for pid in sorted(found)}


def _carries(pid: int, mark: Mark) -> bool:
    place = PROC / str(pid)
    with suppress(OSError):
        if f"{COOKIE}={mark.cookie}".encode() in (place / "environ").read_bytes().split(b"\0"):
            return True
    for number in ("1", "2"):
        with suppress(OSError):
            if mark.log and str((place / "fd" / number).readlink()) == mark.log:
                return True
    return False


def told(pid: int) -> str:
    """A process as a reader recognises it: by its number and its command."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        words = words or (PROC / str(pid) / "comm").read_text("utf-8", "replace").strip()
    except OSError:
        words = ""
    shown = f"{words[:_SHOWN]}{'...' if len(words) > _SHOWN else ''}"
    return f"process {pid} ({shown})" if shown else f"process {pid}"


def listening(port: int) -> set[str]:
    """The inodes of the sockets that listen on a port for who connects to 127.0.0.1."""
    return {inode for inode, at in _listeners().items() if at == port}


def ports_of(pids: Iterable[int]) -> set[int]:
    """The ports on which these processes listen."""
    listeners = _listeners()
    return {listeners[inode] for inode, held in owners(listeners, pids).items() if held}


def _listeners() -> dict[str, int]:
    """The port of each socket that a connection to 127.0.0.1 may come to, by its inode."""
    found: dict[str, int] = {}
    for name in ("tcp", "tcp6"):
        try:
            lines = (PROC / "net" / name).read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            parts = line.split()
            address, _, port = parts[1].rpartition(":")
            if parts[3] == _LISTENING and address in _HERE:
                found[parts[9]] = int(port, 16)
    return found


def owners(inodes: Collection[str], among: Iterable[int] | None = None) -> dict[str, list[int]]:
    """Who holds each socket, of those whose descriptors may be read; `among` None is everybody."""
    found: dict[str, list[int]] = {inode: [] for inode in inodes}
    for pid in every() if among is None else among:
        with suppress(OSError):
            for entry in (PROC / str(pid) / "fd").iterdir():
                with suppress(OSError):
                    link = str(entry.readlink())
                    inode = link[8:-1] if link.startswith("socket:[") else ""
                    if inode in found and pid not in found[inode]:
                        found[inode].append(pid)
    return found


def strangers(port: int, ours: Collection[int]) -> list[str]:
    """Who listens on a port and is not of ours, in words."""
    inodes = listening(port)
    mine = owners(inodes, ours)
    foreign = [inode for inode in inodes if not mine[inode]]
    if not foreign:
        return []
    holders = owners(foreign)
    return [told(holders[inode][0]) if holders[inode] else "a process of another user" for inode in foreign]


def send(own: Process, number: signal.Signals) -> bool:
    """Signals this very process; False where it is gone, or its number is another's by now."""
    try:
        if not hasattr(os, "pidfd_open"):
            os.kill(own.pid, number)
            return True
        descriptor = os.pidfd_open(own.pid)
    except OSError:
        return False
    try:
        now = look(own.pid)
        if now is None or now.began != own.began:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def alive(processes: Mapping[int, Process]) -> dict[int, Process]:
    """The processes that still live, each the one it was and not another with its number."""
    now = {pid: look(pid) for pid in processes}
    return {
        pid: own
        for pid, own in processes.items()
        if (found := now[pid]) is not None and found.began == own.began and not found.is_gone
    }


def hear(pids: Iterable[int]) -> None:
    """Takes the exit of adopted children, so that they do not stay as zombies."""
    for pid in pids:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
