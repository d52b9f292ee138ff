"""A program that used the engine ends, at once and without a word, whatever the engine was doing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
EXPECTED = {
    "idle": [0, ""],
    "unread": [0, ""],
    "half read": [0, ""],
    "read in a thread": [0, "200\n"],
    "raised": [1, "as it was meant\n"],
}


def test_programs_end_with_answers_read_half_read_and_unread() -> None:
    command = [sys.executable, "-m", "tests.integration.engine.exits", *EXPECTED]
    path = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}", "PATH": "", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=path, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == EXPECTED
