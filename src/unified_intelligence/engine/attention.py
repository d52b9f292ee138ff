"""Keys and values in pages, and attention over them: answers of one token each together, pieces of several alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from unified_intelligence.engine.huge_pages import zeros
from unified_intelligence.engine.paged import Heads, Pairs, attend, numbers_of, pairs_of, shape_of
from unified_intelligence.engine.pages import PAGE, Change

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.forward import Piece
    from unified_intelligence.engine.pages import Tables

_SHAPES = 64  # places, and a multiple of it: oneDNN keeps code for each number of them
_PAIRS = 8  # the like for pages
_FEW = 16  # tokens of a piece up to which two products are faster than the fused kernel


@dataclass(frozen=True, slots=True)
class Span:
    """Several tokens of one slot: rows `begin` to `end` of the step.

    They look at `pages`; None: they are all there is, and causal.
    """

    begin: int
    end: int
    pages: torch.Tensor | None
    mask: torch.Tensor | None  # shape (rows, places), added to the scores


class Layout:
    """What one step reads, the same for all layers: single tokens first, then the longer pieces.

    `pieces` are in the order of the step's rows. Each row's keys and values are kept in its page of `pages`, at its
    place of `offsets`. `count` pages there are in all.
    """

    def __init__(
        self, pieces: Sequence[Piece], tables: Tables, count: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        import torch

        order = sorted(range(len(pieces)), key=lambda at: len(pieces[at].tokens) > 1)
        ordered = self.pieces = [pieces[at] for at in order]
        looked_at = [tables.table(piece.slot)[: tables.count(piece.end)] for piece in ordered]
        self.tokens = torch.tensor([token for piece in ordered for token in piece.tokens], device=device)
        self.places = torch.cat([torch.arange(piece.start, piece.end) for piece in ordered])
        kept = [
            torch.tensor(table)[torch.arange(piece.start, piece.end) // PAGE]
            for piece, table in zip(ordered, looked_at, strict=True)
        ]
        self.pages, self.offsets = torch.cat(kept).to(device), (self.places % PAGE).to(device)
        self.places = self.places.to(device)
        self.singles = sum(len(piece.tokens) == 1 for piece in ordered)
        if self.singles:
            self.pairs = _pairs(ordered[: self.singles], looked_at[: self.singles], count, device, dtype)
        self.spans, ends, row = list[Span](), [0] * len(pieces), self.singles
        for piece, table in zip(ordered[self.singles :], looked_at[self.singles :], strict=True):
            self.spans.append(_span(row, piece, table, device, dtype))
            row += len(piece.tokens)
        row = 0
        for at in order:
            row += len(pieces[at].tokens)
            ends[at] = row
        wanted = [place for at, piece in enumerate(pieces) for place in range(ends[at] - piece.wanted, ends[at])]
        self.wanted = (
            None if wanted == list(range(len(self.tokens))) else torch.tensor(wanted, dtype=torch.long, device=device)
        )


class PageCache:
    """One layer's keys and values, of shape (pages, heads, page, size). It begins as zeros: what lies in fresh memory
    may be no number.
    """

    def __init__(self, heads: Heads, device: torch.device, dtype: torch.dtype) -> None:
        import torch

        self._heads = heads
        self.keys = torch.zeros((0, heads.keys, PAGE, heads.size), device=device, dtype=dtype)
        self.values = self.keys

    def resize(self, pages: int, kept: int) -> None:
        """Changes how many pages there are; the first `kept` of them keep what they hold."""
        self.keys, self.values = _resized(self.keys, pages, kept), _resized(self.values, pages, kept)

    def attend(self, layout: Layout, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Keeps k and v of shape (tokens, key heads, size); q of (tokens, query heads, size) sees all up to itself."""
        import torch

        self.keys[layout.pages, :, layout.offsets] = k
        self.values[layout.pages, :, layout.offsets] = v
        parts = list[torch.Tensor]()
        if layout.singles:
            parts.append(attend(self._heads, q[: layout.singles], self.keys, self.values, layout.pairs))
        for span in layout.spans:
            rows = slice(span.begin, span.end)
            if span.pages is None:
                keys, values = k[rows].transpose(0, 1), v[rows].transpose(0, 1)
            else:
                keys, values = (_in_a_row(whole, span.pages) for whole in (self.keys, self.values))
            parts.append(attend_many(self._heads, q[rows], keys, values, span.mask))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def change(self, changes: Sequence[Change]) -> None:
        for anew, some in groupby(changes, key=Change.is_anew):
            if anew:
                pages = [change.page for change in some]
                self.keys[pages], self.values[pages] = 0, 0
                continue
            for page, kept, source, wiped in some:
                for whole in (self.keys, self.values):
                    if source != page:
                        whole[page, :, :kept] = whole[source, :, :kept]
                    if wiped:
                        whole[page, :, kept:].zero_()


def _resized(old: torch.Tensor, pages: int, kept: int) -> torch.Tensor:
    new = zeros((pages, *old.shape[1:]), old)
    kept = min(kept, len(old))
    new[:kept] = old[:kept]
    return new


def _in_a_row(whole: torch.Tensor, pages: torch.Tensor) -> torch.Tensor:
    """The places of some pages, one page after the other: (heads, places, size)."""
    return whole[pages].transpose(0, 1).flatten(1, 2)


def attend_many(
    heads: Heads, q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    """Several tokens q of (tokens, query heads, size) over keys and values of (key heads, places, size).

    The mask of (tokens, places) is added to the scores; None: the tokens are all there is, and causal.
    """
    from torch.nn.functional import scaled_dot_product_attention

    tokens = len(q)
    if mask is None or tokens > _FEW:
        q, keys, values = q.transpose(0, 1)[None], keys[None], values[None]
        seen = scaled_dot_product_attention(
            q, keys, values, attn_mask=mask, is_causal=mask is None, scale=heads.scale, enable_gqa=heads.group > 1
        )
        return seen[0].transpose(0, 1).reshape(tokens, -1)
    grouped = q.view(tokens, heads.keys, heads.group, heads.size).permute(1, 2, 0, 3)
    grouped = grouped.reshape(heads.keys, heads.group * tokens, heads.size)
    scores = keys.bmm(grouped.transpose(1, 2)).mul_(heads.scale).transpose(1, 2)
    scores = scores.reshape(heads.keys, heads.group, tokens, -1) + mask
    seen = scores.softmax(-1).flatten(1, 2).bmm(values)
    return seen.reshape(heads.keys, heads.group, tokens, -1).permute(2, 0, 1, 3).reshape(tokens, -1)


def _pairs(
    pieces: Sequence[Piece], tables: Sequence[Sequence[int]], count: int, device: torch.device, dtype: torch.dtype
) -> Pairs:
    shape = shape_of(tables, count)
    rounded = -(-shape.pairs // _PAIRS) * _PAIRS
    shape = shape._replace(pairs=min(rounded, count) if shape.whole else rounded)
    numbers = numbers_of(tables, [piece.end for piece in pieces], shape)
    return pairs_of(numbers.to(device), shape, dtype)


def _span(begin: int, piece: Piece, table: Sequence[int], device: torch.device, dtype: torch.dtype) -> Span:
    import torch

    end = begin + len(piece.tokens)
    if piece.start == 0 and len(piece.tokens) > _FEW:
        return Span(begin, end, None, None)
    count = -(-len(table) * PAGE // _SHAPES) * _SHAPES // PAGE
    pages = torch.tensor([*table, *[table[-1]] * (count - len(table))], device=device)
    seen = torch.arange(count * PAGE, device=device) <= torch.arange(piece.start, piece.end, device=device)[:, None]
    mask = torch.zeros(seen.shape, device=device, dtype=dtype).masked_fill_(~seen, float("-inf"))
    return Span(begin, end, pages, mask)
