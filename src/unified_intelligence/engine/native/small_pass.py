"""A pass over few tokens, whole, by our own kernels: between two products torch takes as long as a product."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unified_intelligence.engine.kernels import Linear
from unified_intelligence.engine.native.library import library
from unified_intelligence.engine.native.linears import MOST, Matrix, Native

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.attention import Heads, SlotCache
    from unified_intelligence.engine.forward import Piece


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


_NUMBERS = ("hidden", "queries", "heads", "size", "middle", "capacity", "depth", "threads")
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
        if weights.embedding.dtype is not torch.bfloat16:
            raise ValueError("it is for bfloat16")
        if heads.size % 64 or heads.size > 512:
            raise ValueError(f"its heads have {heads.size} numbers")
        self._weights = weights
        self._norms = [_kept(layer.head_norms) for layer in weights.layers]
        self._layers = (_Layer * len(matrices))(
            *(
                _Layer(*four, _pointer(layer.before), _pointer(layer.between), _pointer(norms))
                for four, layer, norms in zip(matrices, weights.layers, self._norms, strict=True)
            )
        )
        middle = matrices[0][3].inputs
        sizes = (hidden, heads.queries, heads.keys, heads.size, middle, 0, len(matrices), 1)
        tensors = [_pointer(part) for part in (weights.embedding, weights.norm, weights.cos, weights.sin)]
        self._model = _Model(*sizes, weights.eps, heads.scale, *tensors, head, self._layers)
        self._library = library()
        self._library.scratch_bytes.restype = ctypes.c_int64
        self._scratch = torch.empty(0, dtype=torch.uint8)

    def lay_out(self, capacity: int, caches: Sequence[SlotCache]) -> None:
        """To be told whenever the caches are others."""
        self._model.capacity = capacity
        for layer, cache in zip(self._layers, caches, strict=True):
            layer.keys, layer.values = cache.places()

    @staticmethod
    def takes(pieces: Sequence[Piece]) -> bool:
        """Whether they are few enough."""
        return sum(len(piece.tokens) for piece in pieces) <= MOST

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        """Logits in float32 of shape (sum of `wanted`, vocabulary)."""
        import torch

        tokens = [token for piece in pieces for token in piece.tokens]
        slots = [piece.slot for piece in pieces for _ in piece.tokens]
        places = [place for piece in pieces for place in range(piece.start, piece.end)]
        ends, wanted = 0, list[int]()
        for piece in pieces:
            ends += len(piece.tokens)
            wanted += range(ends - piece.wanted, ends)
        self._model.threads = torch.get_num_threads()
        rows = ctypes.c_int64(len(tokens))
        needed = self._library.scratch_bytes(ctypes.byref(self._model), rows)
        if len(self._scratch) < needed:
            self._scratch = torch.empty(needed, dtype=torch.uint8)
        logits = torch.empty(len(wanted), self._model.head.outputs)
        asked = [_numbers(tokens), _numbers(slots), _numbers(places), ctypes.c_int64(len(wanted)), _numbers(wanted)]
        room = [ctypes.c_void_p(part.data_ptr()) for part in (logits, self._scratch)]
        self._library.read_tokens(ctypes.byref(self._model), rows, *asked, *room)
        return logits


def _matrix(product: Linear) -> Matrix:
    if not isinstance(product, Native):
        raise ValueError("its products are not all by those kernels")
    return product.matrix


def _kept(norms: torch.Tensor | None) -> torch.Tensor | None:
    return None if norms is None else norms.contiguous()


def _pointer(tensor: torch.Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _numbers(values: Sequence[int]) -> ctypes.Array[ctypes.c_int64]:
    return (ctypes.c_int64 * len(values))(*values)
