"""OpenAI's own client, pointed at a served application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openai

if TYPE_CHECKING:
    from tests.integration.serving.served import Served

MODEL = "le-modèle"
_opened: list[openai.OpenAI] = []


def client(served: Served) -> openai.OpenAI:
    """Closed when the test ends."""
    _opened.append(openai.OpenAI(base_url=f"{served.url}/v1", api_key="unused", max_retries=0, timeout=30))
    return _opened[-1]


def close_all() -> None:
    while _opened:
        _opened.pop().close()
