"""A misspelt name is answered with the one that was meant, and with no other that is far from it."""

from __future__ import annotations

import pytest

from unified_intelligence.entities.errors import UnknownNameError
from unified_intelligence.entities.nearest import nearest
from unified_intelligence.factories.provider_factory import PROVIDERS, ProviderFactory


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("opanai", ("openai_compatible",)),
        ("OpenAI", ("openai_compatible",)),
        ("qwen", ("qwen3_zerogpu", "qwen3_zerogpu_eval")),
        ("finance", ("open_finance_space",)),
        ("embeded", ("embedded",)),
        ("ekho", ("echo",)),
        ("anthropic", ()),
        ("é", ()),
        ("", ()),
    ],
)
def test_the_provider_that_was_meant(typed: str, meant: tuple[str, ...]) -> None:
    assert nearest(typed, PROVIDERS) == meant


def test_a_name_far_behind_the_likeliest_is_left_out() -> None:
    assert nearest("provder", ["model", "provider", "providers"]) == ("provider", "providers")
    assert nearest("api_key", ["base_url", "key", "timeout"]) == ("key",)
    assert nearest("x", []) == ()


@pytest.mark.parametrize("server", ["vllm", "Ollama", "llama"])
def test_a_server_that_a_row_speaks_of_leads_to_that_row(server: str) -> None:
    with pytest.raises(UnknownNameError, match=r"Did you mean openai_compatible\?$"):
        ProviderFactory().provider(server)
