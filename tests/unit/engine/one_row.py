"""What one request makes of a row of logits, without an engine."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch

from unified_intelligence.engine.draw import draw
from unified_intelligence.engine.sampling import Chosen, Sampler
from unified_intelligence.profiles.sampling import Sampling


class OneRow:
    """Draws tokens of one request, one after the other. Raises ModelError."""

    def __init__(
        self, sampling: Sampling, prompt: Sequence[int] = (), *, seed: int | None = 3, logprobs: int | None = None
    ) -> None:
        self._sampler = Sampler(sampling, prompt, seed=seed, logprobs=logprobs)

    def draw(self, logits: torch.Tensor, barred: Collection[int] = ()) -> Chosen:
        (drawn,) = draw([logits], [self._sampler.wish(barred)])
        if isinstance(drawn, Exception):
            raise drawn
        return drawn

    def note(self, token: int) -> None:
        self._sampler.note(token)
