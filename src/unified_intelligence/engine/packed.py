"""The product with weights in the order in which oneDNN reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_intelligence.engine.kernels import Kernels, Special, padded

if TYPE_CHECKING:
    import torch


class Packed(Special):
    """Weights in the order in which oneDNN reads them; otherwise it would reorder them at each product."""

    said = "weights reordered once by oneDNN"

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, kernels: Kernels) -> None:
        self._packed = kernels["mkldnn._reorder_linear_weight"](weight.detach())
        self._bias, self._product, self.nbytes = bias, kernels["mkldnn._linear_pointwise"], weight.nbytes

    @classmethod
    def refusal(cls, device: torch.device) -> str:
        return "" if device.type == "cpu" else "it is for CPUs"

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self._product(padded(x), self._packed, self._bias, "none", [], "")[: x.shape[0]]
