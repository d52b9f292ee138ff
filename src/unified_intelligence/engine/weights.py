"""What models take of the memory, told by the headers of their files before anything is loaded; and what is left."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine import lora
from unified_intelligence.engine.json_files import read_object
from unified_intelligence.engine.load import weight_files
from unified_intelligence.engine.place import Dtype, dtype_of
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.interfaces.several import Weight

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.arrange import Quantized

_SHARE = 0.5  # of what weights leave free, as for one model
# bytes of a weight, its part of the scales included
_BYTES: Mapping[str, float] = {
    "int8": 1.02,
    "fp8": 1.02,
    "int4": 0.625,
    "bitsandbytes-int8": 1.02,
    "bitsandbytes-nf4": 0.57,
}
_HEAD = "lm_head.weight"
_AS_IT_IS = frozenset({"none", "int4"})  # what a GPU does with the head of these
_WIDTHS = re.compile(r"[A-Z]+(\d+)")


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A tensor as a file's header tells it; `kind` is F32, BF16, I32 and such."""

    name: str
    shape: tuple[int, ...]
    kind: str

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        found = _WIDTHS.match(self.kind)
        return max(1, int(found[1]) // 8) if found else 1

    @property
    def is_float(self) -> bool:
        """Whether it is brought to the number type that was asked for."""
        return self.kind in {"F64", "F32", "F16", "BF16"}

    @property
    def is_matrix(self) -> bool:
        """Whether a quantization makes it smaller."""
        return self.is_float and len(self.shape) > 1 and "embed" not in self.name


def weight_of(
    folder: Path, adapters: Iterable[Path] = (), *, dtype: Dtype, device: torch.device, quantization: Quantized
) -> Weight:
    """The weight of the model in a folder, with its adapters. Raises ConfigurationError, ModelError."""
    number = dtype_of(dtype, _saved(read_object(folder / "config.json")), device).itemsize
    tensors = list(_tensors(folder / name for name in weight_files(folder)))
    plain = [tensor.size * (number if tensor.is_float else tensor.itemsize) for tensor in tensors]
    beside = sum((where / lora.WEIGHTS).stat().st_size for where in adapters)
    kept = sum(
        _kept(tensor.name, tensor.size, number, quantization, device) if tensor.is_matrix else whole
        for tensor, whole in zip(tensors, plain, strict=True)
    )
    if all(tensor.name != _HEAD for tensor in tensors) and (device.type == "cpu" or quantization not in _AS_IT_IS):
        table = max((tensor.size for tensor in tensors if "embed" in tensor.name), default=0)
        kept += _kept(_HEAD, table, number, quantization, device)  # laid out anew beside the embedding
    largest = max(plain, default=0)
    return Weight(kept + beside, max(kept, sum(plain) + largest) + beside)


def room_for_each(weights: Mapping[str, Weight], free: int, memory: float | None) -> float:
    """GB for the conversations of each model, of `memory` GB for all, or of half of what is free then.

    `free` is in bytes; one model is loaded after the other. Raises ConfigurationError where they do not fit.
    """
    asked = 0 if memory is None else int(memory * 1e9)
    loaded = most = 0
    for weight in weights.values():
        most = max(most, loaded + weight.loading)
        loaded += weight.kept
    if (needed := max(most, loaded + asked)) >= free:
        each = ", ".join(f"{name} {_gigabytes(weight.kept)}" for name, weight in weights.items())
        rest = f", {_gigabytes(asked)} for conversations" if asked else ""
        raise ConfigurationError(
            f"The models do not fit the memory together: they need {_gigabytes(needed)} at most, and"
            f" {_gigabytes(free)} are free ({each}{rest}).",
            hint="Serve fewer of them, or take -o quantization int8 or int4."
            if most >= free
            else "Give less with -o memory, or leave it out.",
        )
    left = asked or _SHARE * (free - loaded)
    return left / len(weights) / 1e9


def _kept(name: str, size: int, number: int, quantization: Quantized, device: torch.device) -> int:
    """int4 keeps the head in int8 on a CPU, and as it is on a GPU."""
    if name == _HEAD and quantization == "int4":
        return int(size * (_BYTES["int8"] if device.type == "cpu" else number))
    return int(size * _BYTES.get(quantization, number))


def _saved(config: Mapping[str, object]) -> torch.dtype | None:
    import torch

    named = config.get("dtype") or config.get("torch_dtype")
    found: object = getattr(torch, str(named), None)
    return found if isinstance(found, torch.dtype) else None


def _tensors(files: Iterable[Path]) -> Iterator[_Tensor]:
    import safetensors

    library: Any = safetensors  # not typed
    for path in files:
        with library.safe_open(path, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - it is no mapping
                part = tensors.get_slice(name)
                yield _Tensor(name, tuple(part.get_shape()), str(part.get_dtype()))


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.{1 if size >= 1e8 else 4}f} GB"
