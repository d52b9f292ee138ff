"""One row of logits becomes one token, by what one request asked for.

The order: what the form of the answer forbids is masked, and end tokens until `min_tokens`; then repetition, frequency
and presence penalty, temperature, top_k, top_p, min_p. It is that of Transformers, so the same parameters keep the same
tokens. Log-probabilities are the model's own, from before all of this: they say how likely the model found a token, not
how likely it was to be drawn.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unified_intelligence.entities.errors import ModelError

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.constraints import Constraint
    from unified_intelligence.profiles.sampling import Sampling

_GREEDY = 1e-5  # a temperature so small leaves no choice, and dividing by it no numbers
_LIKELY = 1024  # tokens among which top_p and min_p nearly always find all they keep
_BLOCK = 64


@dataclass(frozen=True, slots=True)
class Chosen:
    """A token of an answer; `forced` ones the model did not choose.

    `logprob` is its natural-logarithm probability, None where nobody asked; `alternatives` are the likeliest tokens in
    its place with theirs, best first, itself among them where it belongs.
    """

    token: int
    logprob: float | None = None
    alternatives: tuple[tuple[int, float], ...] = ()
    forced: bool = False


class Sampler:
    """Draws the tokens of one request, from a random generator of its own: a seed means the same in any company."""

    def __init__(
        self, sampling: Sampling, prompt: Sequence[int], *, seed: int | None, logprobs: int | None, device: torch.device
    ) -> None:
        import torch

        self._sampling, self._prompt, self._logprobs = sampling, prompt, logprobs
        self._random = torch.Generator(device)
        if seed is None:
            self._random.seed()
        else:
            self._random.manual_seed(seed % 2**63)  # torch takes no longer one
        self._written: list[int] = []
        self._penalties: Penalties | None = None

    def draw(self, logits: torch.Tensor, barred: Collection[int] = (), constraint: Constraint | None = None) -> Chosen:
        """A token of logits of shape (vocabulary,) that is not barred and may come next. Raises ModelError."""
        possible = constraint.mask(logits) if constraint else logits
        with _without(possible, barred):
            token = choose(self._penalised(possible), self._sampling, self._random)
        if self._logprobs is None:
            return Chosen(token)
        return Chosen(token, *logprobs_of(logits, token, self._logprobs))

    def note(self, token: int) -> None:
        """The answer goes on with this token."""
        self._written.append(token)

    def _penalised(self, logits: torch.Tensor) -> torch.Tensor:
        if not is_penalising(self._sampling):
            return logits
        if self._penalties is None:
            self._penalties = Penalties(self._sampling, self._prompt, logits)
        self._penalties.count(self._written)
        self._written.clear()
        return self._penalties.apply(logits)


def is_penalising(sampling: Sampling) -> bool:
    return bool(sampling.presence_penalty or sampling.frequency_penalty or sampling.repetition_penalty != 1)


class Penalties:
    """What one request has read and written, and what it costs a token to be in it.

    Repetition divides a positive logit of a token that was read or written, and multiplies a negative one. Presence is
    subtracted once, frequency as often as it was written; what was only read costs nothing there.
    """

    def __init__(self, sampling: Sampling, prompt: Sequence[int], logits: torch.Tensor) -> None:
        import torch

        self._sampling = sampling
        self._counts = torch.zeros(logits.shape[-1], device=logits.device)
        self._seen = dict.fromkeys(prompt)
        self._tokens = torch.empty(0, dtype=torch.long, device=logits.device)

    def count(self, tokens: Sequence[int]) -> None:
        for token in tokens:
            self._counts[token] += 1
            self._seen[token] = None

    def apply(self, logits: torch.Tensor) -> torch.Tensor:
        """New logits, in float32. Only those of tokens that were read or written are looked at."""
        import torch

        own, logits = self._sampling, logits.to(torch.float32, copy=True)
        if len(self._tokens) != len(self._seen):
            self._tokens = torch.tensor(list(self._seen), dtype=torch.long, device=logits.device)
        values, counts = logits[self._tokens], self._counts[self._tokens]
        if own.repetition_penalty != 1:
            by = own.repetition_penalty
            values = (values / by).where(values >= 0, values * by)
        logits[self._tokens] = values - own.frequency_penalty * counts - own.presence_penalty * (counts > 0)
        return logits


def choose(logits: torch.Tensor, sampling: Sampling, random: torch.Generator) -> int:
    """One token by temperature, top_k, top_p, min_p. Raises ModelError for logits that are no numbers."""
    import torch

    if sampling.temperature < _GREEDY:
        best = _best(logits)
        _check(logits[best])
        return best
    if not (sampling.top_k or sampling.min_p or sampling.top_p < 1):
        _check(logits.amax())
        return _drawn((logits.float() / sampling.temperature).softmax(-1), random)
    chances, order = kept(logits, sampling)
    return int(order[torch.multinomial(chances, 1, generator=random)])


def kept(logits: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """What may be drawn: weights, best first, 0 for what may not, and the tokens they are of. Raises ModelError.

    Sorting a whole vocabulary takes longer than a pass of a small model, so at first only the likeliest are looked at.
    """
    first = min(sampling.top_k or _LIKELY, len(logits))
    ordered, order = _likeliest(logits, first)
    _check(ordered[0])
    ordered = ordered.float() / sampling.temperature
    if sampling.top_k:
        return _cut(ordered.softmax(-1), sampling), order
    scaled = logits.float() / sampling.temperature
    whole = scaled.logsumexp(-1)
    chances = _cut((ordered - whole).exp(), sampling)
    if first < len(scaled) and chances[-1] > 0:  # those behind it might be kept too
        ordered, order = scaled.sort(descending=True)
        chances = _cut((ordered - whole).exp(), sampling)
    return chances, order


def _likeliest(logits: torch.Tensor, some: int) -> tuple[torch.Tensor, torch.Tensor]:
    """So many logits, best first, and their tokens. Few are looked for only in the blocks with the highest maxima."""
    import torch

    blocks = len(logits) // _BLOCK
    if logits.device.type != "cpu" or 8 * some > blocks:
        return logits.topk(some)
    tail = blocks * _BLOCK
    table = logits[:tail].view(blocks, _BLOCK)
    chosen = table.amax(-1).topk(some).indices
    tokens = chosen[:, None] * _BLOCK + torch.arange(_BLOCK)
    tokens = torch.cat([tokens.flatten(), torch.arange(tail, len(logits))])
    ordered, places = logits[tokens].topk(some)
    return ordered, tokens[places]


def _check(best: torch.Tensor) -> None:
    """Of the highest logit; one that is no number counts as higher than all."""
    if not math.isfinite(best):
        raise ModelError("The model computed no finite number.", hint="Try the dtype float32.")


def _cut(chances: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Probabilities, best first, those that top_p and min_p leave out at 0."""
    may = chances >= sampling.min_p * chances[0]
    if sampling.top_p < 1:  # the sum of the likelier ones is rounded: it may be 1 before the last
        may &= (chances.cumsum(-1) - chances) < sampling.top_p
    may[0] = True
    return chances.where(may, 0)


def _best(logits: torch.Tensor) -> int:
    """On a CPU by NumPy: torch takes 20 times as long there."""
    return int(logits.float().numpy().argmax()) if logits.device.type == "cpu" else int(logits.argmax())


def _drawn(chances: torch.Tensor, random: torch.Generator) -> int:
    """One of very many. On a CPU torch.multinomial draws a number for each of them."""
    import torch

    if chances.device.type != "cpu":
        return int(torch.multinomial(chances, 1, generator=random))
    sums = chances.cumsum(-1, dtype=torch.float64)
    drawn = torch.searchsorted(sums, torch.rand(1, generator=random, dtype=torch.float64) * sums[-1], right=True)
    return min(int(drawn), int(torch.searchsorted(sums, sums[-1:])))  # the product may be rounded up to the whole sum


def logprobs_of(logits: torch.Tensor, token: int, most: int) -> tuple[float, tuple[tuple[int, float], ...]]:
    """The log-probability of a token and at most `most` of the likeliest, best first; the impossible are left out."""
    import torch

    all_of_them = logits.float().log_softmax(-1)
    best, places = all_of_them.topk(min(most, len(logits)))
    possible = int(torch.isfinite(best).sum())
    return float(all_of_them[token]), tuple((int(places[at]), float(best[at])) for at in range(possible))


@contextmanager
def _without(logits: torch.Tensor, barred: Collection[int]) -> Generator[None]:
    """Meanwhile nothing barred can be chosen. In place: a copy of all logits would cost more than the choice."""
    if not barred:
        yield
        return
    places = list(barred)
    kept = logits[places]
    logits[places] = float("-inf")
    try:
        yield
    finally:
        logits[places] = kept
