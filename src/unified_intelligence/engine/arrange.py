"""How Transformers is told to lay a model out: attention kernel, devices, bits. What cannot be is refused first."""

from __future__ import annotations

import importlib.util
import re
from typing import TYPE_CHECKING, Any, Literal

from unified_intelligence.entities.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

Attention = Literal["auto", "sdpa", "eager", "flash_attention_2"]
Quantized = Literal["none", "int8", "int4", "fp8", "bitsandbytes-int8", "bitsandbytes-nf4"]

PLACES = frozenset({"device_map", "distributed_config"})  # what puts weights on devices by itself

_MEMORY = re.compile(r"(cpu|disk|\d+)=(\d+(?:\.\d+)?\s?[KMGT]i?B)", re.IGNORECASE)


def attention(name: Attention, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """ "auto" is flash attention where it is installed and can run, else what the model takes by itself, mostly sdpa.

    Raises ConfigurationError.
    """
    import torch

    runs = device.type == "cuda" and dtype in {torch.bfloat16, torch.float16}
    if name == "auto":
        flash = runs and importlib.util.find_spec("flash_attn") is not None
        return {"attn_implementation": "flash_attention_2"} if flash else {}
    if name == "flash_attention_2":
        if not runs:
            number = str(dtype).removeprefix("torch.")
            raise ConfigurationError(
                f"flash_attention_2 runs on CUDA in bfloat16 or float16, not on {device.type} in {number}.",
                hint="Use the attention auto.",
            )
        _require(name, "flash_attn", "pip install flash-attn")
    return {"attn_implementation": name}


def devices(device_map: str | None, max_memory: str | None) -> dict[str, Any]:
    """Layers spread over devices by accelerate. Raises ConfigurationError."""
    if device_map is None:
        if max_memory is not None:
            raise ConfigurationError("max_memory needs a device_map.", hint="Give device_map auto beside it.")
        return {}
    _require(f"device_map {device_map}", "accelerate", "pip install accelerate")
    return {"device_map": device_map} | ({"max_memory": _limits(max_memory)} if max_memory is not None else {})


def division(parallel: int, place: torch.device, config: Any) -> dict[str, Any]:
    """A part of every layer for this process, one of `parallel`. Raises ConfigurationError."""
    if parallel == 1:
        return {}
    import torch

    _require(f"parallel {parallel}", "accelerate", "pip install accelerate")
    if reason := _indivisible(parallel, config):
        raise ConfigurationError(f"The model cannot be divided by {parallel}: {reason}.", hint="Use another number.")
    found = torch.accelerator.current_accelerator()
    kind = found.type if found else "cpu"
    if kind not in {"cpu", "cuda"} or place != torch.device(kind):
        raise ConfigurationError(
            f"Transformers divides a model over devices of the kind {kind} here, not over {place}.",
            hint="Use the device auto on a machine with several CUDA devices.",
        )
    if kind == "cuda" and (count := torch.cuda.device_count()) < parallel:
        raise ConfigurationError(f"There are {count} CUDA devices, not {parallel}.", hint="Use a smaller parallel.")
    from transformers import distributed

    library: Any = distributed  # half typed
    return {"distributed_config": library.DistributedConfig(tp_size=parallel, tp_plan="auto")}


def _indivisible(parallel: int, config: Any) -> str:
    text = config.get_text_config()
    if not getattr(text, "base_model_tp_plan", None):
        return f"Transformers has no plan for {config.model_type}"
    if getattr(config, "quantization_config", None) is not None:
        return "its weights are quantized already"
    for name in ("num_attention_heads", "num_key_value_heads"):
        if (count := getattr(text, name, None) or 0) % parallel:
            return f"{name} is {count}"
    return ""


def quantizer(name: Quantized, device: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """What makes Transformers load with bitsandbytes; nothing for other names. Raises ConfigurationError."""
    if name not in {"bitsandbytes-int8", "bitsandbytes-nf4"}:
        return {}
    for library in ("bitsandbytes", "accelerate"):
        _require(name, library, "pip install bitsandbytes accelerate")
    import transformers

    library: Any = transformers  # half typed
    bits = (
        {"load_in_8bit": True}
        if name == "bitsandbytes-int8"
        else {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
            "bnb_4bit_compute_dtype": dtype,
        }
    )
    return {"quantization_config": library.BitsAndBytesConfig(**bits), "device_map": {"": device}}


def _limits(text: str) -> dict[str | int, str]:
    parts = [part.strip() for part in text.split(",")]
    found = [_MEMORY.fullmatch(part) for part in parts]
    if not all(found):
        raise ConfigurationError(
            f"max_memory is a list such as 0=20GiB,cpu=30GiB, not {text!r}.", hint="A number is that of a GPU."
        )
    pairs = [match.groups() for match in found if match]
    return {int(place) if place.isdecimal() else place.lower(): size for place, size in pairs}


def _require(what: str, library: str, command: str) -> None:
    if importlib.util.find_spec(library) is None:
        raise ConfigurationError(f"{what} needs the library {library}, which is not installed.", hint=command)
