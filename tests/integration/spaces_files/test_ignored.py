"""Patterns of .gitignore, held against git itself."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from unified_intelligence.spaces.patterns import Patterns
from unified_intelligence.spaces.simulator.commit_routes import large_files

PATTERNS = (
    "*.pyc", "/build", "build/", "!build/keep", "docs/**/x.txt", "**/cache", "cache/**", "a?c", "[a-c].txt", "[!a].md",
    "# nothing", "\\#odd", "\\!odd", "é*", "  ", "trailing   ", "a/b/", "/a/*.txt", "!*.txt", "x.txt", "*", "!/a",
)  # fmt: skip
PATHS = (
    "a.pyc", "src/a.pyc", "build", "build/keep", "src/build/x", "docs/x.txt", "docs/a/b/x.txt", "cache/x", "a/cache/y",
    "abc", "a.txt", "d.txt", "a.md", "b.md", "#odd", "!odd", "été", "a/é/f", "trailing", "a/b/c", "a/x.txt", "x.txt/y",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_it_ignores_what_git_ignores(seed: int, tmp_path: Path) -> None:
    patterns = random.Random(seed).sample(PATTERNS, 4)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(patterns), "utf-8")
    given = "\0".join(PATHS).encode()
    command = ["git", "-C", str(tmp_path), "check-ignore", "-z", "--stdin"]
    told = subprocess.run(command, input=given, capture_output=True, check=False).stdout.decode()
    ignored = Patterns(patterns)
    assert [path for path in PATHS if ignored.match(path)] == told.split("\0")[:-1], patterns


def test_large_files_are_those_of_the_filter() -> None:
    large = large_files("*.bin filter=lfs diff=lfs -text\n# *.txt filter=lfs\n*.md text\nmodel/** filter=lfs\n")
    paths = ("a.bin", "x/y/é.bin", "model/a/b", "a.txt", "a.md", "model")
    assert [path for path in paths if any(own.fullmatch(path) for own in large)] == ["a.bin", "x/y/é.bin", "model/a/b"]
