"""What belongs into tests/unit: what is done in a moment, by its own code alone."""

from __future__ import annotations

import re
from pathlib import Path

from tests.architecture.repository import python_files, text_of

UNIT = Path("tests/unit")
SLOW = re.compile(
    r"^\s*(?:import|from) (?:transformers|http\.server|socketserver|uvicorn|playwright)\b|importorskip\(\"transformers"
    r"|^from tests\.(?:openai_server|gradio_app|hub_server|tiny_qwen3|faults|integration|browser|cli)\b",
    re.MULTILINE,
)


def test_the_quick_part_starts_no_server_and_loads_no_model_library() -> None:
    """Such tests stand in tests/integration."""
    files = [path for path in python_files() if path.is_relative_to(UNIT)]
    assert len(files) > 100
    assert [str(path) for path in files if SLOW.search(text_of(path))] == []
