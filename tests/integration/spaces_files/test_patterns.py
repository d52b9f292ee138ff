"""Patterns of files, held against git's own reading of them."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from unified_intelligence.spaces.patterns import Patterns

PATHS = [
    "a.py", "b.txt", "é 😀.txt", "data/a.py", "data/deep/a.txt", "data/deep/er/b.bin", "build/x", "src/build/y", "a/b/c/d",
    "[x].txt", "x.txt", "y.txt", "1.txt", "foo/bar", "foo/baz.py", ".hidden", "dir/.hidden",
]  # fmt: skip
LINES = [
    "*.py", "*.txt", "!a.py", "data/", "/data", "**/deep", "data/**", "data/**/b.bin", "build", "/build/", "a/*/c", "a/**/d",
    "?.txt", "[xy].txt", "[!x].txt", "[0-9].txt", r"\[x\].txt", "# no", "", "foo/*", "!foo/bar", "*", "!*.txt", ".*", "**",
    "é*", "foo/", "/*.txt", "d*r/", "[z-a]*", "[a", "**a", "a b", "tail  ",
]  # fmt: skip


def of_git(repository: Path, lines: list[str]) -> set[str]:
    (repository / ".gitignore").write_text("\n".join(lines) + "\n", "utf-8")
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=repository, input="\0".join(PATHS), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {path for path in done.stdout.split("\0") if path}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    return tmp_path


def test_each_pattern_means_what_git_takes_it_to_mean(repository: Path) -> None:
    for line in LINES:
        assert {path for path in PATHS if Patterns([line]).match(path)} == of_git(repository, [line]), line


def test_patterns_together_mean_what_git_takes_them_to_mean(repository: Path) -> None:
    random_ = random.Random(5)
    for _ in range(60):
        lines = random_.sample(LINES, random_.randint(2, 5))
        assert {path for path in PATHS if Patterns(lines).match(path)} == of_git(repository, lines), lines
