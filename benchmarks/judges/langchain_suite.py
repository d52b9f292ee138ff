"""langchain's own standard tests of a chat model, run by pytest against one server: `ChatOpenAI` with an address.

The address, the model's name, another of its names and the most tokens of an answer come in the environment.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

_chat_model: Any = import_module("langchain_openai").ChatOpenAI
_suite: Any = import_module("langchain_tests.integration_tests").ChatModelIntegrationTests


class TestServed(_suite):
    """`stream_usage` asks for the usage, which langchain leaves out where the address is not OpenAI's."""

    @property
    def chat_model_class(self) -> Any:
        return _chat_model

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {
            "base_url": f"{os.environ['JUDGED_URL']}/v1",
            "model": os.environ["JUDGED_MODEL"],
            "api_key": "unused",
            "max_retries": 0,
            "max_tokens": int(os.environ["JUDGED_MOST_TOKENS"]),
            "timeout": 120,
            "stream_usage": True,
        }

    @property
    def model_override_value(self) -> str:
        return os.environ["JUDGED_ALIAS"]

    @property
    def supports_json_mode(self) -> bool:
        return True
