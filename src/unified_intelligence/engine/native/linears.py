"""Products of few tokens by our own kernels; of many by torch, over the same weights."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, ClassVar

from unified_intelligence.engine import quantize
from unified_intelligence.engine.kernels import Kernels, Special, padded
from unified_intelligence.engine.native.compiled import NoLibraryError, shared_library
from unified_intelligence.engine.packed import Packed
from unified_intelligence.engine.quantized import Int8

if TYPE_CHECKING:
    import torch

MOST = 32  # tokens for which they are the faster ones
_GROUP, _PANEL = 32, 64  # as in products.h
_BLOCK = 1 << 19


class Matrix(ctypes.Structure):
    """The structure of products.h. Whoever makes one keeps alive what it points to."""

    _fields_ = (
        ("values", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("outputs", ctypes.c_int64),
        ("inputs", ctypes.c_int64),
        ("kind", ctypes.c_int64),
    )


class Native(Special):
    """`matrix` is how the kernels see it."""

    matrix: Matrix
    kind: ClassVar[int]

    @classmethod
    def refusal(cls, device: torch.device) -> str:
        if device.type != "cpu":
            return "it is for CPUs"
        try:
            shared_library()
        except NoLibraryError as error:
            return str(error)
        return ""

    @classmethod
    def unfit(cls, weight: torch.Tensor) -> str:
        return "it takes a multiple of 64 inputs" if weight.shape[1] % 64 else ""

    def _seen(self, weight: torch.Tensor, bias: torch.Tensor | None, values: int, scales: torch.Tensor | None) -> None:
        """Raises ValueError for what the kernels do not read."""
        import torch

        if weight.dtype is not torch.bfloat16:
            raise ValueError("it is for bfloat16")
        outputs, inputs = weight.shape
        self._own_bias = bias.to(torch.bfloat16).contiguous() if bias is not None else None
        pointers = [None if part is None else part.data_ptr() for part in (scales, self._own_bias)]
        self.matrix = Matrix(values, *pointers, outputs, inputs, self.kind)

    def _by_kernel(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        rows, (outputs, inputs) = x.shape[0], (self.matrix.outputs, self.matrix.inputs)
        # said because torch's default is another while Transformers loads a model, in whatever thread
        y = torch.empty(rows, outputs, dtype=torch.float32)
        sums = torch.empty(rows, inputs // _GROUP, dtype=torch.float32)
        tokens = x.contiguous()
        pointers = [ctypes.c_void_p(part.data_ptr()) for part in (tokens, sums, y)]
        threads = ctypes.c_int64(torch.get_num_threads())
        shared_library().product(ctypes.byref(self.matrix), *pointers, ctypes.c_int64(rows), threads)
        return y.to(x.dtype)


class Panels(Native, Packed):
    """Weights as oneDNN packs them for this CPU: 64 outputs side by side, two inputs each."""

    said = "weights reordered once by oneDNN, read by a kernel of our own where tokens are few"
    kind = 0

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, kernels: Kernels) -> None:
        Packed.__init__(self, weight, bias, kernels)
        outputs, inputs = weight.shape
        if kernels["mkldnn._nbytes"](self._packed) != (outputs + -outputs % _PANEL) * inputs * weight.itemsize:
            raise ValueError("oneDNN packs otherwise here")
        self._seen(weight, bias, kernels["mkldnn.data_ptr"](self._packed), None)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self._by_kernel(x) if 0 < x.shape[0] <= MOST else Packed.__call__(self, x)


class NativeInt8(Native, Int8):
    """The weights of Int8."""

    kind = 1

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, kernels: Kernels) -> None:
        Int8.__init__(self, weight, bias, kernels)
        self._seen(weight, bias, self._values.data_ptr(), self._scales)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self._by_kernel(x) if 0 < x.shape[0] <= MOST else Int8.__call__(self, x)


class NativeInt4(Native):
    """A scale and a zero per 32 inputs; a byte holds a value of each of two neighbouring groups."""

    error = 0.15
    said = f"int4 weights with a scale and a zero per {_GROUP} inputs, read by a kernel of our own"
    kind = 2

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, kernels: Kernels) -> None:  # noqa: ARG002
        import torch

        outputs, inputs = weight.shape
        self._values = torch.empty(outputs, inputs // 64, _GROUP, dtype=torch.uint8)
        self._table = torch.empty(outputs, inputs // _GROUP, 2, dtype=weight.dtype)
        for part in quantize.blocks(outputs, inputs):
            values, table = quantize.int4(weight[part].detach(), _GROUP)
            pairs = values.to(torch.uint8).view(len(values), -1, 2, _GROUP)
            self._values[part] = pairs[:, :, 0] | pairs[:, :, 1] << 4
            self._table[part] = table.transpose(0, 1)
        self.nbytes = self._values.nbytes + self._table.nbytes
        self._seen(weight, bias, self._values.data_ptr(), self._table)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        if 0 < x.shape[0] <= MOST:
            return self._by_kernel(x)
        rows, x = x.shape[0], padded(x)
        y = x.new_empty(x.shape[0], len(self._values))
        for part in quantize.blocks(len(self._values), x.shape[1], most=_BLOCK):
            y[:, part] = torch.nn.functional.linear(x, self._restored(part))
        y = y[:rows]
        return y if self._own_bias is None else y.add_(self._own_bias)

    def _restored(self, part: slice) -> torch.Tensor:
        """(outputs of the part, in): the weights in their type again."""
        import torch

        packed, table = self._values[part], self._table[part].float()
        values = torch.stack((packed & 15, packed >> 4), 2).view(len(packed), -1, _GROUP).float().sub_(8)
        weights = torch.addcmul(table[..., 1:], values, table[..., :1])
        return weights.flatten(1).to(self._table.dtype)
