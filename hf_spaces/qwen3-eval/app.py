"""This Space: its settings from the environment, and the package that lies beside it."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any
from zipfile import ZipFile

HERE = Path(__file__).parent


def use_package_beside() -> None:
    """The wheel, unpacked: a Space installs its requirements before its own files are there."""
    for wheel in HERE.glob("unified_intelligence_cli-*.whl"):
        folder = tempfile.mkdtemp(prefix="package-")
        with ZipFile(wheel) as files:
            files.extractall(folder)
        sys.path.insert(0, folder)


def new_app() -> Any:
    """The Blocks, with the model loaded."""
    from unified_intelligence.gradio_space.app import new_evaluation_space

    return new_evaluation_space(os.environ, HERE)


use_package_beside()
demo = new_app()

if __name__ == "__main__":
    from unified_intelligence.gradio_space.app import launch

    launch(demo)
