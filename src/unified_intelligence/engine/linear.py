"""The products with weights, y = x W^T + b, by the fastest kernel of this machine that gives the right result.

Where an undocumented kernel fails its trial, the way back is torch's ordinary product; with a quantization there is
none, and it is refused.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine.huge_pages import expect
from unified_intelligence.engine.kernels import Kernels, Linear, Special
from unified_intelligence.engine.native.linears import NativeInt4, NativeInt8, Panels
from unified_intelligence.engine.packed import Packed
from unified_intelligence.engine.place import Quantization
from unified_intelligence.engine.quantized import Fp8, Int4, Int8
from unified_intelligence.entities.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

HERE = Kernels()


class Plain(Linear):
    """The weights as they are."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        import torch

        # a compiler takes the shape of a parameter as settled, that of any other tensor not
        self._weight = torch.nn.Parameter(weight.detach(), requires_grad=False)
        self._bias, self.nbytes = bias, weight.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.nn.functional.linear(x, self._weight, self._bias)


class Opaque(Linear):
    """A product that is called as it is between what is compiled."""

    def __init__(self, product: Linear) -> None:
        from torch import compiler

        library: Any = compiler  # half typed
        self._call, self.nbytes = library.disable(product.__call__), product.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self._call(x)


# the first that can be used is taken
_KINDS: Mapping[Quantization, Sequence[type[Special]]] = {
    "none": (Panels, Packed),
    "int8": (NativeInt8, Int8),
    "int4": (NativeInt4, Int4),
    "fp8": (Fp8,),
}


def linear(
    weight: torch.Tensor,
    bias: torch.Tensor | None = None,
    *,
    quantization: Quantization = "none",
    kernels: Kernels = HERE,
) -> Linear:
    """The product with a weight (out, in), on its device and in its type; the caller lets go of the weight afterwards.

    Raises ConfigurationError for what this device cannot do.
    """
    for kind in _KINDS[quantization]:
        if not kernels.fault(kind, weight.device, weight.dtype) and not kind.unfit(weight):
            # oneDNN chooses an order for each shape, and it may be another than at the trial.
            with suppress(ValueError):
                return kind(weight, bias, kernels)
    if quantization != "none":
        raise _refused(quantization, weight.device, weight.dtype, kernels)
    return Plain(weight, bias)


def require(quantization: Quantization, device: torch.device, dtype: torch.dtype, *, kernels: Kernels = HERE) -> None:
    """Raises ConfigurationError unless `linear` can keep to it there; "none" it always can."""
    if quantization != "none" and all(kernels.fault(kind, device, dtype) for kind in _KINDS[quantization]):
        raise _refused(quantization, device, dtype, kernels)


def _refused(
    quantization: Quantization, device: torch.device, dtype: torch.dtype, kernels: Kernels
) -> ConfigurationError:
    fault = kernels.fault(_KINDS[quantization][-1], device, dtype)
    number = str(dtype).removeprefix("torch.")
    others = "int8 or int4" if device.type == "cpu" else "int4"
    return ConfigurationError(
        f"{quantization} cannot be used on {device} with {number}: {fault}.",
        hint=f"Try {others}, or leave the quantization out.",
    )


def for_head(quantization: Quantization, device: torch.device) -> Quantization:
    """The quantization of the product that ends in logits: there an error of int4 would show in every choice."""
    return quantization if quantization != "int4" else "int8" if device.type == "cpu" else "none"


def explain(device: torch.device, dtype: torch.dtype, quantization: Quantization, *, kernels: Kernels = HERE) -> str:
    """One line: what `linear` takes here, and why."""
    unused = list[str]()
    for kind in _KINDS[quantization]:
        if not (fault := kernels.fault(kind, device, dtype)):
            return f"products: {kind.said}"
        unused.append(f"{kind.said} not used: {fault}")
    return f"products: torch's own, {unused[-1]}"


def read_bandwidth(seconds: float = 0.2, device: torch.device | None = None) -> float:
    """GB/s at which all threads together read memory, the best of what fits into the time: other work only lowers it.

    Takes 512 MiB for as long, in large pages where they can be had.
    """
    import torch

    numbers = torch.empty(1 << 7, 1 << 20, device=device)
    expect(numbers)
    numbers.fill_(1)  # pages never written are read from one place
    ends = time.perf_counter() + seconds
    fastest = float("inf")
    while time.perf_counter() < ends or fastest == float("inf"):
        started = time.perf_counter()
        numbers.sum(1).cpu()
        fastest = min(fastest, time.perf_counter() - started)
    return numbers.nbytes / fastest / 1e9
