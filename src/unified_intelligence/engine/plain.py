"""Any causal model of Transformers by its own forward pass, one answer after the other: slower, and right."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from unified_intelligence.engine.adapted import Adapters
from unified_intelligence.engine.decode import run
from unified_intelligence.engine.forward import Forward, Piece
from unified_intelligence.entities.errors import ModelError

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.pages import Places


class PlainForward(Forward):
    """Each slot is a cache of Transformers, which grows by itself. Only plain ones can be cut short and shared.

    Where positions stretch with a text, what was read of its beginning alone does not go with the rest: a prompt is
    read at its end, in one pass, and once more where an answer grows beyond `_short` tokens; 0: they do not.
    """

    together = False

    def __init__(self, model: Any, adapters: Adapters | None = None) -> None:
        """Raises ModelError for a model that keeps no cache."""
        self._model, self.device = model, model.device
        self._adapters = adapters or Adapters(model)
        self._adapters.hook(model)
        self.vocabulary = len(model.get_input_embeddings().weight)
        self._caches: dict[int, Any] = {}
        config = model.config.get_text_config()
        layers, heads = config.num_hidden_layers, getattr(config, "num_key_value_heads", config.num_attention_heads)
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.token_bytes = 2 * layers * heads * size * model.dtype.itemsize
        rope: Mapping[str, Any] = getattr(config, "rope_parameters", None) or {}
        self._short: int = rope["original_max_position_embeddings"] if rope.get("rope_type") == "longrope" else 0
        self._held: dict[int, list[int]] = {}
        self.rewinds = not self._short and _is_plain(self._cache_of_one_token())

    @property
    def blocks(self) -> Sequence[Any]:
        """The feed-forward halves: they keep nothing between two calls."""
        layers = getattr(self._model.base_model, "layers", ())
        return [layer.mlp for layer in layers if hasattr(layer, "mlp")]

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        import torch

        return torch.cat([self._read(piece) for piece in pieces])

    @property
    def held(self) -> int:
        return sum(map(self._length, self._caches))

    def growth(self, places: Sequence[Places]) -> int:
        return sum(max(0, each.end - self._length(each.slot)) for each in places)

    def room(self, lengths: Mapping[int, int]) -> int:
        return sum(max(length, self._length(slot)) for slot, length in lengths.items())

    def copy(self, source: int, target: int, length: int) -> None:
        self._caches[target] = _cut(copy.deepcopy(self._caches[source]), length)

    def cut(self, slot: int, length: int = 0, *, unsound: bool = False) -> None:  # noqa: ARG002 - nothing is left behind it
        cache = self._caches.pop(slot, None)
        held = self._held.pop(slot, [])[:length]
        if held:
            self._held[slot] = held
        if cache and length:
            self._caches[slot] = _cut(cache, length)

    def forget(self) -> None:
        self._caches, self._held = {}, {}

    def states(self, texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        import torch

        inputs = [torch.tensor([list(text)], device=self.device) for text in texts]
        return [self._model.base_model(input_ids=text, use_cache=False).last_hidden_state[0] for text in inputs]

    def _length(self, slot: int) -> int:
        return self._caches[slot].get_seq_length() if slot in self._caches else 0

    def _cache_of_one_token(self) -> Any:
        import torch

        output = run(self._model, input_ids=torch.zeros((1, 1), dtype=torch.long, device=self.device), use_cache=True)
        if getattr(output, "past_key_values", None) is None:
            raise ModelError(f"{type(self._model).__name__} keeps no key-value cache; it cannot be run here.")
        return output.past_key_values

    def _read(self, piece: Piece) -> torch.Tensor:
        import torch

        if self._short:
            piece = self._whole(piece)
        if not piece.tokens:
            return torch.empty((0, self.vocabulary), device=self.device)
        cache = _cut(self._caches.pop(piece.slot), piece.start) if piece.start else None
        with self._adapters.rows([piece], self.device):
            output = self._model(
                input_ids=torch.tensor([list(piece.tokens)], device=self.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=max(piece.wanted, 1),
            )
        self._caches[piece.slot] = output.past_key_values
        return cast("torch.Tensor", output.logits[0, -piece.wanted :] if piece.wanted else output.logits[0, :0])

    def _whole(self, piece: Piece) -> Piece:
        """What there is to be read: nothing before the end of a prompt, then all that goes by the same positions."""
        held = self._held.get(piece.slot, [])[: piece.start] + list(piece.tokens)
        self._held[piece.slot] = held
        if not piece.wanted:
            return replace(piece, tokens=())
        cache = self._caches.get(piece.slot) if piece.start else None
        read = cache.get_seq_length() if cache else 0
        read = 0 if read <= self._short < piece.end else read
        return replace(piece, start=read, tokens=held[read:])


def _is_plain(cache: Any) -> bool:
    """Whether every layer keeps all it has seen; a configuration does not always say that a window slides."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    return type(cache) is DynamicCache and all(type(layer) is DynamicLayer for layer in cache.layers)


def _cut(cache: Any, length: int) -> Any:
    if (longer := cache.get_seq_length() - length) > 0:
        cache.crop(-longer)
    return cache
