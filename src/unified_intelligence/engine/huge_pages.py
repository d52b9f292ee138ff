"""What a step reads, in pages of 2 MiB: Linux gives memory in pages of 4 KiB unless it is asked.

A step reads all weights from one end to the other, and between two pages a core waits to learn where the next one is;
on a virtual machine it is looked up twice. Where pages cannot be had, nothing else changes.

Gathering what is loaded takes seconds, which one short answer does not give back. So it is done at once where a model
is loaded ahead of its questions, and otherwise by the engine, piece by piece, when it has a moment or has earned it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Literal

from unified_intelligence.engine.kernels import Kernels, Linear

if TYPE_CHECKING:
    import torch

LargePages = Literal["auto", "off"]

SIZE = 2 << 20
_HUGE, _COLLAPSE = 14, 25  # MADV_HUGEPAGE and MADV_COLLAPSE of Linux; the second since 6.1
_AT_ONCE = 16 * SIZE  # each call waits for all cores first, and an answer may wait for a call
_VAIN = 16  # so many that could not be had one after the other, and no more are asked for


class Gathering:
    """What is written already, on its way into large pages. `done` bytes are in them; 0 where there are none to be had.

    The tensors are kept until it is over: their memory may not become another's.
    """

    def __init__(self, tensors: Iterable[torch.Tensor] = ()) -> None:
        self._advise, self._vain, self.done = _advise(), 0, 0
        self._tensors = list(tensors) if self._advise else []
        self._left = list(_stretches(self._tensors))[::-1]

    @property
    def left(self) -> bool:
        """Whether there is more to do."""
        return bool(self._left)

    def some(self) -> None:
        """A piece of it, some hundredths of a second."""
        if self._left and self._advise:
            self._gather(*self._left.pop(), self._advise)
        if not self._left or self._vain >= _VAIN:
            self._left, self._tensors = [], []

    def all(self) -> None:
        while self.left:
            self.some()

    def _gather(self, start: int, end: int, advise: Callable[..., int]) -> None:
        if not advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _COLLAPSE):
            self.done, self._vain = self.done + end - start, 0
            return
        for page in range(start, end, SIZE):
            if not advise(ctypes.c_void_p(page), ctypes.c_size_t(SIZE), _COLLAPSE):
                self.done, self._vain = self.done + SIZE, 0
                continue
            self._vain += 1
            if self._vain == _VAIN:
                return


def expect(tensor: torch.Tensor) -> None:
    """For memory that is not written yet: it comes in large pages as it is."""
    advise, (start, end) = _advise(), _range(tensor)
    start, end = -(-start // SIZE) * SIZE, end // SIZE * SIZE
    if advise is not None and start < end:
        advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _HUGE)


def zeros(shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
    """Zeros for what is written bit by bit: main memory is taken only as it is written, in large pages.

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
    """The stretches of memory, from page to page, that hold a part of the tensors; neighbours are joined, up to
    `_AT_ONCE`.

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
