"""One repository of the local Hub: what is in it at a commit, its branches and tags, and how a commit is made.

On disk it is a bare git repository, with the large files beside it by their SHA-256. A branch moves last, and in one
step: a commit is there whole, or it is not there.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from unified_intelligence.spaces.simulator.git_objects import GitObjects, Node, write_whole
from unified_intelligence.spaces.simulator.refusals import RefusalError, no_entry, no_revision, stale_parent

MAIN = "main"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (\d+)\n", re.ASCII
)
_LONGEST_POINTER = 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHA = re.compile(r"[0-9a-f]{7,40}")
_REF_NAME = re.compile(
    r"(?!.*(?:\.\.|//|@\{|\.lock$|/$|\.$))[^\s~^:?*\[\\\x00-\x1f\x7f/.-][^\s~^:?*\[\\\x00-\x1f\x7f]*"
)


class Large(NamedTuple):
    """What a pointer of git LFS says."""

    sha256: str
    size: int


class Entry(NamedTuple):
    """A file at a commit. `size` is that of its content, `oid` that of its blob: a pointer, if the file is large."""

    path: str
    oid: str
    size: int
    large: Large | None
    pointer_size: int = 0


class Commit(NamedTuple):
    oid: str
    tree: str
    parent: str
    author: str
    date: datetime
    title: str
    message: str


class Change(NamedTuple):
    """One operation of a commit. `content` is that of a file, a `Large`, or None: the path is deleted."""

    path: str
    content: bytes | Large | None
    is_folder: bool = False


class Repository:
    """Raises RefusalError for what is not there or cannot be done."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.objects = GitObjects(folder)
        self._entries: dict[str, tuple[int, Large | None, int]] = {}

    def create(self, files: Mapping[str, bytes], author: str, date: datetime) -> str:
        """An empty repository with a first commit. Its id."""
        write_whole(self.folder / "config", b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        for name in ("refs/heads", "refs/tags", "lfs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        changes = [Change(path, content) for path, content in files.items()]
        commit = self._write_commit("", changes, ("initial commit", ""), author, date)
        self._move("heads", MAIN, commit)
        write_whole(self.folder / "HEAD", f"ref: refs/heads/{MAIN}\n".encode())  # last: it is a repository from now on
        return commit

    @property
    def exists(self) -> bool:
        return (self.folder / "HEAD").exists()

    def delete(self) -> None:
        (self.folder / "HEAD").unlink()
        shutil.rmtree(self.folder)

    def refs(self, kind: str) -> dict[str, str]:
        """Commits by name; `kind` is heads or tags."""
        root = self.folder / "refs" / kind
        files = (path for path in sorted(root.rglob("*")) if path.is_file() and not path.name.startswith(".new-"))
        return {path.relative_to(root).as_posix(): path.read_text("ascii").strip() for path in files}

    def resolve(self, revision: str) -> str:
        """The commit that a branch, a tag or an id, also a shortened one, stands for."""
        for kind in ("heads", "tags"):
            if found := self.refs(kind).get(revision.removeprefix(f"refs/{kind}/")):
                return found
        if _SHA.fullmatch(revision):
            found = [oid for oid in self.objects.beginning_with(revision) if self.objects.read(oid)[0] == "commit"]
            if len(found) == 1:
                return found[0]
        raise no_revision(revision)

    def nodes(self, commit: str) -> list[Node]:
        """Files and folders."""
        return list(self.objects.walk(self.commit_of(commit).tree))

    def entry(self, node: Node) -> Entry:
        """What is known of a file's node."""
        if node.oid not in self._entries:
            size = self.objects.size(node.oid)
            large = _pointer(self.objects.read(node.oid)[1]) if size <= _LONGEST_POINTER else None
            self._entries[node.oid] = (large.size, large, size) if large else (size, None, 0)
        size, large, pointer_size = self._entries[node.oid]
        return Entry(node.path, node.oid, size, large, pointer_size)

    def files(self, commit: str) -> dict[str, Entry]:
        return {node.path: self.entry(node) for node in self.nodes(commit) if not node.is_folder}

    def file(self, commit: str, path: str) -> Entry:
        found = self.files(commit).get(path)
        if found is None:
            raise no_entry(path, commit)
        return found

    def read(self, entry: Entry) -> bytes:
        """The content, of a large file too."""
        return self.large_path(entry.large.sha256).read_bytes() if entry.large else self.objects.read(entry.oid)[1]

    def large_path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise RefusalError(400, f"Not a sha256: {sha256!r}")
        return self.folder / "lfs" / sha256[:2] / sha256

    def commit_of(self, oid: str) -> Commit:
        kind, data = self.objects.read(oid)
        if kind != "commit":
            raise no_revision(oid)
        header, _, body = data.decode().partition("\n\n")
        fields = dict(line.split(" ", 1) for line in header.splitlines())
        author, seconds, _ = fields["author"].rsplit(" ", 2)
        title, _, message = body.partition("\n\n")
        date = datetime.fromtimestamp(int(seconds), UTC)
        return Commit(
            oid, fields["tree"], fields.get("parent", ""), author.partition(" <")[0], date, title.rstrip("\n"),
            message.rstrip("\n"),
        )  # fmt: skip

    def history(self, oid: str) -> list[Commit]:
        """The commit and those before it, the newest first."""
        commits: list[Commit] = []
        while oid:
            commits.append(self.commit_of(oid))
            oid = commits[-1].parent
        return commits

    def commit(
        self, branch: str, changes: Iterable[Change], words: tuple[str, str], author: str, date: datetime, parent: str
    ) -> str:
        """A commit on a branch, its id. `words` are its title and its message; an empty `parent` is any.

        Raises RefusalError: 412 where `parent` is not the branch's head.
        """
        head = self.refs("heads").get(branch)
        if head is None:
            raise no_revision(branch)
        if parent and self.resolve(parent) != head:
            raise stale_parent(head)
        made = self._write_commit(head, changes, words, author, date)
        self._move("heads", branch, made)
        return made

    def _write_commit(
        self, parent: str, changes: Iterable[Change], words: tuple[str, str], author: str, date: datetime
    ) -> str:
        files = {node.path: node.oid for node in self.nodes(parent) if not node.is_folder} if parent else {}
        for change in changes:
            self._apply(change, files)
        try:
            tree = self.objects.write_tree(files)
        except ValueError as error:
            raise RefusalError(400, str(error)) from error
        name = author.translate({ord(sign): None for sign in "<>\n\0"}) or "nobody"
        when = f"{name} <{name.replace(' ', '.')}@localhost> {int(date.timestamp())} +0000"
        above = f"parent {parent}\n" if parent else ""
        title = words[0].replace("\n", " ").strip() or "no title"
        message = f"{title}\n\n{words[1]}" if words[1] else f"{title}\n"
        text = f"tree {tree}\n{above}author {when}\ncommitter {when}\n\n{message}"
        return self.objects.write("commit", text.replace("\0", "").encode())

    def _apply(self, change: Change, files: dict[str, str]) -> None:
        path = checked_path(change.path)
        if isinstance(change.content, bytes):
            files[path] = self.objects.write("blob", change.content)
        elif change.content is not None:
            files[path] = self.objects.write("blob", self._pointer_to(path, change.content.sha256))
        elif change.is_folder:
            inside = [name for name in files if name.startswith(f"{path}/")]
            if not inside:
                raise no_entry(path)
            for name in inside:
                del files[name]
        elif files.pop(path, None) is None:
            raise no_entry(path)

    def _pointer_to(self, path: str, sha256: str) -> bytes:
        if not self.large_path(sha256).exists():
            raise RefusalError(400, f"The content of the large file {path} was not uploaded: sha256 {sha256}.")
        size = self.large_path(sha256).stat().st_size
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()

    def _move(self, kind: str, name: str, commit: str) -> None:
        write_whole(self.folder / "refs" / kind / name, f"{commit}\n".encode())

    def add_ref(self, kind: str, name: str, commit: str) -> None:
        """A tag or a branch. Raises RefusalError: 409 if it is there, 400 for a name that git would refuse."""
        if not _REF_NAME.fullmatch(name) or (kind == "heads" and name.startswith("refs/")):
            raise RefusalError(400, f"Invalid reference name: {name}")
        if name in self.refs(kind):
            raise RefusalError(409, f"Reference already exists: {name}")
        self._move(kind, name, commit)

    def delete_ref(self, kind: str, name: str) -> None:
        if kind == "heads" and name == MAIN:
            raise RefusalError(403, f"The branch {MAIN} cannot be deleted.")
        if name not in self.refs(kind):
            raise no_revision(name)
        (self.folder / "refs" / kind / name).unlink()


def checked_path(path: str) -> str:
    """The path, if a file of a repository can have it. Raises RefusalError."""
    parts = PurePosixPath(path).parts
    whole = "/".join(parts) == path and parts and not path.startswith("/")
    if not whole or "\0" in path or any(part in {".", ".."} or part.lower() == ".git" for part in parts):
        raise RefusalError(400, f"Invalid path: {path!r}")
    return path


def _pointer(content: bytes) -> Large | None:
    found = _POINTER.fullmatch(content)
    return Large(found[1].decode(), int(found[2])) if found else None
