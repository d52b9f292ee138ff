"""This Space: its settings from the environment, the package that lies beside it, ZeroGPU where it runs there."""

from __future__ import annotations

import os
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
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


def zero_gpu(size: str) -> Any:
    """How work is done on a GPU of ZeroGPU; None on any other machine."""
    if find_spec("spaces") is None or not import_module("spaces.config").Config.zero_gpu:
        return None
    gpu = import_module("spaces").GPU

    def on_gpu(work: Any, seconds: Any) -> Any:
        return gpu(duration=seconds, size=size)(work)

    return on_gpu


def new_app() -> Any:
    """The Blocks, with the model loaded."""
    if find_spec("spaces") is not None:
        import_module("spaces")  # before torch, so that it can stand in for the GPU that is not there yet
    from unified_intelligence.config.space import read_space_settings
    from unified_intelligence.gradio_space.app import new_space

    settings = read_space_settings(os.environ)
    return new_space(settings, HERE, zero_gpu(settings.gpu_size))


use_package_beside()
demo = new_app()

if __name__ == "__main__":
    from unified_intelligence.gradio_space.app import launch

    launch(demo)
