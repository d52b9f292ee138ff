"""Stands in a source distribution for the program that would build it: it keeps some of its files, and builds nothing.

pip runs it where it has unpacked the distribution. That is how one is had through pip alone, with the indexes and
certificates that pip is set up with, and without the compilers that building would need.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

WANTED, KEPT, NAMED = "COPIED_FILES", "COPIED_TO", "COPIED_FROM"  # names in the environment


def prepare_metadata_for_build_wheel(folder: str, config_settings: object = None) -> str:
    """As PEP 517 has it: the name of a folder in `folder` that says which package this is."""
    kept = Path(os.environ[KEPT])
    for name in os.environ[WANTED].split(os.pathsep):
        shutil.copyfile(name, kept / Path(name).name)
    package, version = os.environ[NAMED].split("==")
    described = Path(folder, f"{package.replace('-', '_')}-{version}.dist-info")
    described.mkdir()
    (described / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    return described.name
