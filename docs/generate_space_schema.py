"""Writes docs/space.schema.json, what editors know of space.yaml: `python docs/generate_space_schema.py [--check]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from unified_intelligence.spaces.spec import json_schema

PATH = Path(__file__).parent / "space.schema.json"


def main(arguments: list[str]) -> int:
    """The exit code: with `--check` 1 if the file is not what it should be, and nothing is written."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if PATH.is_file() and PATH.read_text("utf-8") == text:
        return 0
    if "--check" in arguments:
        print(f"out of date: {PATH.name}; run python docs/{Path(__file__).name}", file=sys.stderr)
        return 1
    PATH.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
