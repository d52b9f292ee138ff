"""What the generators of documents have in common: they write a file, or with `--check` say that it is out of date."""

from __future__ import annotations

import sys
from pathlib import Path


def written(path: Path, text: str, arguments: list[str]) -> int:
    """The exit code: with `--check` 1 if the file is not what it should be, and nothing is written."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return 0
    if "--check" in arguments:
        print(f"out of date: {path.name}; run python docs/{Path(sys.argv[0]).name}", file=sys.stderr)
        return 1
    path.write_text(text, encoding="utf-8")
    return 0
