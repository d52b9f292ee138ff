"""What a CUDA graph is to a GPU, on a CPU: operations are recorded once, and done again on the same memory.

Python runs while it is recorded only, and what was recorded reads the caches where they were: a step that depends on
anything but its inputs, or is kept too long, gives other logits.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.fx.experimental import proxy_tensor

from unified_intelligence.engine.adapted import Adapters
from unified_intelligence.engine.fused import FusedForward
from unified_intelligence.engine.kernels import Kernels

Work = Callable[[], torch.Tensor]


class Tape:
    """`recorded` and `replayed` count. The result is where it was the last time, as a graph's is."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, work: Work) -> Work:
        library: Any = proxy_tensor
        work()
        graph = library.make_fx(work)()
        result = torch.full_like(graph(), float("nan"))
        self.recorded += 1

        def replay() -> torch.Tensor:
            self.replayed += 1
            return result.copy_(graph())

        return replay


def taped(model: Any, longest: int, adapters: Adapters | None = None) -> tuple[FusedForward, Tape]:
    """Of products that torch records: it sees nothing of our own kernels."""
    forward = FusedForward(model, longest=longest, adapters=adapters, kernels=Kernels({}))
    tape = Tape()
    forward.steadily(record=tape)
    return forward, tape
