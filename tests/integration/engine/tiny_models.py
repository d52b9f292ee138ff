"""Causal models of a few thousand weights, random ones, in float32: one of each kind the engine can meet."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import Any

import torch
import transformers

library: Any = transformers  # half typed
VOCABULARY = 97
LONGEST = 4096
_SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "intermediate_size": 48,
    "max_position_embeddings": LONGEST,
    "head_dim": 8,
    "initializer_range": 0.3,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
}
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}


def tiny(kind: str, *, heads: tuple[int, int] = (4, 2), tied: bool = False, seed: int = 0, **more: Any) -> Any:
    """`kind` is the beginning of a configuration's name, such as Qwen3; heads are those of queries and of keys."""
    sizes = _SIZES | {"num_attention_heads": heads[0], "num_key_value_heads": heads[1], "tie_word_embeddings": tied}
    name = kind.removesuffix("Text")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = getattr(library, f"{name}ForCausalLM")(getattr(library, f"{kind}Config")(**(sizes | more))).eval()
        for parameter in (own for name, own in model.named_parameters() if name.endswith(("bias", "norm.weight"))):
            torch.nn.init.normal_(parameter, 1.0, 0.3)  # zeros and ones would hide that one is left out
    return model


def logits_of(model: Any, tokens: list[int]) -> torch.Tensor:
    """As Transformers computes them in one pass, of shape (tokens, vocabulary)."""
    with torch.inference_mode():
        return model(input_ids=torch.tensor([tokens], device=model.device), use_cache=False).logits[0]
