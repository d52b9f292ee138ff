"""Adapters read from their files: what fits is taken, what is not understood is refused by name."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.integration.engine.tiny_adapters import ALL, merged, write
from tests.integration.engine.tiny_models import LONGEST, logits_of, tiny
from unified_intelligence.engine import lora
from unified_intelligence.engine.adapted import Adapters
from unified_intelligence.engine.forward import Forward, Piece
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.plain import PlainForward
from unified_intelligence.entities.errors import ConfigurationError, ModelError, ModelNotFoundError

TEXT = [5, 9, 2, 77, 31, 8, 60, 4, 19]


def forward_of(model: Any, folders: Mapping[str, Path], kind: type[FusedForward | PlainForward]) -> Forward:
    own = copy.deepcopy(model)
    adapters = Adapters(own, [lora.read(name, folder, own) for name, folder in folders.items()])
    return (
        FusedForward(own, longest=LONGEST, adapters=adapters) if kind is FusedForward else PlainForward(own, adapters)
    )


def read(forward: Forward, adapter: str) -> torch.Tensor:
    forward.forget()
    with torch.inference_mode():
        return forward.read([Piece(0, 0, TEXT, len(TEXT), adapter)])


@pytest.mark.parametrize("kind", [FusedForward, PlainForward])
@pytest.mark.parametrize(("targets", "settings"), [
    (ALL, {}), (ALL, {"use_rslora": True}), (("q_proj", "v_proj"), {}), (("k_proj", "up_proj"), {"lora_alpha": 2.5}),
    (("down_proj",), {"target_modules": r".*\.down_proj"}), (("o_proj", "gate_proj"), {"target_modules": "all-linear"}),
])  # fmt: skip
def test_an_adapter_computes_what_its_merged_model_computes(
    kind: type[FusedForward | PlainForward], targets: tuple[str, ...], settings: dict[str, Any], tmp_path: Path
) -> None:
    model = tiny("Qwen3")
    folder = write(tmp_path / "é", model, targets=targets, **settings)
    forward = forward_of(model, {"own": folder}, kind)
    expected = logits_of(merged(model, folder), TEXT)
    assert (expected - logits_of(model, TEXT)).abs().max() > 0.1
    torch.testing.assert_close(read(forward, "own"), expected, rtol=1e-3, atol=2e-4)
    torch.testing.assert_close(read(forward, ""), logits_of(model, TEXT), rtol=1e-3, atol=2e-4)


def test_alpha_may_differ_by_module(tmp_path: Path) -> None:
    model = tiny("Llama")
    folder = write(tmp_path, model, targets=("q_proj",), alpha_pattern={"q_proj": 12})
    other = write(tmp_path / "other", model, targets=("q_proj",), alpha_pattern={r"layers\.1\.self_attn\.q_proj": 12})
    forward = forward_of(model, {"one": folder, "other": other}, FusedForward)
    torch.testing.assert_close(read(forward, "one"), logits_of(merged(model, folder, 12), TEXT), rtol=1e-3, atol=2e-4)
    assert (read(forward, "other") - read(forward, "one")).abs().max() > 0.01


def test_weights_in_fewer_bits_keep_an_adapter_whole(tmp_path: Path) -> None:
    model = tiny("Qwen3")
    folder = write(tmp_path, model)
    adapters = Adapters(model, [lora.read("own", folder, model)])
    expected = logits_of(merged(model, folder), TEXT)
    forward = FusedForward(model, longest=LONGEST, quantization="int8", adapters=adapters)
    assert (read(forward, "own") - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.parametrize(("settings", "said"), [
    ({"use_dora": True}, "DoRA"), ({"peft_type": "IA3"}, "peft_type is IA3"), ({"bias": "lora_only"}, "biases"),
    ({"init_lora_weights": "pissa_niter_4"}, "pissa_niter_4"), ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
    ({"alora_invocation_tokens": [5]}, "alora_invocation_tokens"), ({"use_something_new": True}, "use_something_new"),
    ({"fan_in_fan_out": True}, "fan_in_fan_out"), ({"r": None}, "r is no number"),
])  # fmt: skip
def test_what_is_not_computed_here_is_refused_by_its_name(settings: dict[str, Any], said: str, tmp_path: Path) -> None:
    folder = write(tmp_path, tiny("Qwen3"), **settings)
    with pytest.raises(ConfigurationError, match=said) as refused:
        lora.check(folder)
    assert "merge" in refused.value.hint


def rewritten(folder: Path, change: Any) -> None:
    library: Any = importlib.import_module("safetensors.torch")
    tensors: dict[str, torch.Tensor] = library.load_file(folder / "adapter_model.safetensors")
    change(tensors)
    library.save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})


KEY = "base_model.model.model.layers.1.self_attn.q_proj.lora_{}.weight"


def half(tensors: dict[str, torch.Tensor]) -> None:
    del tensors[KEY.format("B")]


def none(tensors: dict[str, torch.Tensor]) -> None:
    tensors.clear()


def more(tensors: dict[str, torch.Tensor]) -> None:
    tensors["base_model.x"] = torch.ones(2)


def without_keys(tensors: dict[str, torch.Tensor]) -> None:
    for key in [key for key in tensors if "k_proj" in key]:
        del tensors[key]


@pytest.mark.parametrize(("change", "said", "error"), [
    (half, "lacks the tensor", ModelError), (none, "is empty", ModelError),
    (more, r"base_model\.x", ConfigurationError), (without_keys, "k_proj", ModelError),
])  # fmt: skip
def test_tensors_are_all_there_and_all_understood(
    change: Any, said: str, error: type[Exception], tmp_path: Path
) -> None:
    folder = write(tmp_path, tiny("Qwen3"))
    rewritten(folder, change)
    with pytest.raises(error, match=said):
        lora.check(folder)


def wider(tensors: dict[str, torch.Tensor]) -> None:
    for part, dim in (("A", 0), ("B", 1)):
        tensors[KEY.format(part)] = tensors[KEY.format(part)].repeat_interleave(2, dim)


def test_the_rank_in_its_settings_is_that_of_its_tensors(tmp_path: Path) -> None:
    model = tiny("Qwen3")
    with pytest.raises(ModelError, match=r"gives model\.layers\.0.* the rank 16, and the tensors .* have 3") as refused:
        lora.check(write(tmp_path / "other", model, r=16))
    assert "different adapters" in refused.value.hint
    patterned = write(tmp_path / "patterned", model, r=8, rank_pattern={"self_attn.._proj": 3, "mlp.*": 3})
    lora.check(patterned)
    rewritten(patterned, wider)
    with pytest.raises(ModelError, match=r"layers\.1\.self_attn\.q_proj the rank 3, .* have 6"):
        lora.check(patterned)
    own = write(tmp_path / "own", model, rank_pattern={r"layers\.1\.self_attn\.q_proj": 6})
    rewritten(own, wider)
    lora.check(own)
    scaled = lora.read("own", own, model).deltas["model.layers.1.self_attn.q_proj"]
    assert scaled.up.shape[1] == 6
    with pytest.raises(ConfigurationError, match="rank_pattern is none"):
        lora.check(write(tmp_path / "none", model, rank_pattern={"q_proj": "3"}))


def test_an_adapter_of_another_model_does_not_fit(tmp_path: Path) -> None:
    folder = write(tmp_path, tiny("Qwen3", hidden_size=48))
    with pytest.raises(ModelError, match="does not fit") as refused:
        lora.read("own", folder, tiny("Qwen3"))
    assert "trained on" in refused.value.hint
    deeper = write(tmp_path / "deeper", tiny("Qwen3", num_hidden_layers=3))
    with pytest.raises(ModelError, match=r"layers\.2"):
        lora.read("own", deeper, tiny("Qwen3"))


def test_the_head_is_left_to_the_pass_of_transformers(tmp_path: Path) -> None:
    model = tiny("Qwen3")
    folder = write(tmp_path, model, targets=("lm_head", "q_proj"))
    expected = logits_of(merged(model, folder), TEXT)
    torch.testing.assert_close(
        read(forward_of(model, {"own": folder}, PlainForward), "own"), expected, rtol=1e-3, atol=2e-4
    )
    with pytest.raises(ConfigurationError, match="lm_head") as refused:
        forward_of(model, {"own": folder}, FusedForward)
    assert "transformers" in refused.value.hint


def test_files_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "one", tiny("Qwen3"))
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ModelError, match="damaged"):
        lora.check(folder)
    weights.rename(folder / "adapter_model.bin")
    with pytest.raises(ModelNotFoundError, match="lacks the weights") as refused:
        lora.check(folder)
    assert "safetensors" in refused.value.hint
    (folder / "adapter_config.json").write_text("{")
    weights.touch()
    with pytest.raises(ModelError, match="not JSON"):
        lora.check(folder)
    with pytest.raises(ModelNotFoundError, match=r"no adapter_config\.json"):
        lora.check(tmp_path)


def test_nothing_of_an_adapter_is_kept_twice(tmp_path: Path) -> None:
    model = tiny("Qwen3")
    read_in = lora.read("own", write(tmp_path, model), model)
    adapters = Adapters(model, [read_in])
    FusedForward(model, longest=LONGEST, adapters=adapters)
    assert adapters.names == ("own",)
    held = json.dumps([type(value).__name__ for value in vars(adapters).values()])
    assert "Lora" not in held and not vars(adapters)["_loras"] and not vars(adapters)["_left"]


def test_steps_of_few_tokens_in_bfloat16_are_told_apart_too(tmp_path: Path) -> None:
    """Where our own kernels read the model's rows, they must not read an adapter's."""
    model = tiny("Qwen3", hidden_size=64, intermediate_size=128, head_dim=64)
    folder = write(tmp_path, model, size=0.1)
    expected = {"own": logits_of(merged(model, folder), TEXT), "": logits_of(model, TEXT)}
    forward = forward_of(model.bfloat16(), {"own": folder}, FusedForward)
    for adapters in (("own", ""), ("", "own"), ("", ""), ("own", "own")):
        with torch.inference_mode():
            read_in = [forward.read([Piece(at, 0, TEXT[:-1], 1, name)]) for at, name in enumerate(adapters)]
            both = forward.read([Piece(at, len(TEXT) - 1, TEXT[-1:], 1, name) for at, name in enumerate(adapters)])
        for at, name in enumerate(adapters):
            for found, place in ((read_in[at][0], -2), (both[at], -1)):
                wanted = expected[name][place]
                assert (found.float() - wanted).abs().max() < 0.1 * wanted.abs().max()
                assert (
                    found.float() - expected["own" if not name else ""][place]
                ).abs().max() > 0.2 * wanted.abs().max()
