"""All rows of a step become tokens at once, where they are: as many operations for sixty-four rows as for one.

What the device is told is sent without waiting for it. What comes back comes in one transfer, after all is computed:
the likeliest of rows that are drawn from those, the tokens of the others. A second one brings what was looked at beyond
the likeliest, and a third log-probabilities, where there is such a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING

from unified_intelligence.engine.draw import BLOCK, LIKELY, cut, placed
from unified_intelligence.engine.sampling import Wish, is_free, is_greedy

if TYPE_CHECKING:
    import numpy
    import torch
    from numpy.typing import NDArray

    from unified_intelligence.engine.draw import Floats, Logprobs, Tokens
    from unified_intelligence.profiles.sampling import Sampling

_LAST, _LOW = 2**31 - 1, 2**32 - 1
_SORTED = 16  # rows in order at once: that takes memory beside the conversations'
_GREEDY, _FREE, _FEW, _WIDE, _WHOLE = range(5)


def tokens_of(rows: Sequence[torch.Tensor], wishes: Sequence[Wish]) -> list[int | None]:
    """A token for each wish from its row, shape (vocabulary,); None where the highest logit is no number."""
    order = sorted(range(len(rows)), key=lambda at: _kind(wishes[at].sampling))
    step = _Step([rows[at] for at in order], [wishes[at] for at in order])
    drawn = dict(zip(order, step.tokens(), strict=True))
    return [drawn[at] for at in range(len(rows))]


def logprobs_of(rows: Sequence[torch.Tensor], tokens: Sequence[int], most: Sequence[int]) -> list[Logprobs]:
    """The log-probability of each row's token and at most so many of the likeliest; the impossible are left out."""
    import numpy
    import torch

    if not rows:
        return []
    logits = torch.stack(list(rows)).float()
    chosen = _sent(numpy.array(tokens), logits.device)[:, None]
    best, places = likeliest(_padded(logits), max(1, min(max(most), logits.shape[1])))
    whole = logits.logsumexp(-1, keepdim=True)
    own, values, ids = _brought([logits.gather(1, chosen) - whole, best - whole, places])
    told: list[Logprobs] = []
    for at, some in enumerate(most):
        possible = [place for place in range(min(some, values.shape[1])) if numpy.isfinite(values[at, place])]
        told.append((float(own[at, 0]), tuple((int(ids[at, place]), float(values[at, place])) for place in possible)))
    return told


def _kind(sampling: Sampling) -> int:
    """What is looked at: the best, all, the top_k, what is nearly always enough, or the whole row in its order."""
    if is_greedy(sampling):
        return _GREEDY
    if is_free(sampling):
        return _FREE
    if not sampling.top_k:
        return _WIDE
    return _FEW if sampling.top_k <= LIKELY else _WHOLE


class _Step:
    """Rows of logits and what is asked of them, those of a kind side by side."""

    def __init__(self, rows: Sequence[torch.Tensor], wishes: Sequence[Wish]) -> None:
        import torch

        self._wishes, self._device = wishes, rows[0].device
        self._logits = _padded(torch.stack(list(rows)).float())
        _allow(self._logits, wishes)
        _bar(self._logits, wishes)
        _penalise(self._logits, wishes)
        kinds = [_kind(wish.sampling) for wish in wishes]
        begins = {kind: kinds.index(kind) for kind in sorted(set(kinds))}
        self._rows = {kind: slice(begin, begin + kinds.count(kind)) for kind, begin in begins.items()}

    def tokens(self) -> list[int | None]:
        import numpy

        best, first = self._logits.max(-1)  # of equal ones the first, before them what is no number
        parts = {kind: self._looked_at(kind, at, best[at]) for kind, at in self._rows.items() if kind in _LOOKS}
        come = iter(_brought([best, first, *chain.from_iterable(parts.values())]))
        highest, tokens = next(come), next(come).astype(numpy.int64)
        unsettled = [*range(*self._rows.get(_WHOLE, slice(0, 0)).indices(len(tokens)))]
        for kind, part in parts.items():
            at = self._rows[kind]
            tokens[at], beyond = self._drawn(kind, [next(come) for _ in part])
            unsettled += [at.start + row for row in beyond]
        sound = numpy.isfinite(highest)
        if unsettled := [at for at in unsettled if sound[at]]:
            (tokens[unsettled],) = _brought([self._in_order(unsettled)])
        return [int(token) if finite else None for token, finite in zip(tokens, sound, strict=True)]

    def _looked_at(self, kind: int, rows: slice, best: torch.Tensor) -> tuple[torch.Tensor, ...]:
        logits, wishes = self._logits[rows], self._wishes[rows]
        if kind == _FEW:
            return likeliest(logits, min(max(wish.sampling.top_k for wish in wishes), logits.shape[1]))
        temperature, random, *_ = _numbers(wishes, self._device)
        weights = ((logits - best[:, None]) / temperature.float()).exp()
        if kind == _FREE:
            return (_of_all(weights, random),)
        return *likeliest(logits, min(LIKELY, logits.shape[1])), weights.sum(-1)

    def _drawn(self, kind: int, come: Sequence[Floats]) -> tuple[Tokens, list[int]]:
        """Tokens of the rows of one kind, and those of these rows that may keep more than was looked at."""
        import numpy

        if kind == _FREE:
            return come[0].astype(numpy.int64), []
        wishes = self._wishes[self._rows[kind]]
        wholes = come[2].astype(numpy.float64) if kind == _WIDE else None
        weights = cut(come[0], wholes, [wish.sampling for wish in wishes])
        tokens = come[1][numpy.arange(len(wishes)), placed(weights, wishes)].astype(numpy.int64)
        wider = kind == _WIDE and weights.shape[1] < self._logits.shape[1]
        return tokens, [int(at) for at in numpy.flatnonzero(weights[:, -1])] if wider else []

    def _in_order(self, rows: Sequence[int]) -> torch.Tensor:
        """The tokens of these rows, by all of their logits."""
        import numpy
        import torch

        places = _sent(numpy.array(rows), self._device)
        asked = _numbers([self._wishes[at] for at in rows], self._device)
        some = [slice(at, at + _SORTED) for at in range(0, len(rows), _SORTED)]
        return torch.cat([self._of_sorted(self._logits[places[part]], asked[:, part]) for part in some])

    def _of_sorted(self, logits: torch.Tensor, asked: torch.Tensor) -> torch.Tensor:
        import torch

        temperature, random, top_p, min_p, top_k = asked
        ordered, order = logits.sort(descending=True, stable=True)
        weights = ((ordered - ordered[:, :1]).double() / temperature).exp()
        ranks = torch.arange(ordered.shape[1], device=self._device)
        weights = weights.where((ranks < top_k) | (top_k == 0), 0)
        sums = weights.cumsum(-1)
        may = (weights >= min_p) & ((sums - weights < top_p * sums[:, -1:]) | (top_p >= 1))
        sums = weights.where(may | (ranks == 0), 0).cumsum(-1)
        return order.gather(1, _first_beyond(sums, random[:, 0] * sums[:, -1])[:, None])[:, 0]


_LOOKS = frozenset({_FREE, _FEW, _WIDE})


def likeliest(logits: torch.Tensor, some: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits and the tokens of the `some` likeliest of each row, shape (rows, vocabulary), best first, of equal
    ones the lower number first.

    At first groups of neighbours are looked for: a group whose best is not among so many holds none of them.
    """
    import torch

    size = _group(logits.shape[1], some)
    tokens = torch.arange(logits.shape[1], device=logits.device)
    if logits.shape[1] > some * size > some:
        best = logits.view(len(logits), -1, size).amax(-1)
        groups = _first(best, torch.arange(best.shape[1], device=logits.device), some)
        tokens = (groups[:, :, None] * size + tokens[:size]).flatten(1)
        values = logits.gather(1, tokens)
    else:
        values = logits
    tokens = _first(values, tokens, some)
    return logits.gather(1, tokens), tokens


def _group(size: int, some: int) -> int:
    """Neighbours in a group, a power of two: about as few groups as tokens in those that are found."""
    wanted, group = size / some, 1
    while 4 * group * group <= wanted and group < BLOCK:
        group *= 2
    return group


def _first(values: torch.Tensor, numbers: torch.Tensor, some: int) -> torch.Tensor:
    """The numbers of the highest of each row, of equal values the lowest number first: no two are equal so."""
    import torch

    bits = (values + 0.0).view(torch.int32)  # of two zeros, one has a sign
    rising = bits ^ ((bits >> 31) & _LAST)
    keys = (rising.long() << 32) | (_LAST - numbers)
    return _LAST - (keys.topk(some).values & _LOW)


def _of_all(weights: torch.Tensor, random: torch.Tensor) -> torch.Tensor:
    """The token of each row that its random number falls on: first its block, then itself."""
    import torch

    table = weights.view(len(weights), -1, BLOCK)
    sums = table.sum(-1).cumsum(-1, dtype=torch.float64)
    drawn = random[:, 0] * sums[:, -1]
    block = _first_beyond(sums, drawn)[:, None]
    before = torch.nn.functional.pad(sums, (1, 0)).gather(1, block)[:, 0]
    inside = table.gather(1, block[:, :, None].expand(-1, 1, BLOCK))[:, 0].cumsum(-1, dtype=torch.float64)
    return block[:, 0] * BLOCK + _first_beyond(inside, drawn - before)


def _first_beyond(sums: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """The last that weighs anything, where rounding leaves none beyond; some place where sums are no numbers."""
    last = (sums < sums[:, -1:]).sum(-1)
    return (sums <= drawn[:, None]).sum(-1).minimum(last)


def _padded(logits: torch.Tensor) -> torch.Tensor:
    """The logits, padded to whole blocks."""
    import torch

    rest = -logits.shape[1] % BLOCK
    return torch.nn.functional.pad(logits, (0, rest), value=float("-inf")) if rest else logits


def _allow(logits: torch.Tensor, wishes: Sequence[Wish]) -> None:
    """In place: leaves a row whose answer has a form only the tokens that the form allows."""
    import numpy
    import torch

    rows = [at for at, wish in enumerate(wishes) if wish.allowed is not None]
    if not rows:
        return
    table = numpy.zeros((len(rows), logits.shape[1] // 8), numpy.uint8)
    for own, at in zip(table, rows, strict=True):
        bits = numpy.frombuffer(wishes[at].allowed or b"", numpy.uint8)[: len(own)]
        own[: len(bits)] = bits
    places = _sent(numpy.array(rows), logits.device)
    allowed = _sent(table, logits.device)[:, :, None] >> torch.arange(8, device=logits.device, dtype=torch.uint8) & 1
    logits.index_put_((places,), logits[places].where(allowed.flatten(1).bool(), float("-inf")))


def _bar(logits: torch.Tensor, wishes: Sequence[Wish]) -> None:
    """In place: bars tokens. One beyond the vocabulary cannot come anyway, and writing there would end the use of a
    GPU.
    """
    import numpy

    barred = [(at, token) for at, wish in enumerate(wishes) for token in wish.barred if token < logits.shape[1]]
    if barred:
        rows, tokens = _sent(numpy.array(barred).T, logits.device)
        logits.index_put_((rows, tokens), logits.new_full((), float("-inf")))


def _penalise(logits: torch.Tensor, wishes: Sequence[Wish]) -> None:
    """In place: applies each row's penalties for what it has read and written."""
    import numpy

    found = [(at, wish.penalties, wish.sampling) for at, wish in enumerate(wishes) if wish.penalties]
    sizes = [len(penalties.tokens) for _, penalties, _ in found]
    if not sum(sizes):
        return
    places = [numpy.repeat([at for at, _, _ in found], sizes), numpy.concatenate([own.tokens for _, own, _ in found])]
    costs = numpy.array([(one.repetition_penalty, one.frequency_penalty, one.presence_penalty) for _, _, one in found])
    counts = numpy.concatenate([own.counts for _, own, _ in found])
    numbers = numpy.vstack([counts, *numpy.repeat(costs.T, sizes, axis=1)]).astype(numpy.float32)
    rows, tokens = _sent(numpy.array(places), logits.device)
    count, repetition, frequency, presence = _sent(numbers, logits.device)
    values = logits[rows, tokens]
    values = (values / repetition).where(values >= 0, values * repetition)
    logits.index_put_((rows, tokens), values - frequency * count - presence * (count > 0))


def _numbers(wishes: Sequence[Wish], device: torch.device) -> torch.Tensor:
    """Temperature, random number, top_p, min_p and top_k, each of shape (rows, 1)."""
    import numpy

    pairs = [(wish.sampling, wish.random) for wish in wishes]
    asked = [(own.temperature, random, own.top_p, own.min_p, own.top_k) for own, random in pairs]
    return _sent(numpy.array(asked, numpy.float64).T[:, :, None], device)


def _sent(array: NDArray[numpy.generic], device: torch.device) -> torch.Tensor:
    """The array on the device, without waiting for the pass that runs there."""
    import numpy
    import torch

    return torch.as_tensor(numpy.ascontiguousarray(array)).to(device, non_blocking=True)


def _brought(tensors: Sequence[torch.Tensor]) -> list[Floats]:
    """The tensors from the device in one transfer, as float32, which holds the number of every token exactly."""
    import torch

    whole = torch.cat([each.float().flatten() for each in tensors]).cpu().numpy()
    ends = accumulate(each.numel() for each in tensors)
    return [whole[end - each.numel() : end].reshape(each.shape) for each, end in zip(tensors, ends, strict=True)]
