"""Puts a Space together: its folder, the package as a wheel, and the record of both.

python hf_spaces/assemble.py open-finance-llm-8b --to FOLDER
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from unified_intelligence.spaces.content import FILE_NAME, deployment_of

HERE = Path(__file__).parent
PROJECT = HERE.parent


def files_of(space: str) -> dict[str, bytes]:
    """What is uploaded, by path: the files git tracks in the Space's folder, and the wheel."""
    folder = HERE / space
    listed = subprocess.run(["git", "ls-files", "-z", "."], cwd=folder, capture_output=True, check=True, text=True)
    files = {name: (folder / name).read_bytes() for name in listed.stdout.split("\0") if name}
    return {**files, **wheel()}


def wheel() -> dict[str, bytes]:
    """The package, built from this checkout; of the same sources it has the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", folder, str(PROJECT)]
        subprocess.run(build, check=True)
        return {path.name: path.read_bytes() for path in Path(folder).glob("*.whl")}


def revision() -> str:
    """The commit of this checkout, with a plus where files differ from it."""
    told = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty=+", "--exclude=*"],
        cwd=PROJECT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    return told.stdout.strip()


def main() -> None:
    spaces = sorted(path.parent.name for path in HERE.glob("*/README.md"))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("space", choices=spaces)
    parser.add_argument("--to", type=Path, required=True, help="an empty folder, or one that is not there yet")
    arguments = parser.parse_args()
    target: Path = arguments.to
    if target.exists() and any(target.iterdir()):
        parser.error(f"{target} is not empty")
    files = files_of(arguments.space)
    deployment = deployment_of(files, revision())
    for name, content in {**files, FILE_NAME: deployment.text().encode()}.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)
    sys.stdout.write(f"{deployment.digest}\n")


if __name__ == "__main__":
    main()
