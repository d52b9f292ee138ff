"""Which build answers: the version, and a digest of every file of the package that decides what it does."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

_DIGITS = 16


def about(*, version: str, backend: str, model: str, revision: str | None = None) -> dict[str, object]:
    """What /version tells."""
    return {
        "version": version,
        "backend": backend,
        "model": model,
        "revision": revision,
        "digest": digest(Path(__file__).parents[1]),
    }


def digest(folder: Path) -> str:
    """The same for the same files, wherever they lie."""
    total = sha256()
    for path in sorted(_files(folder), key=lambda path: path.relative_to(folder).as_posix()):
        with path.open("rb") as file:
            contents = sha256(file.read()).hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()} {contents}\n".encode())
    return total.hexdigest()[:_DIGITS]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
