"""What a model takes of the memory, told by its files, beside what it takes once it is loaded."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from tests.integration.engine.tiny_adapters import write
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.place import Dtype
from unified_intelligence.engine.weights import room_for_each, weight_of
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.interfaces.several import Weight

CPU = torch.device("cpu")
GB = 10**9


def model_of(*, tied: bool) -> Any:
    config: Any = Qwen3Config(
        vocab_size=1024, hidden_size=256, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
        head_dim=64, intermediate_size=512, max_position_embeddings=512, tie_word_embeddings=tied,
    )  # fmt: skip
    model: Any = Qwen3ForCausalLM(config)
    return model.to(torch.bfloat16)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("quantization", ["none", "int8", "int4"])
def test_it_is_what_the_weights_take_once_they_are_laid_out(tmp_path: Path, quantization: Any, tied: bool) -> None:
    model = model_of(tied=tied)
    model.save_pretrained(tmp_path)
    told = weight_of(tmp_path, dtype="auto", device=CPU, quantization=quantization)
    plain = sum(parameter.nbytes for parameter in model.parameters())
    with torch.inference_mode():
        forward = FusedForward(model, longest=512, quantization=quantization)
    taken = forward.nbytes + model.model.embed_tokens.weight.nbytes
    assert taken == pytest.approx(told.kept, rel=0.05)
    assert told.loading >= max(plain, told.kept)


def test_the_type_of_numbers_and_adapters_count(tmp_path: Path) -> None:
    model = model_of(tied=False)
    model.save_pretrained(tmp_path / "model")
    adapter = write(tmp_path / "adapter", model)
    asked: list[tuple[Dtype, tuple[Path, ...]]] = [("auto", ()), ("float32", ()), ("auto", (adapter,))]
    told = [
        weight_of(tmp_path / "model", beside, dtype=dtype, device=CPU, quantization="none").kept
        for dtype, beside in asked
    ]
    assert told[1] == 2 * told[0]
    assert told[2] - told[0] == (adapter / "adapter_model.safetensors").stat().st_size


def test_numbers_that_are_packed_already_stay_as_they_are(tmp_path: Path) -> None:
    library: Any = importlib.import_module("safetensors.torch")
    tensors = {"a.qweight": torch.zeros(8, 64, dtype=torch.int32), "a.scales": torch.zeros(2, 64)}
    library.save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"dtype": "bfloat16"}')
    told = weight_of(tmp_path, dtype="auto", device=torch.device("cpu"), quantization="none")
    assert told.kept == 8 * 64 * 4 + 2 * 64 * 2


def test_what_is_left_is_shared_out_equally() -> None:
    weights = {"a": Weight(2 * GB, 3 * GB), "b": Weight(4 * GB, 5 * GB)}
    assert room_for_each(weights, 10 * GB, None) == pytest.approx(1.0)
    assert room_for_each(weights, 10 * GB, 3.0) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("free", "memory", "needed"),
    [(5, None, 7), (7, None, 7), (10, 5.0, 11)],
)
def test_models_that_do_not_fit_are_named_with_what_they_take(free: int, memory: float | None, needed: int) -> None:
    weights = {"a": Weight(2 * GB, 3 * GB), "b": Weight(4 * GB, 5 * GB)}
    with pytest.raises(ConfigurationError) as refused:
        room_for_each(weights, free * GB, memory)
    assert f"need {needed}.0 GB at most, and {free}.0 GB are free (a 2.0 GB, b 4.0 GB" in refused.value.message
