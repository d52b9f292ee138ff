"""What a product with weights is, and the operations it may use.

Some of them torch does not document. Each is tried on a small matrix before it is trusted, once per process, device
and number type.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import torch

Operation = Callable[..., Any]


class Linear(ABC):
    """`nbytes` are the bytes of weights read for one product."""

    nbytes: int

    @abstractmethod
    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(tokens, in) to (tokens, out), in the type of x."""


class Kernels:
    """Operations by name, and what came of trying them; those of torch unless others are given."""

    def __init__(self, operations: Mapping[str, Operation] | None = None) -> None:
        self._operations = operations
        self._faults: dict[tuple[type[Special], torch.device, torch.dtype], str] = {}

    def __getitem__(self, name: str) -> Operation:
        """Raises AttributeError or KeyError for one that this version of torch lacks."""
        import torch

        if self._operations is not None:
            return self._operations[name]
        room, _, operation = name.partition(".")
        return getattr(getattr(torch.ops, room), operation).default

    def fault(self, kind: type[Special], device: torch.device, dtype: torch.dtype) -> str:
        """Why this kind of product cannot be used there, "" if it can."""
        key = kind, device, dtype
        if key not in self._faults:
            self._faults[key] = kind.refusal(device) or self._tried(kind, device, dtype)
        return self._faults[key]

    def _tried(self, kind: type[Special], device: torch.device, dtype: torch.dtype) -> str:
        import torch

        source = torch.Generator().manual_seed(0)
        weight, bias, x = (torch.randn(*shape, generator=source) for shape in ((160, 128), (160,), (80, 128)))
        weight, bias, x = (tensor.to(device, dtype) for tensor in (weight, bias, x))
        true = torch.nn.functional.linear(x.cpu().double(), weight.cpu().double(), bias.cpu().double())
        try:
            product = kind(weight, bias, self)
            found = [_size(product(x[:rows]).cpu().double() - true[:rows]) / _size(true[:rows]) for rows in (1, 3, 80)]
        except (RuntimeError, TypeError, ValueError, LookupError, AttributeError) as error:
            return str(error).partition("\n")[0]
        bound = max(kind.error, 2 * torch.finfo(dtype).eps, 1e-5)
        # written so that it does not hold of a result that is no number
        right = all(error <= bound for error in found)
        return "" if right else f"its results are wrong by {max(found):.2g} of their size"


class Special(Linear):
    """A product by an undocumented operation. `error` is the most its results may be off, relative to their size."""

    error: ClassVar[float] = 0.0
    said: ClassVar[str]

    @abstractmethod
    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None, kernels: Kernels) -> None: ...

    @classmethod
    def refusal(cls, device: torch.device) -> str:  # noqa: ARG003
        """Why it is not even tried on a device, "" otherwise."""
        return ""

    @classmethod
    def unfit(cls, weight: torch.Tensor) -> str:  # noqa: ARG003
        """Why it cannot be used for this one matrix, "" otherwise."""
        return ""


def padded(x: torch.Tensor) -> torch.Tensor:
    """Rows of zeros added so that there are few different numbers of rows, at most an eighth more.

    oneDNN keeps some 0.6 MB of code for each number that a matrix in bfloat16 has met, up to a thousand of them.
    """
    import torch

    rows = x.shape[0]  # len(x) goes through Python's iteration protocol of tensors, some 3 % of a decode step
    step = max(1, (1 << (rows - 1).bit_length()) >> 3)
    return torch.nn.functional.pad(x, (0, 0, 0, -rows % step)) if rows % step else x


def _size(numbers: torch.Tensor) -> float:
    return float(numbers.square().sum().sqrt())
