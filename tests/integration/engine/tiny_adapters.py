"""LoRA adapters as PEFT lays them out, with random weights, and the same weights merged into a model."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import copy
import importlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def write(
    folder: Path,
    model: Any,
    *,
    targets: Sequence[str] = ALL,
    rank: int = 3,
    seed: int = 1,
    size: float = 0.3,
    **settings: Any,
) -> Path:
    """An adapter for a model, in a folder. `settings` are further fields of its configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    source = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for name, module in model.named_modules():
        if name.rpartition(".")[2] in targets:
            for part, shape in (("A", (rank, module.in_features)), ("B", (module.out_features, rank))):
                key = f"base_model.model.{name}.lora_{part}.weight"
                tensors[key] = size * torch.randn(*shape, generator=source)
    library: Any = importlib.import_module("safetensors.torch")
    library.save_file(tensors, folder / "adapter_model.safetensors", {"format": "pt"})
    told = {
        "peft_type": "LORA", "r": rank, "lora_alpha": 5, "target_modules": list(targets), "bias": "none",
        "use_rslora": False, "use_dora": False, "lora_dropout": 0.1, "task_type": "CAUSAL_LM", "peft_version": "0.18",
        "inference_mode": True, "init_lora_weights": True, "fan_in_fan_out": False, "modules_to_save": None,
        "base_model_name_or_path": "somebody/base", "rank_pattern": {}, "alpha_pattern": {},
    }  # fmt: skip
    (folder / "adapter_config.json").write_text(json.dumps({**told, **settings}))
    return folder


def merged(model: Any, folder: Path, alpha: float | None = None) -> Any:
    """A copy of a model whose weights are changed as the adapter's change the result; `alpha` of all products."""
    library: Any = importlib.import_module("safetensors.torch")
    tensors = library.load_file(folder / "adapter_model.safetensors")
    told = json.loads((folder / "adapter_config.json").read_text())
    changed = copy.deepcopy(model)
    rank = told["r"]
    scale = (told["lora_alpha"] if alpha is None else alpha) / (math.sqrt(rank) if told["use_rslora"] else rank)
    with torch.no_grad():
        for key in [key for key in tensors if ".lora_A." in key]:
            name = key.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            delta = tensors[key.replace(".lora_A.", ".lora_B.")] @ tensors[key]
            changed.get_submodule(name).weight += scale * delta
    return changed
