"""Which files of a tree are not as they should be. Compared by the digests that git and LFS have, not by content."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from unified_intelligence.entities.space import TreeFile
from unified_intelligence.spaces.content import FILE_NAME, Deployment
from unified_intelligence.spaces.observe import HOSTS_OWN
from unified_intelligence.spaces.render import RenderedSpace

Kind = Literal["added", "changed", "removed"]
_LONGEST_LINE = 400


@dataclass(frozen=True, slots=True)
class FileChange:
    """Sizes in bytes; `before` is None for an added file, `after` for a removed one."""

    kind: Kind
    path: str
    before: int | None = None
    after: int | None = None


def same(file: TreeFile, content: bytes) -> bool:
    """Whether a file of the Hub has this content."""
    if file.size != len(content):
        return False
    if file.sha256 is not None:
        return file.sha256 == hashlib.sha256(content).hexdigest()
    return file.blob_id == blob_id(content)


def blob_id(content: bytes) -> str:
    """git's name for a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def changes(tree: Mapping[str, TreeFile], wanted: Mapping[str, bytes]) -> tuple[FileChange, ...]:
    """The changes, by path. Files that the Hub keeps for itself are left alone, unless we have one of that name."""

    def found() -> Iterator[FileChange]:
        for path in sorted(tree.keys() | wanted.keys()):
            if path not in tree:
                yield FileChange("added", path, None, len(wanted[path]))
            elif path not in wanted:
                if path not in HOSTS_OWN:
                    yield FileChange("removed", path, tree[path].size, None)
            elif not same(tree[path], wanted[path]):
                yield FileChange("changed", path, tree[path].size, len(wanted[path]))

    return tuple(found())


def to_commit(
    tree: Mapping[str, TreeFile], rendered: RenderedSpace, record: Deployment | None
) -> tuple[FileChange, ...]:
    """What must be committed. That the files come from another revision of the repository alone is no reason to."""
    found = changes(tree, rendered.files)
    only_the_record = [change.path for change in found] == [FILE_NAME]
    if only_the_record and record is not None and _says_the_same(record, rendered.deployment):
        return ()
    return found


def _says_the_same(one: Deployment, other: Deployment) -> bool:
    return one.digest == other.digest and one.settings == other.settings


def text_diff(path: str, old: bytes, new: bytes) -> Iterable[str]:
    """Lines of a unified diff; one line for what is no text."""
    try:
        before, after = (content.decode().splitlines() for content in (old, new))
    except UnicodeDecodeError:
        return (f"{path}: binary, {len(old)} to {len(new)} bytes",)
    if any("\0" in line or len(line) > _LONGEST_LINE for line in (*before, *after)):
        return (f"{path}: no text to show, {len(old)} to {len(new)} bytes",)
    return difflib.unified_diff(before, after, f"Hub: {path}", f"here: {path}", lineterm="")
