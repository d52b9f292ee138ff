"""Attention of rows that read one token each, over keys and values in pages.

A page and a row that looks at it are a pair. All pairs are two batched products, which read each page once and, where
it can be, where it is; what each page has found is put together by the largest score, as if there had been one softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from unified_intelligence.engine.pages import PAGE

if TYPE_CHECKING:
    import torch

_WASTE = 1.6  # times as many pages as are needed may be read if that spares a copy


@dataclass(frozen=True, slots=True)
class Heads:
    """`queries` heads share the keys and values of `keys` heads, of `size` numbers each."""

    queries: int
    keys: int
    size: int
    scale: float

    @property
    def group(self) -> int:
        return self.queries // self.keys


class Shape(NamedTuple):
    """The sizes of a step: none of the `rows` has more than `width` pages. `whole`: the pairs are the first pages there
    are, in their order.
    """

    rows: int
    pairs: int
    width: int
    whole: bool


class Pairs(NamedTuple):
    """Where rows look. `pages` of (pairs,) is None where they are the first there are; `owners` are their rows.

    `mask` of (pairs, 1, 1, page) is added to the scores; `table` of (rows, width) are the pairs of each row, of which
    `valid`, of (rows, width, 1, 1), are there at all.
    """

    pages: torch.Tensor | None
    owners: torch.Tensor
    mask: torch.Tensor
    table: torch.Tensor
    valid: torch.Tensor


def shape_of(tables: Sequence[Sequence[int]], pages: int) -> Shape:
    """The shape of a step with these tables of pages, of which there are `pages` in all."""
    counts = [len(table) for table in tables]
    needed, end = sum(counts), 1 + max(max(table) for table in tables)
    whole = min(end, pages) <= _WASTE * needed and len(set[int]().union(*tables)) == needed
    return Shape(len(tables), end if whole else needed, max(counts), whole)


def numbers_of(tables: Sequence[Sequence[int]], lengths: Sequence[int], shape: Shape) -> torch.Tensor:
    """Pages, owners and seen places of the pairs, then the table: all in one row.

    Where a row has no more pairs, its first stands in, as -1 less its number: another's may hold what is no number.

    A pair too many looks at no place of the page that is nobody's; a row too many gets no numbers.
    """
    import numpy as np
    import torch

    counts = np.fromiter(map(len, tables), np.int64, len(tables))
    flat = np.concatenate([np.asarray(table, np.int64) for table in tables])
    ends = counts.cumsum()
    seen = np.full(len(flat), PAGE, np.int64)
    seen[ends - 1] = np.asarray(lengths) - PAGE * (counts - 1)
    where = flat if shape.whole else np.arange(len(flat))
    found = np.zeros((3, shape.pairs), np.int64)
    found[0, where], found[1, where], found[2, where] = flat, np.arange(len(counts)).repeat(counts), seen
    table = np.full((shape.rows, shape.width), -1, np.int64)
    table[: len(counts)] -= where[ends - counts][:, None]
    table[: len(counts)][np.arange(shape.width) < counts[:, None]] = where
    library: Any = torch  # half typed
    return library.from_numpy(np.concatenate([found.ravel(), table.ravel()]))


def pairs_of(numbers: torch.Tensor, shape: Shape, dtype: torch.dtype) -> Pairs:
    """The pairs from their numbers, by operations of torch alone, on the device where the numbers are."""
    import torch

    pages, owners, seen = numbers[: 3 * shape.pairs].view(3, -1).unbind()
    table = numbers[3 * shape.pairs :].view(shape.rows, shape.width)
    hidden = torch.arange(PAGE, device=numbers.device) >= seen[:, None]
    mask = torch.zeros(hidden.shape, device=numbers.device, dtype=dtype).masked_fill_(hidden, float("-inf"))
    valid = (table >= 0)[:, :, None, None].float()
    return Pairs(None if shape.whole else pages, owners, mask[:, None, None], table.maximum(-1 - table), valid)


def attend(heads: Heads, q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, pairs: Pairs) -> torch.Tensor:
    """What rows q of (rows, query heads, size) see: (rows, query heads * size).

    Keys and values are all pages, (pages, key heads, page, size). The heads of a group are as many tokens over the same
    keys. A pair that is no row's comes to nothing, even if what is in its page is no number.
    """
    import torch

    count = len(pairs.owners)
    if pairs.pages is None:
        keys, values = keys[:count], values[:count]
    else:
        keys, values = keys[pairs.pages], values[pairs.pages]
    grouped = (q * heads.scale).view(-1, heads.keys, heads.group, heads.size)[pairs.owners].flatten(0, 1)
    keys, values = keys.flatten(0, 1), values.flatten(0, 1)
    if q.device.type == "cpu" and q.dtype is torch.float32:  # the other way about it takes longer there
        scores = keys.bmm(grouped.transpose(1, 2)).transpose(1, 2)
    else:
        scores = grouped.bmm(keys.transpose(1, 2))
    scores = scores.view(count, heads.keys, heads.group, -1) + pairs.mask
    most = scores.amax(-1)[pairs.table].amax(1).float()
    weights = (scores - most[pairs.owners][..., None]).exp()
    total = (weights.sum(-1)[pairs.table] * pairs.valid).sum(1)
    found = weights.to(q.dtype).flatten(0, 1).bmm(values).view(count, heads.keys, heads.group, -1)
    seen = (found[pairs.table] * pairs.valid[..., None]).sum(1) / total[..., None]
    return seen.reshape(len(q), -1).to(q.dtype)
