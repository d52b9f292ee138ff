"""Which forward pass a model gets, and that one is refused which computes something else."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaMLP

from tests.integration.engine.tiny_models import LONGEST, VOCABULARY, library, tiny
from tests.unit.engine.test_huge_pages import GATHERS
from unified_intelligence.engine.arrange import Quantized
from unified_intelligence.engine.compiled import Compile
from unified_intelligence.engine.constraints import Grammars
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.huge_pages import LargePages
from unified_intelligence.engine.load import Loaded
from unified_intelligence.engine.pages import PAGE
from unified_intelligence.engine.plain import PlainForward
from unified_intelligence.engine.pooling import Pooler
from unified_intelligence.engine.recipe import Recipe
from unified_intelligence.engine.start import Pass, Running, obstacle, start
from unified_intelligence.entities.errors import ConfigurationError, ModelError


def started(
    model: Any,
    way: Pass = "auto",
    *,
    bits: Quantized = "none",
    slots: int | None = 2,
    memory: float | None = 0.001,
    compile: Compile = "off",
    large_pages: LargePages = "auto",
    ahead: bool = True,
) -> Running:
    longest = model.config.max_position_embeddings
    pooler = Pooler(Recipe(), model.device, size=None)
    loaded = Loaded(model, None, longest, frozenset({1}), Grammars((), {1}, VOCABULARY), pooler)
    room: Any = {"slots": slots, "memory": memory, "queue": 5}
    how: Any = {"quantization": bits, "compile": compile, "large_pages": large_pages, "ahead": ahead}
    return start(loaded, forward=way, **room, **how)


@pytest.mark.parametrize("kind", ["Llama", "Qwen2", "Qwen3"])
def test_the_families_are_run_fused(kind: str) -> None:
    running = started(tiny(kind))
    assert isinstance(running.engine.forward, FusedForward)
    assert running.explanation.startswith("fused forward pass")


def test_memory_is_divided_by_what_a_token_takes() -> None:
    running = started(tiny("Llama"))
    assert running.engine.forward.token_bytes == 2 * 2 * 2 * 8 * 4  # keys and values, layers, heads, size, bytes
    assert running.loaded.longest == 10**6 // 256 // PAGE * PAGE
    with pytest.raises(ConfigurationError, match="no memory"):
        started(tiny("Llama"), memory=1e-6)


@pytest.mark.parametrize(("kind", "more", "why"), [
    ("Mistral", {"sliding_window": 16}, "slides"),
    ("Qwen2", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 1}, "slides"),
    ("Qwen3", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 0}, "slides"),
    ("Llama", {"hidden_act": "gelu"}, "activation is gelu"),
    ("Llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}}, "dynamic"),
    ("Mixtral", {"num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": None}, "mixtral"),
    ("Qwen3Moe", {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 16}, "qwen3_moe"),
    ("Gemma2", {"sliding_window": 16}, "gemma2"),
])  # fmt: skip
def test_what_is_not_of_the_family_is_run_by_transformers(kind: str, more: dict[str, Any], why: str) -> None:
    model = tiny(kind, **more)
    assert why in obstacle(model)
    running = started(model)
    assert isinstance(running.engine.forward, PlainForward)
    assert why in running.explanation
    with pytest.raises(ConfigurationError, match=why):
        started(model, "fused")


class Louder(LlamaMLP):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 1.5 * super().forward(x)


class Altered(LlamaForCausalLM):
    """Of the family by its configuration; its layers are not."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        for layer in self.model.layers:
            layer.mlp = Louder(config)


class Crossed(LlamaMLP):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down_proj(self.act_fn(self.up_proj(x)) * self.gate_proj(x))


class Confused(LlamaForCausalLM):
    """Of the family by its configuration; its gates are not where the family's are."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        layers: Any = self.model.layers
        for layer in layers:
            layer.mlp.__class__ = Crossed  # its weights stay as large as they are


class Scaled(LlamaForCausalLM):
    """Its logits are not those of its head."""

    def forward(self, *given: Any, **named: Any) -> Any:
        output: Any = super().forward(*given, **named)
        output.logits = output.logits.tanh()
        return output


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_weights_in_fewer_bits_pass_the_probe_where_the_computation_is_the_same(bits: Quantized) -> None:
    for kind in ("Llama", "Qwen2", "Qwen3"):
        model = tiny(kind, hidden_size=64, intermediate_size=96, heads=(4, 2), head_dim=16)
        running = started(model, bits=bits)
        assert bits in running.explanation


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_weights_in_fewer_bits_hide_no_other_computation(bits: Quantized) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        config = tiny("Llama", hidden_size=64, intermediate_size=96, heads=(4, 2), head_dim=16).config
        model: Any = Confused(config).eval()
    with pytest.raises(ModelError, match=f"With {bits} the fused forward pass has little of"):
        started(model, bits=bits)


@pytest.mark.parametrize("altered", [Altered, Scaled])
@pytest.mark.parametrize("way", ["auto", "fused"])
def test_a_fused_pass_that_computes_something_else_is_refused(altered: type[Any], way: Pass) -> None:
    with torch.random.fork_rng():
        model = altered(tiny("Llama").config).eval()
    with pytest.raises(ModelError, match="differs from that of Transformers") as raised:
        started(model, way)
    assert "engine=transformers" in raised.value.hint
    with torch.random.fork_rng():
        again = altered(tiny("Llama").config).eval()
    assert isinstance(started(again, "transformers").engine.forward, PlainForward)


class Gateless(torch.nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.only = torch.nn.Linear(size, size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.only(x)


def test_one_that_cannot_be_taken_apart_is_refused_with_a_sentence() -> None:
    model = tiny("Llama")
    model.model.layers[1].mlp = Gateless(32)
    with pytest.raises(ModelError, match="gate_proj"):
        started(model)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_every_number_type_passes_the_trial(dtype: torch.dtype) -> None:
    for kind in ("Llama", "Qwen2", "Qwen3"):
        assert isinstance(started(tiny(kind).to(dtype)).engine.forward, FusedForward)


def test_a_model_without_a_cache_is_refused_when_it_starts() -> None:
    config = library.OpenAIGPTConfig(vocab_size=VOCABULARY, n_positions=64, n_embd=16, n_layer=1, n_head=2)
    with pytest.raises(ModelError, match="no key-value cache"):
        started(library.OpenAIGPTLMHeadModel(config).eval())


def test_longest_is_the_models_own() -> None:
    assert started(tiny("Llama"), memory=1).loaded.longest == LONGEST


def test_large_pages_come_at_once_or_later_or_not_at_all() -> None:
    def said(**how: Any) -> str:
        return started(tiny("Llama", hidden_size=256, intermediate_size=4096), **how).explanation

    later = "weights go into large pages between answers"
    gathers = "GB of weights in large pages" in said()
    assert (later in said(ahead=False)) == (sys.platform == "linux")
    assert later not in said() and "large pages" not in said(large_pages="off", ahead=False)
    assert "large pages" not in said(large_pages="off")
    assert gathers or not GATHERS
