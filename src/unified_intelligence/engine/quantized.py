"""Products with weights that are kept in fewer bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unified_intelligence.engine import quantize
from unified_intelligence.engine.kernels import Kernels, Special, padded
from unified_intelligence.entities.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

_GROUP = 32  # as fast as 64 or 128, and its error is the smallest
_ROWS = 64  # the most outputs that a packing lays side by side
_BLOCK = 1 << 19  # weights brought back to their type at a time, for many rows: what a core's cache holds


class Int8(Special):
    """One scale per output. The kernel computes row by row; many rows are quicker with the weights brought back."""

    error = 0.02
    said = "int8 weights with a scale per output"
    _few = 8

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, kernels: Kernels) -> None:
        self._values, self._scales = quantize.int8(weight)
        self._bias, self._product = bias, kernels["aten._weight_int8pack_mm"]
        self.nbytes = self._values.nbytes + self._scales.nbytes

    @classmethod
    def refusal(cls, device: torch.device) -> str:
        return "" if device.type == "cpu" else "torch alone has no quick product with int8 weights there"

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = self._many(padded(x)) if len(x) > self._few else self._product(x.contiguous(), self._values, self._scales)
        y = y[: len(x)]
        return y if self._bias is None else y.add_(self._bias)

    def _many(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        outputs, inputs = self._values.shape
        y = x.new_empty(len(x), outputs)
        parts = list(quantize.blocks(outputs, inputs, most=_BLOCK))
        restored = x.new_empty(parts[0].stop, inputs)  # one for all parts: new memory costs more than the work on it
        for part in parts:
            weights = restored[: part.stop - part.start].copy_(self._values[part])
            torch.mul(torch.nn.functional.linear(x, weights), self._scales[part], out=y[:, part])
        return y


class Int4(Special):
    """A scale and a zero per 32 inputs of an output. Many rows on a CPU as with Int8, where the packing is known."""

    error = 0.15
    said = f"int4 weights with a scale and a zero per {_GROUP} inputs"
    _few = 64

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, kernels: Kernels) -> None:
        import torch

        outputs, self._inputs = weight.shape
        if self._inputs % _GROUP:
            raise ConfigurationError(
                f"int4 needs a multiple of {_GROUP} inputs, not {self._inputs}.", hint="Use int8 or no quantization."
            )
        on_cpu = weight.device.type == "cpu"
        ending = "_for_cpu" if on_cpu else ""
        pack = kernels[f"aten._convert_weight_to_int4pack{ending}"]
        self._product = kernels[f"aten._weight_int4pack_mm{ending}"]
        self._outputs, self._bias = outputs, bias
        height = outputs + -outputs % _ROWS
        self._table = weight.new_empty(self._inputs // _GROUP, height, 2)
        for part in quantize.blocks(*weight.shape, step=_ROWS):
            rows = weight[part].detach()
            values, table = quantize.int4(torch.nn.functional.pad(rows, (0, 0, 0, -len(rows) % _ROWS)), _GROUP)
            block = pack(values, 2) if on_cpu else pack(_bytes(values), self._tiles())
            if part.start == 0:  # room for all of it at once: pieces kept between others let go would split the memory
                self._packed = block.new_empty(height // _ROWS, len(block) * _ROWS // len(values), *block.shape[1:])
                self._half = self._packing(block, values) if on_cpu else 0
            first = part.start // _ROWS
            self._packed[first : first + len(values) // _ROWS] = block.view(-1, *self._packed.shape[1:])
            self._table[:, part.start : part.start + len(values)] = table
        self._packed = self._packed.flatten(0, 1)
        self.nbytes = self._packed.nbytes + self._table.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        many = len(x) > self._few and self._half
        y = self._many(padded(x)) if many else self._product(x.contiguous(), self._packed, _GROUP, self._table)
        y = y[: len(x), : self._outputs]
        return y if self._bias is None else y.add_(self._bias)

    def _tiles(self) -> int:
        return next(tiles for tiles in (8, 4, 2) if self._inputs % (16 * tiles) == 0)

    def _packing(self, packed: torch.Tensor, values: torch.Tensor) -> int:
        """Half of the outputs that this CPU's packing lays side by side, 0 for one that is not known here."""
        import torch

        for block in (64, 32):
            low, high = _nibbles(packed[:_ROWS], self._inputs, block // 2)
            read = torch.cat([low, high], -1).transpose(1, 2).reshape(_ROWS, -1)
            if torch.equal(read, values[:_ROWS].to(torch.uint8)):
                return block // 2
        return 0

    def _many(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        parts = list(quantize.blocks(len(self._packed), self._inputs, most=_BLOCK))
        highest = parts[0].stop
        floats = torch.empty(highest * self._inputs)
        restored = torch.empty(highest * self._inputs, dtype=x.dtype)
        y = x.new_empty(len(x), len(self._packed))
        for part in parts:
            size = (part.stop - part.start) * self._inputs
            y[:, part] = x @ self._restored(part, floats[:size], restored[:size])
        return y

    def _restored(self, part: slice, floats: torch.Tensor, restored: torch.Tensor) -> torch.Tensor:
        """(in, outputs of the part): the weights in their type again, in the memory given for them."""
        import torch

        low, high = _nibbles(self._packed[part], self._inputs, self._half)
        columns, groups, half = len(low), self._inputs // _GROUP, self._half
        weights = floats.view(2, columns, self._inputs, half)
        weights[0].copy_(low)
        weights[1].copy_(high)
        table = self._table[:, part].float().view(groups, columns, 2, half, 2)
        scale, zero = table.permute(4, 2, 1, 0, 3).contiguous()[..., None, :]
        grouped = weights.view(2, columns, groups, _GROUP, half)
        torch.addcmul(zero - 8 * scale, grouped, scale, out=grouped)
        restored.view(self._inputs, columns, 2, half).copy_(weights.permute(2, 1, 0, 3))
        return restored.view(self._inputs, -1)


class Fp8(Special):
    """Weights and, at each product, tokens in float8_e4m3fn with a scale per row."""

    error = 0.06
    said = "weights and tokens in fp8 with a scale per row"

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, kernels: Kernels) -> None:
        import torch

        outputs, inputs = weight.shape
        if outputs % 16 or inputs % 16:
            raise ConfigurationError(
                f"fp8 needs multiples of 16 inputs and outputs, not {inputs} and {outputs}.", hint="Use int4 or none."
            )
        parts = [quantize.fp8(weight[part].detach()) for part in quantize.blocks(*weight.shape)]
        self._weight, self._scales = (torch.cat(column) for column in zip(*parts, strict=True))
        self._bias, self._product = bias, kernels["aten._scaled_mm"]
        self.nbytes = self._weight.nbytes + self._scales.nbytes

    @classmethod
    def refusal(cls, device: torch.device) -> str:
        import torch

        if device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 9):
            return ""
        return "it takes a GPU of compute capability 8.9 or more"

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        if not len(x):
            return x.new_empty(0, len(self._weight))
        values, scales = quantize.fp8(x)
        y = self._product(values, self._weight.t(), scales, self._scales.t(), out_dtype=torch.bfloat16).to(x.dtype)
        return y if self._bias is None else y.add_(self._bias)


def _bytes(values: torch.Tensor) -> torch.Tensor:
    """Two values in a byte, the first in its upper half, as a GPU's packing takes them."""
    import torch

    return (values[:, ::2] << 4 | values[:, 1::2]).to(torch.uint8)


def _nibbles(packed: torch.Tensor, inputs: int, half: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Of the CPU's packing: values (blocks, in, half) of the first and of the second half of each block's outputs."""
    read = packed.reshape(-1, inputs, half)
    return read & 15, read >> 4
