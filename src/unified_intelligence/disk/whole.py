"""Files that are there whole or not at all, for readers beside us and after a process that was killed."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A file beside `path` to be written. It takes its place if the block ends well, and is gone if not.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def replace(path: Path, data: bytes, *, private: bool = False, synced: bool = True) -> None:
    """Writes a file so that at any moment the old or the new one is there. Raises OSError.

    `private`: only its owner may read it. `synced`: it is on the disk before the old one goes, not only on its way.
    """
    with replacing(path) as beside:
        mode = 0o600 if private else 0o666
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            file.write(data)
            if synced:
                file.flush()
                os.fsync(file.fileno())
