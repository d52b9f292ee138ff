"""Writes docs/space.schema.json, what editors know of space.yaml: `python docs/generate_space_schema.py [--check]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from writing import written

from unified_intelligence.spaces.spec import json_schema

PATH = Path(__file__).parent / "space.schema.json"


if __name__ == "__main__":
    sys.exit(written(PATH, json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n", sys.argv[1:]))
