"""The evaluation data that is not part of the repository: a folder `shared/data` beside the checkout, or one named."""

import os
from pathlib import Path

import pytest

_NAMED = os.environ.get("UIC_TEST_DATA", "")  # read before a test's environment is cleaned
FOLDER = Path(_NAMED) if _NAMED else Path(__file__).parents[3].parent / "shared/data"


def pack(name: str) -> Path:
    """The folder of that data set; the test is skipped, and says why, where there is none."""
    folder = FOLDER / name
    if not folder.is_dir():
        pytest.skip(f"no data of {name}: put it into ../shared/data/{name} or name its parent in UIC_TEST_DATA")
    return folder
