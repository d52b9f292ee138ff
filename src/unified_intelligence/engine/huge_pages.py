"""What a step reads, in pages of 2 MiB: Linux gives memory in pages of 4 KiB unless it is asked.

A step reads all weights from one end to the other, and between two pages a core waits to learn where the next one is;
on a virtual machine it is looked up twice. Where pages cannot be had, nothing else changes.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING

from unified_intelligence.engine.kernels import Kernels, Linear

if TYPE_CHECKING:
    import torch

SIZE = 2 << 20
_HUGE, _COLLAPSE = 14, 25  # MADV_HUGEPAGE and MADV_COLLAPSE of Linux; the second since 6.1
_AT_ONCE = 64 * SIZE  # each call waits for all cores first
_VAIN = 16  # so many that could not be had one after the other, and no more are asked for


def collapse(tensors: Iterable[torch.Tensor]) -> int:
    """Gathers what is written already. Bytes that are now in large pages; 0 where there are none to be had."""
    advise, done, vain = _advise(), 0, 0
    if advise is None:
        return 0
    for start, end in _stretches(tensors):
        if not advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _COLLAPSE):
            done, vain = done + end - start, 0
            continue
        for page in range(start, end, SIZE):
            if not advise(ctypes.c_void_p(page), ctypes.c_size_t(SIZE), _COLLAPSE):
                done, vain = done + SIZE, 0
            elif (vain := vain + 1) == _VAIN:
                return done
    return done


def expect(tensor: torch.Tensor) -> None:
    """For memory that is not written yet: it comes in large pages as it is."""
    advise, (start, end) = _advise(), _range(tensor)
    start, end = -(-start // SIZE) * SIZE, end // SIZE * SIZE
    if advise is not None and start < end:
        advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _HUGE)


def zeros(shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """For what is written bit by bit: in main memory it is taken only as it is written, in large pages.

    Of the same device and type as another tensor. Raises MemoryError, or RuntimeError as torch does.
    """
    import torch

    size = prod(shape) * like.itemsize
    if like.device.type != "cpu" or not size or sys.platform != "linux":
        return like.new_zeros(shape)
    from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap

    try:
        memory = mmap(-1, size, MAP_PRIVATE | MAP_ANONYMOUS)
    except OSError as error:
        raise MemoryError(str(error)) from error
    tensor = torch.frombuffer(memory, dtype=like.dtype).view(*shape)
    expect(tensor)
    return tensor


def kept_by(products: Iterable[Linear]) -> Iterator[torch.Tensor]:
    """The weights of products, in whatever form they keep them."""
    import torch

    for product in products:
        yield from (value for value in vars(product).values() if isinstance(value, torch.Tensor))


def _stretches(tensors: Iterable[torch.Tensor]) -> Iterator[tuple[int, int]]:
    """From page to page, all that hold a part of them; neighbours in memory are one, of at most `_AT_ONCE`.

    What is smaller than a page stays where it is.
    """
    stretches = list[tuple[int, int]]()
    for start, end in sorted(place for place in map(_range, tensors) if place[1] - place[0] >= SIZE):
        first, after = start // SIZE * SIZE, -(-end // SIZE) * SIZE
        if stretches and first <= stretches[-1][1]:
            first, after = stretches[-1][0], max(after, stretches.pop()[1])
        stretches.append((first, after))
    for start, end in stretches:
        for first in range(start, end, _AT_ONCE):
            yield first, min(end, first + _AT_ONCE)


def _range(tensor: torch.Tensor) -> tuple[int, int]:
    """Empty for one that is not in this machine's memory."""
    if tensor.device.type != "cpu":
        return 0, 0
    if not tensor.is_mkldnn:
        return tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
    kernels = Kernels()
    try:
        start: int = kernels["mkldnn.data_ptr"](tensor)
        return start, start + kernels["mkldnn._nbytes"](tensor)
    except (AttributeError, RuntimeError):  # undocumented: another version of torch may not tell
        return 0, 0


def _advise() -> Callable[..., int] | None:
    return ctypes.CDLL(None).madvise if sys.platform == "linux" else None
