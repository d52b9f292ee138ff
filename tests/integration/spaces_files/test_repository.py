"""Repositories of the local Hub, held against git itself."""

from __future__ import annotations

import random
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from unified_intelligence.spaces.simulator.git_objects import GitObjects, write_whole
from unified_intelligence.spaces.simulator.refusals import RefusalError
from unified_intelligence.spaces.simulator.repository import MAIN, Change, Large, Repository

WHEN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
NAMES = ("a", "b c", "é", "日本", "a.txt", "a-b", "a0", "B", "🎉", "x\u2028y", "ça va")


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "core.quotepath=off", f"--git-dir={folder}", *words]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def new(folder: Path, **files: bytes) -> Repository:
    repository = Repository(folder)
    repository.create({name.replace("_", "."): content for name, content in files.items()}, "local", WHEN)
    return repository


def commit(repository: Repository, *changes: Change, parent: str = "", title: str = "Ça change 🎉") -> str:
    return repository.commit(MAIN, changes, (title, "à la ligne\nencore"), "anne <x>", WHEN, parent)


def random_tree(chance: random.Random) -> dict[str, bytes]:
    """Paths of which none is a folder of another."""
    paths = {"/".join(chance.choices(NAMES, k=chance.randint(1, 3))) for _ in range(chance.randint(1, 12))}
    whole = [path for path in paths if not any(other.startswith(f"{path}/") for other in paths)]
    return {path: chance.randbytes(chance.randint(0, 300)) for path in whole}


@pytest.mark.parametrize("seed", range(8))
def test_git_reads_what_was_committed(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    repository = new(tmp_path / "r", README_md="# Été\n".encode())
    before, after = random_tree(chance), random_tree(chance)
    commit(repository, *(Change(path, content) for path, content in before.items()))
    gone = [Change(path, None) for path in before]
    head = commit(repository, *gone, *(Change(path, content) for path, content in after.items()))
    assert git(tmp_path / "r", "fsck", "--strict", "--full") == ""
    listed = git(tmp_path / "r", "ls-tree", "-r", "-z", "--format=%(objectname) %(path)", MAIN).split("\0")[:-1]
    assert {path: oid for oid, _, path in (line.partition(" ") for line in listed)} == {
        path: entry.oid for path, entry in repository.files(head).items()
    }
    assert {path: repository.read(entry) for path, entry in repository.files(head).items()} == {
        "README.md": "# Été\n".encode(), **after
    }  # fmt: skip
    assert git(tmp_path / "r", "rev-list", "--count", MAIN).strip() == "3"
    assert git(tmp_path / "r", "log", "-1", "--format=%s|%b|%an").strip() == "Ça change 🎉|à la ligne\nencore|anne x"


def test_a_stale_parent_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    repository = new(tmp_path)
    first = commit(repository, Change("a", b"1"))
    second = commit(repository, Change("a", b"2"), parent=first)
    with pytest.raises(RefusalError) as refused:
        commit(repository, Change("a", b"3"), parent=first)
    assert refused.value.status == 412 and second in refused.value.message
    assert repository.resolve(MAIN) == second
    assert [each.oid for each in repository.history(second)][:2] == [second, first]


def test_what_cannot_be_is_refused_and_leaves_the_branch(tmp_path: Path) -> None:
    repository = new(tmp_path)
    head = commit(repository, Change("folder/a", b"1"))
    for change, status in (
        (Change("../x", b""), 400), (Change("/x", b""), 400), (Change("a//b", b""), 400), (Change("x/.git/y", b""), 400),  # noqa: E501
        (Change("", b""), 400), (Change("folder", b"now a file"), 400), (Change("gone", None), 404),
        (Change("gone", None, is_folder=True), 404), (Change("big", Large("0" * 64, 1)), 400),
        (Change("big", Large("../../etc", 1)), 400),
    ):  # fmt: skip
        with pytest.raises(RefusalError) as refused:
            commit(repository, change)
        assert refused.value.status == status, change
    assert repository.resolve(MAIN) == head


def test_a_large_file_is_a_pointer_that_git_lfs_would_read(tmp_path: Path) -> None:
    repository = new(tmp_path)
    sha = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    write_whole(repository.large_path(sha), b"hello\n")
    entry = repository.files(commit(repository, Change("big.bin", Large(sha, 6))))["big.bin"]
    assert entry.size == 6 and entry.large == Large(sha, 6) and repository.read(entry) == b"hello\n"
    pointer = git(tmp_path, "cat-file", "-p", entry.oid)
    assert pointer == f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha}\nsize 6\n"
    assert entry.pointer_size == len(pointer)


def test_branches_and_tags(tmp_path: Path) -> None:
    repository = new(tmp_path)
    first = repository.resolve(MAIN)
    second = commit(repository, Change("a", b"1"))
    repository.add_ref("tags", "uic-good-1", first)
    repository.add_ref("heads", "try/this", first)
    assert repository.resolve("uic-good-1") == repository.resolve("try/this") == first
    assert repository.resolve(second[:9]) == repository.resolve("refs/heads/main") == second
    for kind, name, status in (
        ("tags", "uic-good-1", 409), ("tags", "a b", 400), ("tags", "../x", 400), ("tags", "a..b", 400),
        ("tags", ".x", 400), ("heads", "main", 409),
    ):  # fmt: skip
        with pytest.raises(RefusalError) as refused:
            repository.add_ref(kind, name, first)
        assert refused.value.status == status, name
    repository.delete_ref("tags", "uic-good-1")
    for revision in ("uic-good-1", "0" * 40, "nothing", first[:6]):
        with pytest.raises(RefusalError) as refused:
            repository.resolve(revision)
        assert refused.value.code == "RevisionNotFound"
    with pytest.raises(RefusalError):
        repository.delete_ref("heads", "main")
    assert git(tmp_path, "for-each-ref", "--format=%(refname)").split() == ["refs/heads/main", "refs/heads/try/this"]


def test_writing_twice_is_writing_once(tmp_path: Path) -> None:
    objects = GitObjects(tmp_path)
    assert objects.write("blob", b"x") == objects.write("blob", b"x")
    oid = objects.write("blob", "é\u2028".encode() * 500)
    assert objects.size(oid) == 2500 and objects.read(oid)[0] == "blob"
    with pytest.raises(KeyError):
        objects.read("0" * 40)
