"""A step in which every answer reads one token, in shapes that stay: such a step can be compiled, and recorded.

Its rows are neighbouring slots, which are read where they are. A slot with nothing to read is absent: its row computes
something all the same, and keeps it in a place behind the slot's last, where nobody looks. Numbers of rows and of
places are powers of two, so that there are few shapes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from unified_intelligence.engine.decode import is_lost

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.attention import Heads, SlotCache
    from unified_intelligence.engine.forward import Piece

    Work = Callable[[], torch.Tensor]
    Record = Callable[[Work], Work]

SHORTEST = 64  # places
MOST = 64  # rows
_KEPT = 64  # windows that are kept ready: each holds its logits


class Layer(Protocol):
    """One layer of a model: `project` up to the attention, `finish` from it on."""

    def project(
        self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]: ...

    def finish(self, x: torch.Tensor, attended: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True, slots=True)
class Model:
    """What a step reads. `cos` and `sin` are of shape (places, 1, size); `end` makes logits of the last states."""

    layers: Sequence[Layer]
    caches: Sequence[SlotCache]
    heads: Heads
    embedding: torch.Tensor
    cos: torch.Tensor
    sin: torch.Tensor
    end: Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class Window:
    """The slots `first` to `first + rows`, of which `length` places are looked at."""

    first: int
    rows: int
    length: int


class Steady:
    """Reads single tokens. `record` makes something quicker of a step that reads and writes the same memory each time.

    Once `fault` says why, there are no such steps any more.
    """

    def __init__(self, model: Model, *, inductor: bool = False, record: Record | None = None) -> None:
        import torch

        library: Any = torch  # half typed
        self._model, self._record = model, record
        self._advance: Callable[..., torch.Tensor] = _advance
        if inductor:
            self._advance = partial(_of_any_length, library.compile(_advance))
        self._ready: dict[Window, tuple[torch.Tensor, Work]] = {}
        self._capacity = self._slots = 0
        self.fault = ""

    def lay_out(self, capacity: int, slots: int) -> None:
        """To be told whenever the caches are others, before and after: what was recorded reads them where they were."""
        self._ready.clear()
        self._capacity, self._slots = capacity, slots

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor | None:
        """Logits of shape (pieces, vocabulary), in their order; None for what is no such step."""
        if self.fault or not (window := self._window(pieces)):
            return None
        try:
            inputs, work = self._ready.get(window) or self._prepare(window, pieces)
            inputs.copy_(self._inputs(window, pieces))
            logits = work()
        except RuntimeError as error:
            if is_lost(error):
                raise
            self.lay_out(self._capacity, self._slots)
            self.fault = str(error).strip().partition("\n")[0]
            print(  # noqa: T201 - the engine has begun long ago, and whoever waits for an answer gets it
                f"Steps are no longer compiled, and slower: {self.fault}", file=sys.stderr, flush=True
            )
            return None
        order = [piece.slot - window.first for piece in pieces]
        return logits.clone() if order == list(range(window.rows)) else logits[order]  # the next step writes over them

    def _window(self, pieces: Sequence[Piece]) -> Window | None:
        """The smallest that begins at a multiple of its rows: so there are few. None for what is no such step."""
        if not all(len(piece.tokens) == piece.wanted == 1 and not piece.adapter for piece in pieces):
            return None
        low, high = min(piece.slot for piece in pieces), max(piece.slot for piece in pieces)
        rows = 1 << (low ^ high).bit_length()
        if rows > MOST:
            return None
        first = low & -rows
        length = power(max(piece.end for piece in pieces))
        return Window(first, min(rows, self._slots - first), min(length, self._capacity))

    def _inputs(self, window: Window, pieces: Sequence[Piece]) -> torch.Tensor:
        """Of each row: its token, its place, and where its keys and values are kept."""
        import torch

        tokens, places, kept = [0] * window.rows, [0] * window.rows, [self._capacity] * window.rows
        for piece in pieces:
            row = piece.slot - window.first
            tokens[row], places[row], kept[row] = piece.tokens[0], piece.start, piece.start
        return torch.tensor([tokens, places, kept])

    def _prepare(self, window: Window, pieces: Sequence[Piece]) -> tuple[torch.Tensor, Work]:
        if len(self._ready) == _KEPT:
            del self._ready[next(iter(self._ready))]
        inputs = self._inputs(window, pieces).to(self._model.embedding.device)

        def work() -> torch.Tensor:
            return self._step(inputs, window)

        self._ready[window] = inputs, self._record(work) if self._record else work
        return self._ready[window]

    def _step(self, inputs: torch.Tensor, window: Window) -> torch.Tensor:
        import torch

        model = self._model
        tokens, places, kept = inputs.unbind()
        x, cos, sin = model.embedding[tokens], model.cos[places], model.sin[places]
        rows = torch.arange(window.rows, device=x.device)
        hidden = torch.arange(window.length, device=x.device) > places[:, None]
        mask = torch.zeros(hidden.shape, device=x.device, dtype=x.dtype).masked_fill_(hidden, float("-inf"))
        mask = mask[:, None, None]
        for layer, cache in zip(model.layers, model.caches, strict=True):
            keys, values = cache.window(window.first, window.rows)
            x = self._advance(layer, model.heads, (x, cos, sin), (keys, values), (rows, kept, mask))
        return model.end(x)


def power(length: int) -> int:
    """The next power of two, at least `SHORTEST`."""
    return max(SHORTEST, 1 << (length - 1).bit_length())


def _advance(
    layer: Layer,
    heads: Heads,
    states: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    cache: tuple[torch.Tensor, torch.Tensor],
    where: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """States after a layer, of shape (rows, hidden size)."""
    x, cos, sin = states
    q, k, v = layer.project(x, cos, sin)
    return layer.finish(x, _attend(heads, (q, k, v), cache, where))


def _of_any_length(
    advance: Callable[..., torch.Tensor], layer: Layer, heads: Heads, *tensors: tuple[torch.Tensor, ...]
) -> torch.Tensor:
    """Says to the compiler which sizes vary, so that it compiles twice: for one row, and for any number of them."""
    from torch import _dynamo

    library: Any = _dynamo  # not typed
    states, cache, (rows, kept, mask) = tensors
    sizes = [*((each, 0) for each in (*states, rows, kept)), *((each, (0, 2)) for each in cache), (mask, (0, 3))]
    for tensor, dimensions in sizes:
        library.maybe_mark_dynamic(tensor, dimensions)
    return advance(layer, heads, *tensors)


def _attend(
    heads: Heads,
    projected: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    cache: tuple[torch.Tensor, torch.Tensor],
    where: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """Keeps keys and values, and looks at all of a row's. Heads of a group are as many tokens over the same keys."""
    (q, k, v), (keys, values), (rows, kept, mask) = projected, cache, where
    keys[rows, :, kept], values[rows, :, kept] = k, v
    length = mask.shape[-1]
    keys, values = keys[:, :, :length].flatten(0, 1), values[:, :, :length].flatten(0, 1)
    grouped = q.reshape(-1, heads.group, heads.size) * heads.scale
    scores = grouped.bmm(keys.transpose(1, 2)).view(-1, heads.keys, heads.group, length) + mask
    return scores.softmax(-1).flatten(0, 1).bmm(values).reshape(-1, heads.queries * heads.size)
