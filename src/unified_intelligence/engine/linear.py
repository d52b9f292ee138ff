"""placeholder of the seam"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch
Quantization = Literal["none", "int8", "int4", "fp8"]


class Linear:
    def __init__(self, weight: Any, bias: Any = None) -> None:
        import torch

        self.nbytes = weight.nbytes
        self._bias = bias
        self._packed = torch.ops.mkldnn._reorder_linear_weight(weight, 8) if weight.device.type == "cpu" else weight

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        return torch.ops.mkldnn._linear_pointwise(x, self._packed, self._bias, "none", [], "")


def linear(weight: Any, bias: Any = None, *, quantization: Quantization = "none") -> Linear:
    return Linear(weight, bias)
