"""Help about this program, as a tool: what a person reads who asks it how to use it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Literal

from unified_intelligence.tools.registry import Outcome

Topic = Literal[
    "identity", "scope", "providers", "model", "options", "format", "thinking", "tools", "config", "install", "errors",
    "privacy", "python",
]  # fmt: skip


def about(topic: Topic) -> Outcome:
    """Explains this program.

    topic: what to explain
    """
    texts = _texts()[topic]
    return Outcome(figures={"text_en": texts["en"], "text_fr": texts["fr"], "topic": topic})


@cache
def _texts() -> dict[str, dict[str, str]]:
    return json.loads((Path(__file__).parent / "about.json").read_text(encoding="utf-8"))
