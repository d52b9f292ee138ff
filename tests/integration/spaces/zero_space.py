"""A Gradio Space as on ZeroGPU, on a machine without a GPU: the real `spaces` package, which is told of no torch.

python zero_space.py NAME
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

SPACES = Path(__file__).parents[3] / "hf_spaces"

if __name__ == "__main__":
    sys.modules["torch"] = None  # type: ignore[assignment] - one without CUDA lacks what `spaces` replaces in it
    runpy.run_path(str(SPACES / sys.argv[1] / "app.py"), run_name="__main__")
