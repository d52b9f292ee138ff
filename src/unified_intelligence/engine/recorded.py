"""Steps recorded as CUDA graphs: one launch in place of one for each of hundreds of small kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    import torch

    Work = Callable[[], torch.Tensor]

_BEFORE = 2  # runs before it is recorded: libraries take handles and memory at the first, and may not while recording


class Graphs:
    """Records on one device. What graphs compute on the way is in memory they share: no two of them run at once."""

    def __init__(self, device: torch.device) -> None:
        import torch

        self._device = device
        with torch.cuda.device(device):
            # one stream for all of it: libraries keep handles and memory for each stream
            self._stream = torch.cuda.Stream()
        self._alive: WeakSet[Any] = WeakSet()
        self._memory: Any = None

    def __call__(self, work: Work) -> Work:
        """What does the same from now on: its result is in the same place each time, and read before the next.

        Raises RuntimeError for what cannot be recorded.
        """
        import torch

        library: Any = torch.cuda  # half typed
        graph = library.CUDAGraph()
        if not self._alive:  # memory that no graph uses any more is given back, and cannot be used again by its name
            self._memory = library.graph_pool_handle()
        with torch.cuda.device(self._device):
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(_BEFORE):
                    work()
            torch.cuda.synchronize()
            # other threads may use the device meanwhile
            with library.graph(graph, self._memory, self._stream, capture_error_mode="thread_local"):
                result = work()
        self._alive.add(graph)

        def replay() -> torch.Tensor:
            graph.replay()
            return result

        return replay
