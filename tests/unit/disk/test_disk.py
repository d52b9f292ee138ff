"""Files replaced whole, and held by one process at a time."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from unified_intelligence.disk.lock import lock
from unified_intelligence.disk.whole import replace, replacing

OLD, NEW = "alt, schön 😀\n".encode(), "neu\u2028 é\n".encode()
HOLD = """
import sys
from pathlib import Path
from unified_intelligence.disk.lock import lock
lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new folder/é.json"
    replace(path, OLD)
    replace(path, NEW, synced=False)
    assert path.read_bytes() == NEW and [*path.parent.iterdir()] == [path]


def test_who_fails_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    replace(path, OLD)

    def write_half() -> None:
        with replacing(path) as beside:
            beside.write_bytes(NEW[:3])
            raise ValueError("half written")

    with pytest.raises(ValueError, match="half"):
        write_half()
    assert path.read_bytes() == OLD and [*tmp_path.iterdir()] == [path]


def test_what_is_private_was_never_readable_by_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        replace(tmp_path / "secret", OLD, private=True)
        replace(tmp_path / "shown", OLD)
    finally:
        os.umask(before)
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("secret", "shown")}
    assert modes == {"secret": 0o600, "shown": 0o666}


def test_one_process_holds_it_until_it_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    child = subprocess.Popen([sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin and child.stdout
    with child.stdin, child.stdout:
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(BlockingIOError):
            lock(path)
        child.kill()
        child.wait()
    os.close(lock(path))


def test_a_file_taken_away_by_who_held_it_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between our opening and our holding, the other one is done and takes the file with him."""
    path, really = tmp_path / "lock", fcntl.flock

    def late(held: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", really)
        path.unlink()
        really(held, how)

    monkeypatch.setattr(fcntl, "flock", late)
    held = lock(path)
    with pytest.raises(BlockingIOError):
        lock(path)
    os.close(held)
