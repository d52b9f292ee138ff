"""The copying circuit copies before any training, and a network without it does not."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from training.embedded.train import HERE, Recipe, build_model  # noqa: E402

LENGTH = 64


def copied(model: Any) -> float:
    """The share of a repeated random sequence that is told right at its second time."""
    random = torch.Generator().manual_seed(4)
    once = torch.randint(0, model.config.vocab_size, (4, LENGTH), generator=random)
    with torch.no_grad():
        told = model(torch.cat([once, once], dim=1)).logits.argmax(-1)
    return float((told[:, LENGTH:-1] == once[:, 1:]).float().mean())


def test_repeated_sequences_are_copied_at_step_0() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        recipe = Recipe.read(HERE / "recipe.json")
        model = build_model(recipe, recipe.vocabulary, None)
        assert copied(model) > 0.95
        torch.manual_seed(0)
        assert copied(transformers.Qwen3ForCausalLM(model.config)) < 0.05
    finally:
        torch.set_num_threads(threads)
