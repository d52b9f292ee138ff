"""The log of a Space has what went wrong in it, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_SPACE = """
import gc, sys, threading, time
from pathlib import Path
from unified_intelligence.gradio_space.app import launch, new_chat_space

blocks = new_chat_space({"MODEL_ID": "embedded"}, Path.cwd())

def end():
    main = threading.main_thread().ident
    while sys._current_frames()[main].f_code.co_name != "block_thread":
        time.sleep(0.05)
    blocks.close()

threading.Thread(target=end).start()
launch(blocks, host="127.0.0.1")
gc.collect()
"""


def test_no_event_loop_is_lost(tmp_path: Path) -> None:
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", _SPACE],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "event loop" not in done.stderr and "BaseEventLoop" not in done.stderr, done.stderr
    assert "Running on local URL" in done.stdout
