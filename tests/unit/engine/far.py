"""A device that is none: its tensors lie in this machine's memory, and are reached by transfers only, as a GPU's are.

An operation of a tensor here with one there fails as it does with a GPU, and so does reading a tensor there by NumPy.
What is sent, what is brought, and where this machine had to wait are counted.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

pytree: Any = _pytree
DEVICE = torch.device("xla:0")
_WAITING = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::item", "aten::_unique2"}


class There(torch.Tensor):
    """A tensor of that device; `held` has its numbers."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls: type[There], held: torch.Tensor) -> There:  # noqa: PYI034 - a static method knows no Self
        library: Any = torch.Tensor
        lies = {"strides": held.stride(), "storage_offset": held.storage_offset()}
        made = library._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, device=DEVICE, **lies)
        made.held = held
        return made

    def __getitem__(self, key: Any) -> There:  # else torch asks for the device's own library
        keys = [each for each in pytree.tree_leaves(key) if isinstance(each, torch.Tensor)]
        assert all(isinstance(each, There) for each in keys), "an index of the other device"
        return There(self.held[pytree.tree_map_only(There, lambda each: each.held, key)])

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError("nobody watches")


class Far(TorchDispatchMode):
    """While it is entered; `counted` are sent, brought, waited and operations."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name, wanted = func._schema.name, kwargs.get("device")
        with self:  # without gradients, operations that are made of others come as one
            if (made := func.decompose(*args, **kwargs)) is not NotImplemented:
                return made
        given = [each for each in pytree.tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        there = [isinstance(each, There) for each in given]
        if name == "aten::_to_copy" and wanted is not None:
            return self._moved(func, args, kwargs)
        far = any(there) or (not given and wanted == DEVICE)
        if not far:
            return func(*args, **kwargs)
        assert all(mine or not each.dim() for mine, each in zip(there, given, strict=True)), f"{name} of both devices"
        self.counted["operations"] += 1
        self.counted["waited"] += name in _WAITING
        if wanted is not None:
            kwargs["device"] = torch.device("cpu")
        unwrapped = pytree.tree_map_only(There, lambda each: each.held, (args, kwargs))
        result = func(*unwrapped[0], **unwrapped[1])
        if name == "aten::_local_scalar_dense":
            return result
        if func._schema.is_mutable and isinstance(args[0], There):
            return args[0]
        return pytree.tree_map_only(torch.Tensor, There, result)

    def _moved(self, func: Any, args: Any, kwargs: dict[str, Any]) -> torch.Tensor:
        source, device = args[0], kwargs.pop("device")
        waits = not kwargs.pop("non_blocking", False)
        held = func(source.held if isinstance(source, There) else source, **kwargs)
        if isinstance(source, There) == (device.type == DEVICE.type):
            return There(held) if isinstance(source, There) else held
        self.counted["sent" if device.type == DEVICE.type else "brought"] += 1
        self.counted["waited"] += waits
        return held if isinstance(source, There) else There(held)

    def send(self, tensor: torch.Tensor) -> torch.Tensor:
        return There(tensor)
