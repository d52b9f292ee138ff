"""A whole pass by our own kernels: between two products torch takes nearly as long as for a product.

They are the faster ones for any number of tokens, but where oneDNN multiplies tiles, and where many tokens look at many
places: there torch's attention goes over the places once for all of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine.kernels import Linear
from unified_intelligence.engine.native.compiled import shared_library
from unified_intelligence.engine.native.linears import MOST, Matrix, Native
from unified_intelligence.engine.pages import PAGE

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.attention import PageCache
    from unified_intelligence.engine.forward import Piece
    from unified_intelligence.engine.paged import Heads


class _Layer(ctypes.Structure):
    _fields_ = (
        ("qkv", Matrix),
        ("out", Matrix),
        ("gate_up", Matrix),
        ("down", Matrix),
        ("before", ctypes.c_void_p),
        ("between", ctypes.c_void_p),
        ("head_norms", ctypes.c_void_p),
        ("keys", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
    )


_NEAR = 1536  # places that many tokens may look at
_AT_ONCE = 256  # rows: what stands between two products stays in a cache, and takes little memory
_NUMBERS = ("hidden", "queries", "heads", "size", "middle", "page", "depth", "threads")
_TENSORS = ("embedding", "norm", "cos", "sin")


class _Model(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in _NUMBERS),
        ("eps", ctypes.c_float),
        ("scale", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in _TENSORS),
        ("head", Matrix),
        ("layers", ctypes.POINTER(_Layer)),
    )


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """What a layer multiplies with, and its norms: of its input, after its attention, of its heads."""

    products: tuple[Linear, Linear, Linear, Linear]
    before: torch.Tensor
    between: torch.Tensor
    head_norms: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class ModelWeights:
    """All that a pass reads. `cos` and `sin` are of shape (places, 1, size)."""

    layers: Sequence[LayerWeights]
    head: Linear
    embedding: torch.Tensor
    norm: torch.Tensor
    cos: torch.Tensor
    sin: torch.Tensor
    heads: Heads
    eps: float


class SmallPass:
    """Reads the weights and the caches where they are; nothing is copied."""

    def __init__(self, weights: ModelWeights) -> None:
        """Raises ValueError, with a clause that says why, for what the kernels do not read."""
        import torch

        heads, hidden = weights.heads, weights.embedding.shape[1]
        matrices = [[_matrix(product) for product in layer.products] for layer in weights.layers]
        head = _matrix(weights.head)
        weights = replace(weights, **{name: _kept(getattr(weights, name)) for name in _TENSORS})
        if heads.size % 64 or heads.size > 512:
            raise ValueError(f"its heads have {heads.size} numbers")
        self._weights = weights
        self._norms = [_norms(layer) for layer in weights.layers]
        self._layers = (_Layer * len(matrices))(
            *(
                _Layer(*four, *(_pointer(norm) for norm in norms))
                for four, norms in zip(matrices, self._norms, strict=True)
            )
        )
        middle = matrices[0][3].inputs
        sizes = (hidden, heads.queries, heads.keys, heads.size, middle, PAGE, len(matrices), 1)
        tensors = [_pointer(getattr(weights, name)) for name in _TENSORS]
        self._model = _Model(*sizes, weights.eps, heads.scale, *tensors, head, self._layers)
        self._kernels = shared_library()
        self._kernels.scratch_bytes.restype = ctypes.c_int64
        self._scratch = torch.empty(0, dtype=torch.uint8)
        self._pages, self._tiles = 0, multiplies_tiles()

    def look_at(self, caches: Sequence[PageCache]) -> None:
        """Takes over the caches, whenever they are others. Without any nothing can be read: they may not be where they
        were.
        """
        self._pages = min((len(cache.keys) for cache in caches), default=0)
        if self._pages:
            for layer, cache in zip(self._layers, caches, strict=True):
                layer.keys, layer.values = cache.keys.data_ptr(), cache.values.data_ptr()

    def takes(self, pieces: Sequence[Piece]) -> bool:
        """Whether they are read faster than by torch."""
        if sum(len(piece.tokens) for piece in pieces) <= MOST:
            return True
        return not self._tiles and all(piece.end <= _NEAR for piece in pieces if len(piece.tokens) > 1)

    def read(self, pieces: Sequence[Piece], tables: Sequence[Sequence[int]]) -> torch.Tensor:
        """Logits in float32 of shape (sum of `wanted`, vocabulary); `tables` are the pages of each piece's slot.

        Raises IndexError, as torch does.
        """
        import torch

        tokens = [token for piece in pieces for token in piece.tokens]
        places = [place for piece in pieces for place in range(piece.start, piece.end)]
        pages, begins, wanted = list[int](), list[int](), list[int]()
        ends = 0
        for piece, table in zip(pieces, tables, strict=True):
            begins += [len(pages)] * len(piece.tokens)
            pages += self._checked(table, piece)
            ends += len(piece.tokens)
            wanted += range(ends - piece.wanted, ends)
        self._check(tokens, places)
        # said because torch's default is another while Transformers loads a model, in whatever thread
        logits = torch.empty(len(wanted), self._model.head.outputs, dtype=torch.float32)
        done, kept = 0, _numbers(pages)
        for start in range(0, len(tokens), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            mine = [row - start for row in wanted if start <= row < start + _AT_ONCE]
            self._read(tokens[rows], kept, begins[rows], places[rows], mine, logits[done:])
            done += len(mine)
        return logits

    def _read(
        self,
        tokens: Sequence[int],
        pages: ctypes.Array[ctypes.c_int64],
        begins: Sequence[int],
        places: Sequence[int],
        wanted: Sequence[int],
        logits: torch.Tensor,
    ) -> None:
        """The first rows of the logits are those of the rows `wanted`."""
        import torch

        self._model.threads = torch.get_num_threads()
        rows, longest = ctypes.c_int64(len(tokens)), ctypes.c_int64(max(places, default=0) + 1)
        needed = self._kernels.scratch_bytes(ctypes.byref(self._model), rows, longest)
        if len(self._scratch) < needed:
            self._scratch = torch.empty(needed, dtype=torch.uint8)
        asked = [_numbers(tokens), pages, _numbers(begins), _numbers(places)]
        room = [ctypes.c_void_p(part.data_ptr()) for part in (logits, self._scratch)]
        which = ctypes.c_int64(len(wanted)), _numbers(wanted)
        self._kernels.read_tokens(ctypes.byref(self._model), rows, longest, *asked, *which, *room)

    def _checked(self, table: Sequence[int], piece: Piece) -> Sequence[int]:
        """The pages of a piece."""
        count = -(-piece.end // PAGE)
        if len(table) < count or not 0 <= min(table, default=0) <= max(table, default=0) < self._pages:
            raise IndexError("a page is out of range")
        return table[:count]

    def _check(self, tokens: Sequence[int], places: Sequence[int]) -> None:
        """The kernels would read and write wherever a number leads."""
        ranges = (tokens, len(self._weights.embedding)), (places, len(self._weights.cos))
        if any(numbers and not 0 <= min(numbers) <= max(numbers) < end for numbers, end in ranges):
            raise IndexError("a token or place is out of range")


def multiplies_tiles() -> bool:
    """Whether this processor has AMX, which oneDNN makes use of where there are many tokens."""
    import torch

    module: Any = torch.cpu  # what it says of the processor is not in the oldest torch we run with
    return hasattr(module, "get_capabilities") and bool(module.get_capabilities().get("amx_tile"))


def _matrix(product: Linear) -> Matrix:
    if not isinstance(product, Native):
        raise ValueError("its products are not all by those kernels")
    return product.matrix


def _norms(layer: LayerWeights) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    heads = None if layer.head_norms is None else _kept(layer.head_norms)
    return _kept(layer.before), _kept(layer.between), heads


def _kept(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor with a hold of its own on its memory: whoever moves a model gives its parameters other memory."""
    import torch

    if tensor.dtype is not torch.bfloat16:
        raise ValueError("it is for bfloat16")
    return tensor.detach().contiguous()


def _pointer(tensor: torch.Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _numbers(values: Sequence[int]) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * len(values))(*values)
