"""Rows of logits become tokens, each by what was asked for it.

On a CPU one row after the other, by NumPy: a row stays in the cache, and an operation of torch takes longer to begin
than most of these take. On a GPU all rows of a step together (`draw_together`). Where a token is one of the likeliest,
what is kept of those and the draw are the same functions for both, and computed on the CPU.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from unified_intelligence.engine.constraints import bias_of
from unified_intelligence.engine.sampling import Chosen, Wish, is_free, is_greedy
from unified_intelligence.entities.errors import ModelError

if TYPE_CHECKING:
    import numpy
    import torch
    from numpy.typing import NDArray

    from unified_intelligence.profiles.sampling import Sampling

    Floats = NDArray[numpy.float32]
    Doubles = NDArray[numpy.float64]
    Tokens = NDArray[numpy.int64]
    Logprobs = tuple[float, tuple[tuple[int, float], ...]]

TOGETHER = frozenset({"cuda"})  # where launching costs more than computing; from elsewhere rows come to the CPU
LIKELY = 1024  # tokens among which top_p and min_p nearly always find all they keep
BLOCK = 64
_WIDER = 16  # times as many are looked at where those were not enough


def draw(rows: Sequence[torch.Tensor], wishes: Sequence[Wish]) -> list[Chosen | ModelError]:
    """A token for each wish from its row, shape (vocabulary,), or why there is none. All are on one device."""
    import torch

    from unified_intelligence.engine import draw_together

    if not rows:
        return []
    together = rows[0].device.type in TOGETHER
    if not together and rows[0].device.type != "cpu":
        rows = list(torch.stack(list(rows)).cpu())
    drawn = draw_together.tokens_of(rows, wishes) if together else list(map(_token, rows, wishes))
    if all(wish.logprobs is None for wish in wishes):
        return [_chosen(token, None) for token in drawn]
    asked = [
        (at, token, wish.logprobs)
        for at, (token, wish) in enumerate(zip(drawn, wishes, strict=True))
        if token is not None and wish.logprobs is not None
    ]
    telling = draw_together.logprobs_of if together else _logprobs_of_each
    told = telling([rows[at] for at, _, _ in asked], [token for _, token, _ in asked], [most for _, _, most in asked])
    said = dict(zip((at for at, _, _ in asked), told, strict=True))
    return [_chosen(token, said.get(at)) for at, token in enumerate(drawn)]


def _chosen(token: int | None, said: Logprobs | None) -> Chosen | ModelError:
    if token is None:
        return ModelError("The model computed no finite number.", hint="Try the dtype float32.")
    return Chosen(token, *said) if said else Chosen(token)


def _token(row: torch.Tensor, wish: Wish) -> int | None:
    """The token that is drawn; None where the highest logit is no number, and NaN counts as the highest."""
    logits = row.float().numpy()
    if not wish.barred and wish.allowed is None and not wish.penalties:
        return _of_row(logits, wish)
    with _possible(logits, wish) as possible:
        return _of_row(possible, wish)


def _of_row(logits: Floats, wish: Wish) -> int | None:
    import numpy

    best = int(logits.argmax())
    if not math.isfinite(logits[best]):
        return None
    if is_greedy(wish.sampling):
        return best
    with numpy.errstate(over="ignore"):
        if is_free(wish.sampling):
            return _of_all(_weights(logits, logits[best], wish.sampling), wish.random)
        weights, tokens = kept(logits, wish.sampling)
        return int(tokens[placed(weights[None], [wish])[0]])


@contextmanager
def _possible(logits: Floats, wish: Wish) -> Generator[Floats]:
    """The logits for the block, in which nothing that may not come can be chosen; afterwards they are what they were.

    In place where few are barred: a copy of all would cost more than the choice.
    """
    import numpy

    row = logits
    if wish.allowed is not None:
        row = logits + bias_of(wish.allowed)[: len(logits)]
    elif wish.penalties:
        row = logits.copy()
    places = numpy.fromiter((token for token in wish.barred if token < len(row)), numpy.int64)
    before = row[places]
    row[places] = -numpy.inf
    if wish.penalties:
        wish.penalties.apply(row)
    try:
        yield row
    finally:
        row[places] = before


def kept(logits: Floats, sampling: Sampling) -> tuple[Doubles, Tokens]:
    """What may be drawn of a row: weights, best first, 0 for what may not, and the tokens they are of.

    Sorting a whole vocabulary takes longer than a pass of a small model, so at first only the likeliest are looked at.
    """
    import numpy

    if sampling.top_k:
        tokens = likeliest(logits, sampling.top_k)
        return cut(logits[tokens][None], None, [sampling])[0], tokens
    whole, some = _weights(logits, logits.max(), sampling).sum(dtype=numpy.float64), LIKELY
    while True:
        tokens = likeliest(logits, some)
        weights = cut(logits[tokens][None], numpy.array([whole]), [sampling])[0]
        if len(tokens) < some or not weights[-1]:
            return weights, tokens
        some *= _WIDER  # those behind them might be kept too


def cut(values: Floats, wholes: Doubles | None, samplings: Sequence[Sampling]) -> Doubles:
    """Weights of the likeliest of each row: their logits, best first, shape (rows, likeliest), to 0 for what top_k,
    top_p and min_p leave out.

    `wholes` are the sums of the weights of whole rows, where the best weighs 1. Without them those of the top_k count.
    """
    import numpy

    asked = [(one.temperature, one.top_p, one.min_p, one.top_k or values.shape[1]) for one in samplings]
    temperature, top_p, min_p, top_k = numpy.array(asked).T[:, :, None]
    with numpy.errstate(invalid="ignore"):  # a row that holds no numbers is nobody's
        weights = numpy.exp((values.astype(numpy.float64) - values[:, :1]) / temperature)
    weights[numpy.arange(values.shape[1]) >= top_k] = 0
    whole = weights.sum(1) if wholes is None else wholes
    may = weights >= min_p  # the best weighs 1
    before = weights.cumsum(1) - weights  # rounded: it may be the whole before the last
    may &= (before < top_p * whole[:, None]) | (top_p >= 1)
    may[:, 0] = True
    return numpy.where(may, weights, 0)


def placed(weights: Doubles, wishes: Sequence[Wish]) -> Tokens:
    """Which of each row's weights, shape (rows, likeliest), its random number falls on."""
    import numpy

    sums = weights.cumsum(1)
    drawn = numpy.array([wish.random for wish in wishes]) * sums[:, -1]
    last = (sums < sums[:, -1:]).sum(1)  # the product may be rounded up to the whole sum
    return numpy.minimum((sums <= drawn[:, None]).sum(1), last)


def likeliest(logits: Floats, some: int) -> Tokens:
    """So many of the likeliest tokens, best first, of equal ones the lower number first; fewer where no others can
    come.
    """
    import numpy
    import torch

    groups = len(logits) // BLOCK
    tail = groups * BLOCK
    if some < groups:  # the least of so many groups' best is no better than the least that is looked for
        best = torch.as_tensor(logits[:tail]).view(groups, BLOCK).amax(-1).numpy()  # six times as fast as NumPy
        least = max(_least(best, some), numpy.finfo(numpy.float32).min)
        (chosen,) = numpy.nonzero(best >= least)
        tokens = (chosen[:, None] * BLOCK + numpy.arange(BLOCK)).ravel()
        tokens = numpy.concatenate([tokens, numpy.arange(tail, len(logits))])
    else:
        least = max(_least(logits, some), numpy.finfo(numpy.float32).min)
        tokens = numpy.arange(len(logits))
    tokens = tokens[logits[tokens] >= least]
    return tokens[numpy.argsort(-logits[tokens], kind="stable")[:some]]


def _least(values: Floats, some: int) -> numpy.float32:
    """The lowest of the `some` highest values."""
    import numpy

    some = min(some, len(values))
    return numpy.partition(values, len(values) - some)[len(values) - some]


def _weights(logits: Floats, best: numpy.float32, sampling: Sampling) -> Floats:
    """The weights of all tokens; the best weighs 1."""
    import numpy

    weights = logits - best
    weights /= numpy.float32(sampling.temperature)
    return numpy.exp(weights, out=weights)


def _of_all(weights: Floats, random: float) -> int:
    """The token that a random number falls on: first its block, then itself."""
    import numpy

    sums = numpy.add.reduceat(weights, numpy.arange(0, len(weights), BLOCK)).cumsum(dtype=numpy.float64)
    drawn = random * sums[-1]
    block = _first_beyond(sums, drawn)
    inside = weights[block * BLOCK : (block + 1) * BLOCK].cumsum(dtype=numpy.float64)
    return block * BLOCK + _first_beyond(inside, drawn - (sums[block - 1] if block else 0.0))


def _first_beyond(sums: Doubles, drawn: float) -> int:
    """The last that weighs anything, where rounding leaves none beyond."""
    last: float = sums[-1]
    return min(int(sums.searchsorted(drawn, side="right")), int(sums.searchsorted(last)))


def _logprobs_of_each(rows: Sequence[torch.Tensor], tokens: Sequence[int], most: Sequence[int]) -> list[Logprobs]:
    return list(map(logprobs_of, rows, tokens, most))


def logprobs_of(row: torch.Tensor, token: int, most: int) -> Logprobs:
    """The log-probability of a token and at most `most` of the likeliest, best first; the impossible are left out."""
    own = row.float().log_softmax(-1).numpy()
    best = likeliest(own, most) if most else ()
    return float(own[token]), tuple((int(at), float(own[at])) for at in best)
