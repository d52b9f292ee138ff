"""What one request asks of a row of logits, and what it remembers from token to token.

The order: what the form of the answer forbids is masked, and end tokens until `min_tokens`; then repetition, frequency
and presence penalty, temperature, top_k, top_p, min_p. It is that of Transformers, so the same parameters keep the same
tokens. Log-probabilities are the model's own, from before all of this: they say how likely the model found a token, not
how likely it was to be drawn.

A token takes one random number, drawn here before its logits are looked at. So a seed means the same tokens in any
company, and on every device that computes the same logits. `draw` does what is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from unified_intelligence.engine.constraints import Constraint
    from unified_intelligence.profiles.sampling import Sampling

_GREEDY = 1e-5  # a temperature so small leaves no choice, and dividing by it no numbers


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


@dataclass(frozen=True, slots=True)
class Wish:
    """Everything that turns a row of logits into a token.

    `random` is at least 0 and below 1, and not looked at where there is no choice. `allowed` has a bit for each token,
    None where no form is asked for; none of `barred` may come besides.
    """

    sampling: Sampling
    random: float
    barred: Collection[int] = ()
    allowed: bytes | None = None
    penalties: Penalties | None = None
    logprobs: int | None = None


class Sampler:
    """What is asked for the tokens of one request, from random numbers of its own."""

    def __init__(self, sampling: Sampling, prompt: Sequence[int], *, seed: int | None, logprobs: int | None) -> None:
        self._sampling, self._logprobs = sampling, logprobs
        self._random = Random(None if seed is None else seed % 2**63)  # of a negative one the sign would not count
        self._penalties = Penalties(sampling, prompt) if is_penalising(sampling) else None

    def wish(self, barred: Collection[int] = (), constraint: Constraint | None = None) -> Wish:
        """For the next token, which is none that is barred, and may come next. Raises ModelError."""
        allowed = constraint.allowed() if constraint else None
        if constraint:
            barred = {*barred, *constraint.barred}
        drawn = 0.0 if is_greedy(self._sampling) else self._random.random()
        return Wish(self._sampling, drawn, barred, allowed, self._penalties, self._logprobs)

    def note(self, token: int) -> None:
        """The answer goes on with this token."""
        if self._penalties:
            self._penalties.count(token)


def is_greedy(sampling: Sampling) -> bool:
    return sampling.temperature < _GREEDY


def is_free(sampling: Sampling) -> bool:
    """Whether any token may be drawn."""
    return not (sampling.top_k or sampling.min_p or sampling.top_p < 1)


def is_penalising(sampling: Sampling) -> bool:
    return bool(sampling.presence_penalty or sampling.frequency_penalty or sampling.repetition_penalty != 1)


class Penalties:
    """What one request has read and written, and what it costs a token to be in it.

    Repetition divides a positive logit of a token that was read or written, and multiplies a negative one. Presence is
    subtracted once, frequency as often as it was written; what was only read costs nothing there.

    `tokens` are those that cost something, `counts` how often each was written.
    """

    def __init__(self, sampling: Sampling, prompt: Sequence[int]) -> None:
        import numpy

        self._sampling = sampling
        read = dict.fromkeys(prompt) if sampling.repetition_penalty != 1 else {}
        self._places = {token: place for place, token in enumerate(read)}
        self.tokens: NDArray[numpy.int64] = numpy.fromiter(self._places, numpy.int64)
        self.counts: NDArray[numpy.float32] = numpy.zeros(len(self._places), numpy.float32)

    def count(self, token: int) -> None:
        import numpy

        place = self._places.setdefault(token, len(self._places))
        if place == len(self.tokens):
            self.tokens = numpy.append(self.tokens, numpy.int64(token))
            self.counts = numpy.append(self.counts, numpy.float32(0))
        self.counts[place] += 1

    def apply(self, logits: NDArray[numpy.float32]) -> None:
        """In place, on logits of shape (vocabulary,). Only those of tokens that cost something are looked at."""
        import numpy

        own, values = self._sampling, logits[self.tokens]
        if own.repetition_penalty != 1:
            by = numpy.float32(own.repetition_penalty)
            values = numpy.where(values >= 0, values / by, values * by)
        values -= numpy.float32(own.frequency_penalty) * self.counts
        logits[self.tokens] = values - numpy.float32(own.presence_penalty) * (self.counts > 0)
