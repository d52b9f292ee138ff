"""What one process at a time may have: a file that it holds until it closes it, or ends, however that happens."""

from __future__ import annotations

import os
from pathlib import Path


def lock(path: Path) -> int:
    """The descriptor that holds the file, which is made if need be; closing it gives it back.

    Raises BlockingIOError while another process holds it, OSError where it cannot be opened to be written.
    """
    held = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            import fcntl
        except ImportError:  # Windows
            import msvcrt

            msvcrt.locking(held, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        else:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        raise BlockingIOError(error.errno, "Another process holds it", str(path)) from error
    if not _is_at(path, held):  # who held it before took it away when he was done
        os.close(held)
        return lock(path)
    return held


def _is_at(path: Path, held: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(held))
    except FileNotFoundError:
        return False
