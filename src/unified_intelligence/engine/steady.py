"""A step in which every answer reads one token, in shapes that stay: such a step can be compiled, and recorded.

Which pages its rows look at is one of its inputs. Numbers of rows, of pages and of the most pages of a row are powers
of two, so that there are few shapes; a row too many computes something all the same, and keeps it in nobody's page.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from unified_intelligence.engine.decode import is_lost
from unified_intelligence.engine.paged import Pairs, Shape, attend, numbers_of, pairs_of, shape_of
from unified_intelligence.engine.pages import PAGE, power

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.attention import PageCache
    from unified_intelligence.engine.forward import Piece
    from unified_intelligence.engine.paged import Heads
    from unified_intelligence.engine.pages import Tables

    Work = Callable[[], torch.Tensor]
    Record = Callable[[Work], Work]

FEWEST = 8  # pages of all rows
_WIDTH = 4  # pages of a row, at least: a conversation that begins is not another shape with every page
MOST = 64  # rows
_KEPT = 64  # shapes that are kept ready: each holds its logits


class Layer(Protocol):
    """One layer of a model: `project` is what comes before its attention, `finish` what comes after."""

    def project(
        self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]: ...

    def finish(self, x: torch.Tensor, attended: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True, slots=True)
class Model:
    """What a step reads. `cos` and `sin` are of shape (places, 1, size); `end` makes logits of the last states."""

    layers: Sequence[Layer]
    caches: Sequence[PageCache]
    heads: Heads
    embedding: torch.Tensor
    cos: torch.Tensor
    sin: torch.Tensor
    end: Callable[[torch.Tensor], torch.Tensor]


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
        self._ready: dict[Shape, tuple[torch.Tensor, Work]] = {}
        self._pages = 0
        self.fault = ""

    def resize(self, pages: int) -> None:
        """To be called whenever the caches change, before and after: what was recorded reads them where they were."""
        self._ready.clear()
        self._pages = pages

    def read(self, pieces: Sequence[Piece], tables: Tables) -> torch.Tensor | None:
        """Logits of shape (pieces, vocabulary), in their order; None for what is no such step."""
        if self.fault or len(pieces) > MOST:
            return None
        if not all(len(piece.tokens) == piece.wanted == 1 and not piece.adapter for piece in pieces):
            return None
        looked_at = [tables.table(piece.slot)[: tables.count(piece.end)] for piece in pieces]
        shape = self._shape(looked_at)
        try:
            inputs = _inputs(pieces, looked_at, shape)
            kept, work = self._ready.get(shape) or self._prepare(inputs, shape)
            kept.copy_(inputs)
            logits = work()
        except RuntimeError as error:
            if is_lost(error):
                raise
            self.resize(self._pages)
            self.fault = str(error).strip().partition("\n")[0]
            print(  # noqa: T201 - the engine has begun long ago, and whoever waits for an answer gets it
                f"Steps are no longer compiled, and slower: {self.fault}", file=sys.stderr, flush=True
            )
            return None
        return logits[: len(pieces)].clone()  # the next step writes over them

    def _shape(self, tables: Sequence[Sequence[int]]) -> Shape:
        exact = shape_of(tables, self._pages)
        pairs = max(FEWEST, power(exact.pairs))
        pairs = min(pairs, self._pages) if exact.whole else pairs
        return Shape(power(exact.rows), pairs, max(_WIDTH, power(exact.width)), exact.whole)

    def _prepare(self, inputs: torch.Tensor, shape: Shape) -> tuple[torch.Tensor, Work]:
        if len(self._ready) == _KEPT:
            del self._ready[next(iter(self._ready))]
        kept = inputs.to(self._model.embedding.device, copy=True)

        def work() -> torch.Tensor:
            return self._step(kept, shape)

        self._ready[shape] = kept, self._record(work) if self._record else work
        return self._ready[shape]

    def _step(self, inputs: torch.Tensor, shape: Shape) -> torch.Tensor:
        model = self._model
        tokens, places, pages = inputs[: 3 * shape.rows].view(3, -1).unbind()
        x, cos, sin = model.embedding[tokens], model.cos[places], model.sin[places]
        pairs = pairs_of(inputs[3 * shape.rows :], shape, x.dtype)
        where = pages, places % PAGE
        for layer, cache in zip(model.layers, model.caches, strict=True):
            x = self._advance(layer, model.heads, (x, cos, sin), (cache.keys, cache.values), where, pairs)
        return model.end(x)


def _inputs(pieces: Sequence[Piece], tables: Sequence[Sequence[int]], shape: Shape) -> torch.Tensor:
    """For each row its token, its place, and the page where its keys and values are kept; then the pairs."""
    import torch

    none = [0] * (shape.rows - len(pieces))
    tokens = [*(piece.tokens[0] for piece in pieces), *none]
    places = [*(piece.start for piece in pieces), *none]
    pages = [*(table[-1] for table in tables), *none]
    pairs = numbers_of(tables, [piece.end for piece in pieces], shape)
    return torch.cat([torch.tensor([*tokens, *places, *pages]), pairs])


def _advance(
    layer: Layer,
    heads: Heads,
    states: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    cache: tuple[torch.Tensor, torch.Tensor],
    where: tuple[torch.Tensor, torch.Tensor],
    pairs: Pairs,
) -> torch.Tensor:
    """States after a layer, of shape (rows, hidden size); keys and values are kept on the way."""
    (x, cos, sin), (keys, values), (pages, offsets) = states, cache, where
    q, k, v = layer.project(x, cos, sin)
    keys[pages, :, offsets], values[pages, :, offsets] = k, v
    return layer.finish(x, attend(heads, q, keys, values, pairs))


def _of_any_length(
    advance: Callable[..., torch.Tensor], layer: Layer, heads: Heads, *tensors: tuple[torch.Tensor | None, ...]
) -> torch.Tensor:
    """Says to the compiler which sizes vary, so that it compiles few times: for one of each kind, and for many."""
    from torch import _dynamo

    library: Any = _dynamo  # not typed
    *firsts, (pages, owners, mask, table, valid) = tensors
    sizes = [(each, 0) for some in firsts for each in some]
    sizes += [(each, 0) for each in (pages, owners, mask) if each is not None]
    sizes += [(table, (0, 1)), (valid, (0, 1))]
    for tensor, dimensions in sizes:
        library.maybe_mark_dynamic(tensor, dimensions)
    return advance(layer, heads, *tensors)
