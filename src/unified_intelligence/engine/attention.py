"""Keys and values in slots, and attention over them: many answers of one token each at once, pieces of several alone.

One token's attention is two matrix products that read a cache once, which is what takes the time. On a CPU they are
up to twice as fast as the fused kernel where they need no copy: over whole slots, side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unified_intelligence.engine.huge_pages import expect

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.forward import Piece

_WASTE = 1.6  # times as much as is needed may be read if that spares a copy
_SHAPES = 64  # places are a multiple of it: oneDNN keeps code for each number of them
_FEW = 16  # tokens of a piece up to which two products are faster than the fused kernel
_UNLIKE = 256  # tokens by which the lengths in one run may differ, beyond the double


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


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring slots that read one token each: rows `begin` to `end` of the step, slots from `first` on."""

    begin: int
    end: int
    first: int
    length: int
    whole: bool  # it is the slots' capacity
    mask: torch.Tensor | None  # shape (rows, 1, 1, length), added to the scores


@dataclass(frozen=True, slots=True)
class Span:
    """Several tokens of one slot: rows `begin` to `end` of the step, places `start` to `stop` of the slot."""

    begin: int
    end: int
    slot: int
    start: int
    places: int  # of the slot are looked at
    mask: torch.Tensor | None

    @property
    def stop(self) -> int:
        return self.start + self.end - self.begin


class Layout:
    """What one step reads, the same for all layers: single tokens by slot first, then the longer pieces.

    `pieces` are in the order of the step's rows.
    """

    def __init__(self, pieces: Sequence[Piece], capacity: int, device: torch.device, dtype: torch.dtype) -> None:
        import torch

        order = sorted(range(len(pieces)), key=lambda at: (len(pieces[at].tokens) > 1, pieces[at].slot))
        ordered = self.pieces = [pieces[at] for at in order]
        singles = [piece for piece in ordered if len(piece.tokens) == 1]
        self.tokens = torch.tensor([token for piece in ordered for token in piece.tokens], device=device)
        self.places = torch.cat([torch.arange(piece.start, piece.end) for piece in ordered]).to(device)
        self.singles = len(singles)
        self.slots = torch.tensor([piece.slot for piece in singles], device=device)
        self.runs = _runs(singles, capacity, device, dtype)
        self.spans, ends, row = list[Span](), [0] * len(pieces), len(singles)
        for piece in ordered[len(singles) :]:
            places = min(-(-piece.end // _SHAPES) * _SHAPES, capacity)
            mask = _causal(piece, places, device, dtype)
            places = places if mask is not None else piece.end
            self.spans.append(Span(row, row + len(piece.tokens), piece.slot, piece.start, places, mask))
            row += len(piece.tokens)
        row = 0
        for at in order:
            row += len(pieces[at].tokens)
            ends[at] = row
        wanted = [place for at, piece in enumerate(pieces) for place in range(ends[at] - piece.wanted, ends[at])]
        self.wanted = (
            None if wanted == list(range(len(self.tokens))) else torch.tensor(wanted, dtype=torch.long, device=device)
        )


class SlotCache:
    """One layer's keys and values: shape (slots, heads, capacity, size). Zero at first: no garbage is ever a number.

    `spare` places are behind the last of each slot, for what nobody looks at; it holds from the next `lay_out` on.
    """

    spare = 0

    def __init__(self, heads: Heads, device: torch.device, dtype: torch.dtype) -> None:
        import torch

        self._heads = heads
        self._keys = torch.zeros((0, heads.keys, 0, heads.size), device=device, dtype=dtype)
        self._values = self._keys

    def lay_out(self, capacity: int, slots: int, kept: Mapping[int, tuple[int, int]]) -> None:
        places = capacity + self.spare
        self._keys, self._values = (_laid_out(old, places, slots, kept) for old in (self._keys, self._values))

    def places(self) -> tuple[int, int]:
        """Where keys and values begin in memory."""
        return self._keys.data_ptr(), self._values.data_ptr()

    def window(self, first: int, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of neighbouring slots, where they are."""
        return self._keys[first : first + rows], self._values[first : first + rows]

    def attend(self, layout: Layout, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        """Keeps k and v of shape (tokens, key heads, size); q of (tokens, query heads, size) sees all up to itself."""
        import torch

        singles = layout.singles
        if singles:
            places = layout.slots, slice(None), layout.places[:singles]
            self._keys[places], self._values[places] = k[:singles], v[:singles]
        for span in layout.spans:
            self._keys[span.slot, :, span.start : span.stop] = k[span.begin : span.end].transpose(0, 1)
            self._values[span.slot, :, span.start : span.stop] = v[span.begin : span.end].transpose(0, 1)
        parts = [self._run(run, q[run.begin : run.end]) for run in layout.runs]
        parts += [self._span(span, q[span.begin : span.end]) for span in layout.spans]
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def copy(self, source: int, target: int, length: int) -> None:
        self._keys[target, :, :length] = self._keys[source, :, :length]
        self._values[target, :, :length] = self._values[source, :, :length]

    def clear(self, slot: int, start: int) -> None:
        self._keys[slot, :, start:].zero_()
        self._values[slot, :, start:].zero_()

    def _run(self, run: Run, q: torch.Tensor) -> torch.Tensor:
        """The heads of a group are as many tokens over the same keys."""
        import torch
        from torch.nn.functional import scaled_dot_product_attention

        rows, heads = len(q), self._heads
        keys, values = (whole[run.first : run.first + rows, :, : run.length] for whole in (self._keys, self._values))
        grouped = q.reshape(rows, heads.keys, heads.group, heads.size)
        if not run.whole:
            seen = scaled_dot_product_attention(grouped, keys, values, attn_mask=run.mask, scale=heads.scale)
            return seen.reshape(rows, -1)
        keys, values, grouped = keys.flatten(0, 1), values.flatten(0, 1), grouped.flatten(0, 1) * heads.scale
        if grouped.dtype is torch.float32:
            scores = keys.bmm(grouped.transpose(1, 2)).transpose(1, 2)
        else:
            scores = grouped.bmm(keys.transpose(1, 2))
        if run.mask is not None:
            scores = scores.reshape(rows, heads.keys, heads.group, run.length).add(run.mask).flatten(0, 1)
        return scores.softmax(-1).bmm(values).reshape(rows, -1)

    def _span(self, span: Span, q: torch.Tensor) -> torch.Tensor:
        keys, values = self._keys[span.slot, :, : span.places], self._values[span.slot, :, : span.places]
        return attend(self._heads, q, keys, values, span.mask)


def _laid_out(old: torch.Tensor, capacity: int, slots: int, kept: Mapping[int, tuple[int, int]]) -> torch.Tensor:
    new = old.new_zeros((slots, old.shape[1], capacity, old.shape[3]))
    expect(new)
    for target, (source, length) in kept.items():
        new[target, :, :length] = old[source, :, :length]
    return new


def attend(
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


def _runs(singles: Sequence[Piece], capacity: int, device: torch.device, dtype: torch.dtype) -> list[Run]:
    """Slots side by side and of like length; rows are numbered as the pieces are."""
    runs, begin = list[Run](), 0
    for at in range(1, len(singles) + 1):
        if at == len(singles) or not _is_alike(singles[begin:at], singles[at]):
            runs.append(_run(singles[begin:at], begin, capacity, device, dtype))
            begin = at
    return runs


def _is_alike(run: Sequence[Piece], piece: Piece) -> bool:
    if piece.slot != run[-1].slot + 1:
        return False
    ends = [piece.end, *(other.end for other in run)]
    return max(ends) <= max(2 * min(ends), min(ends) + _UNLIKE)


def _run(pieces: Sequence[Piece], begin: int, capacity: int, device: torch.device, dtype: torch.dtype) -> Run:
    import torch

    ends = [piece.end for piece in pieces]
    length, mask = max(ends), None
    whole = device.type == "cpu" and capacity <= _WASTE * length
    length = capacity if whole else length
    if min(ends) < length:
        hidden = torch.arange(length, device=device) >= torch.tensor(ends, device=device)[:, None]
        mask = torch.zeros(hidden.shape, device=device, dtype=dtype).masked_fill_(hidden, float("-inf"))
        mask = mask[:, None, None]
    return Run(begin, begin + len(pieces), pieces[0].slot, length, whole, mask)


def _causal(piece: Piece, places: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor | None:
    import torch

    if piece.start == 0 and len(piece.tokens) > _FEW:
        return None
    seen = torch.arange(places, device=device) <= torch.arange(piece.start, piece.end, device=device)[:, None]
    return torch.zeros(seen.shape, device=device, dtype=dtype).masked_fill_(~seen, float("-inf"))
