"""Git's own objects in a folder: blobs, trees and commits, each under the SHA-1 of what it is.

The folder is a bare repository that git itself can read, clone and check. An object is written beside its place and
moved there, so that a process that is killed leaves either the whole object or none.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from unified_intelligence.disk.whole import replace

FILE_MODE, FOLDER_MODE = b"100644", b"40000"


class Node(NamedTuple):
    """A file or a folder of a tree, with its path from the root."""

    path: str
    oid: str
    is_folder: bool


class GitObjects:
    """Raises KeyError for an object that is not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "objects"

    def write(self, kind: str, content: bytes) -> str:
        """The object's id. Writing what is there already changes nothing."""
        data = f"{kind} {len(content)}\0".encode() + content
        oid = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        path = self._path(oid)
        if not path.exists():
            write_whole(path, zlib.compress(data, 1))
        return oid

    def read(self, oid: str) -> tuple[str, bytes]:
        """Its kind and its content."""
        try:
            data = zlib.decompress(self._path(oid).read_bytes())
        except OSError as error:
            raise KeyError(oid) from error
        header, _, content = data.partition(b"\0")
        return header.split()[0].decode(), content

    def size(self, oid: str) -> int:
        """Bytes of its content, without reading it all."""
        try:
            with self._path(oid).open("rb") as stream:
                start = zlib.decompressobj().decompress(stream.read(256), 64)
        except OSError as error:
            raise KeyError(oid) from error
        return int(start.partition(b"\0")[0].split()[1])

    def beginning_with(self, start: str) -> list[str]:
        """The ids that begin so; `start` has at least two characters."""
        folder = self._folder / start[:2]
        return [start[:2] + path.name for path in folder.glob(f"{start[2:]}*") if len(path.name) == 38]

    def write_tree(self, files: Mapping[str, str]) -> str:
        """The tree of blobs by path. Raises ValueError where a path is a file and a folder at once."""
        here: dict[str, str] = {}
        below: dict[str, dict[str, str]] = {}
        for path, oid in files.items():
            first, _, rest = path.partition("/")
            if rest:
                below.setdefault(first, {})[rest] = oid
            else:
                here[first] = oid
        if both := sorted(here.keys() & below.keys()):
            raise ValueError(f"{both[0]} is a file and a folder at once")
        entries = [(name.encode(), FILE_MODE, oid) for name, oid in here.items()]
        entries += [(name.encode() + b"/", FOLDER_MODE, self.write_tree(inner)) for name, inner in below.items()]
        lines = (mode + b" " + name.rstrip(b"/") + b"\0" + bytes.fromhex(oid) for name, mode, oid in sorted(entries))
        return self.write("tree", b"".join(lines))

    def walk(self, tree: str, prefix: str = "") -> Iterator[Node]:
        """Everything in a tree, in git's order: a folder, then what is in it."""
        _, data = self.read(tree)
        while data:
            header, _, rest = data.partition(b"\0")
            mode, _, name = header.partition(b" ")
            oid, data = rest[:20].hex(), rest[20:]
            path = prefix + name.decode()
            is_folder = mode == FOLDER_MODE
            yield Node(path, oid, is_folder)
            if is_folder:
                yield from self.walk(oid, f"{path}/")

    def _path(self, oid: str) -> Path:
        return self._folder / oid[:2] / oid[2:]


def write_whole(path: Path, content: bytes) -> None:
    """For its owner only; what a local Hub has need not outlive the machine."""
    replace(path, content, private=True, synced=False)
