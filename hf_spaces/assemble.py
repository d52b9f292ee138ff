"""Puts a Space together as it would be on the Hub: its folder, the package as a wheel, and the record of both.

python hf_spaces/assemble.py open-finance-llm-8b --to FOLDER
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from unified_intelligence.spaces.sources import rendered
from unified_intelligence.spaces.spec_file import read_spec

HERE = Path(__file__).parent


def main() -> None:
    spaces = sorted(path.parent.name for path in HERE.glob("*/space.yaml"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("space", choices=spaces)
    parser.add_argument("--to", type=Path, required=True, help="an empty folder, or one that is not there yet")
    arguments = parser.parse_args()
    target: Path = arguments.to
    if target.exists() and any(target.iterdir()):
        parser.error(f"{target} is not empty")
    space = rendered(read_spec(HERE / arguments.space / "space.yaml"))
    for name, content in space.files.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)
    sys.stdout.write(f"{space.digest}\n")


if __name__ == "__main__":
    main()
