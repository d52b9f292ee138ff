"""The forward pass of the Llama family (Llama, Qwen2, Qwen3, Mistral) from the weights Transformers loaded.

What belongs together is one matrix product: queries, keys and values; gate and up. The products are those that are
fastest on this machine (`linear`), and all answers of a step share them. Positions come from Transformers' own module,
so every way of stretching them is the same here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine.adapted import Adapters, own
from unified_intelligence.engine.attention import Layout, PageCache, attend_many
from unified_intelligence.engine.forward import Forward, Piece
from unified_intelligence.engine.huge_pages import kept_by
from unified_intelligence.engine.kernels import Kernels, Linear
from unified_intelligence.engine.linear import HERE, Opaque, Plain, for_head, linear
from unified_intelligence.engine.native.small_pass import LayerWeights, ModelWeights, SmallPass
from unified_intelligence.engine.paged import Heads
from unified_intelligence.engine.pages import PAGE, Places, Tables, power
from unified_intelligence.engine.place import Quantization
from unified_intelligence.engine.steady import Model, Steady

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.steady import Record


class FusedForward(Forward):
    """Takes the weights out of the model, layer by layer, so that they are in memory once; it can no longer be run.

    `small` reads what our own kernels read faster than torch; `without_small` says why there is none. `steady` reads
    single tokens in shapes that stay, if that was asked for.
    """

    page = PAGE
    steady: Steady | None = None
    _aside: SmallPass | None = None
    _count = 0

    def __init__(
        self,
        model: Any,
        *,
        longest: int,
        quantization: Quantization = "none",
        adapters: Adapters | None = None,
        kernels: Kernels = HERE,
    ) -> None:
        import torch

        config, inner = model.config, model.model
        self._adapters = adapters or Adapters(model)
        self.device = model.device
        self._embedding = inner.embed_tokens.weight
        self._dtype, self.vocabulary, self.longest = self._embedding.dtype, len(self._embedding), longest
        attention = inner.layers[0].self_attn
        self._heads = Heads(
            config.num_attention_heads, config.num_key_value_heads, attention.head_dim, attention.scaling
        )
        self._eps: float = config.rms_norm_eps
        with torch.inference_mode():
            self._cos, self._sin = _angles(inner.rotary_emb, longest, self._embedding)
            self._norm, self._head = inner.norm.weight, self._take_head(model.lm_head, quantization, kernels)
            self._layers = [self._take(layer, quantization, kernels) for layer in inner.layers]
            self._caches = [PageCache(self._heads, self.device, self._dtype) for _ in self._layers]
        self._tables = Tables(PAGE)
        self._adapters.settle()
        self.small, self.without_small = self._small_pass()
        inner.layers = torch.nn.ModuleList()
        self.token_bytes = 2 * len(self._layers) * self._heads.keys * self._heads.size * self._dtype.itemsize
        self.nbytes = self._head.nbytes + sum(layer.nbytes for layer in self._layers)

    def read(self, pieces: Sequence[Piece]) -> torch.Tensor:
        self.hold([piece.places for piece in pieces])
        if self.steady and (logits := self.steady.read(pieces, self._tables)) is not None:
            return logits
        if self.small and self.small.takes(pieces) and not any(piece.adapter for piece in pieces):
            return self.small.read(pieces, [self._tables.table(piece.slot) for piece in pieces])
        layout = Layout(pieces, self._tables, self._count, self.device, self._dtype)

        def attention(at: int, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
            return self._caches[at].attend(layout, q, k, v)

        with self._adapters.rows(layout.pieces, self.device):
            x = self._run(layout.tokens, layout.places, attention)
        return self._end(x if layout.wanted is None else x[layout.wanted])

    def states(self, texts: Sequence[Sequence[int]]) -> list[torch.Tensor]:
        import torch

        lengths = [len(text) for text in texts]
        tokens = torch.tensor([token for text in texts for token in text], device=self.device)
        places = torch.cat([torch.arange(length, device=self.device) for length in lengths])

        def alone(_: int, *projected: torch.Tensor) -> torch.Tensor:
            parts = zip(*(torch.split(whole, lengths) for whole in projected), strict=True)
            return torch.cat(
                [attend_many(self._heads, q, k.transpose(0, 1), v.transpose(0, 1), None) for q, k, v in parts]
            )

        return list(torch.split(self._final(self._run(tokens, places, alone)), lengths))

    @property
    def held(self) -> int:
        return self._tables.held * PAGE

    def growth(self, places: Sequence[Places]) -> int:
        return self._tables.growth(places) * PAGE

    def room(self, lengths: Mapping[int, int]) -> int:
        return self._tables.room(lengths) * PAGE

    def hold(self, places: Sequence[Places], memory: int = sys.maxsize) -> None:
        if (end := self._tables.end_with(places)) > self._count:
            # doubled: what there is is copied, and what was recorded is lost
            self._resize(max(end, min(power(end), 1 + memory // PAGE)), self._tables.end)
        if changes := self._tables.hold(places):
            for cache in self._caches:
                cache.change(changes)

    def copy(self, source: int, target: int, length: int) -> None:
        self._tables.share(source, target, length)

    def cut(self, slot: int, length: int = 0, *, unsound: bool = False) -> None:
        self._tables.cut(slot, length, unsound=unsound)

    def forget(self) -> None:
        self._tables.forget()
        self._resize(0)

    def _resize(self, pages: int, kept: int = 0) -> None:
        self._count = 0  # memory may run out between two caches
        if self.small:
            self.small.look_at([])
        if self.steady:
            self.steady.resize(0)
        for cache in self._caches:
            cache.resize(pages, kept)
        self._count = pages
        if self.small:
            self.small.look_at(self._caches)
        if self.steady:
            self.steady.resize(pages)

    def steadily(self, *, inductor: bool = False, record: Record | None = None) -> None:
        """Single tokens are read in shapes that stay. No slot holds anything before and after."""
        self._aside, self.small = self.small, None
        if inductor and self.device.type == "cpu":
            for layer in self._layers:
                layer.close()
        angles = self._cos, self._sin
        model = Model(self._layers, self._caches, self._heads, self._embedding, *angles, self._end)
        self.steady = Steady(model, inductor=inductor, record=record)

    def unsteadily(self) -> None:
        """Undoes `steadily`; no slot holds anything afterwards."""
        self.steady, self.small = None, self._aside
        self.forget()

    def _run(self, tokens: torch.Tensor, places: torch.Tensor, attention: Callable[..., torch.Tensor]) -> torch.Tensor:
        x = self._embedding[tokens]
        cos, sin = self._cos[places], self._sin[places]
        for at, layer in enumerate(self._layers):
            q, k, v = layer.project(x, cos, sin)
            x = layer.finish(x, attention(at, q, k, v))
        return x

    def weights(self) -> Iterator[torch.Tensor]:
        """The weights of its products, all of which a step reads."""
        return kept_by(self._products())

    def _products(self) -> list[Linear]:
        return [self._head, *(product for layer in self._layers for product in layer.weights.products)]

    def _small_pass(self) -> tuple[SmallPass | None, str]:
        """The pass by our own kernels; where there is none, None and the reason."""
        layers = [layer.weights for layer in self._layers]
        angles = self._cos, self._sin
        try:
            weights = ModelWeights(layers, self._head, self._embedding, self._norm, *angles, self._heads, self._eps)
            return SmallPass(weights), ""
        except ValueError as error:
            return None, str(error)

    def _end(self, x: torch.Tensor) -> torch.Tensor:
        return self._head(self._final(x))

    def _final(self, x: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import rms_norm

        return rms_norm(x, x.shape[-1:], self._norm, self._eps)

    def _take_head(self, head: Any, quantization: Quantization, kernels: Kernels) -> Linear:
        return linear(head.weight, head.bias, quantization=for_head(quantization, self.device), kernels=kernels)

    def _take(self, layer: Any, quantization: Quantization, kernels: Kernels) -> _Layer:
        taken = _Layer(layer, self._heads, self._eps, partial(_joined, self._adapters, quantization, kernels))
        layer.self_attn = layer.mlp = None
        return taken


class _Layer:
    """One layer: `project` is what comes before its attention, `finish` what comes after."""

    def __init__(self, layer: Any, heads: Heads, eps: float, joined: Callable[[Sequence[Any]], Linear]) -> None:
        import torch

        attention, mlp = layer.self_attn, layer.mlp
        self._heads, self._eps = heads, eps
        self._before, self._between = layer.input_layernorm.weight, layer.post_attention_layernorm.weight
        self._qkv: Linear = joined([attention.q_proj, attention.k_proj, attention.v_proj])
        self._out: Linear = joined([attention.o_proj])
        self._gate_up: Linear = joined([mlp.gate_proj, mlp.up_proj])
        self._down: Linear = joined([mlp.down_proj])
        self._head_norms: torch.Tensor | None = None
        if hasattr(attention, "q_norm"):
            norms = [attention.q_norm.weight] * heads.queries + [attention.k_norm.weight] * heads.keys
            self._head_norms = torch.stack(norms)
        self.nbytes = self._qkv.nbytes + self._out.nbytes + self._gate_up.nbytes + self._down.nbytes

    def close(self) -> None:
        """A compiler sees nothing of the products: those that are fast on a CPU it cannot take in."""
        for name, product in vars(self).copy().items():
            if isinstance(product, Linear) and not isinstance(own(product), Plain):
                setattr(self, name, Opaque(product))

    @property
    def weights(self) -> LayerWeights:
        """The model's own: for those who read no rows of an adapter's."""
        products = own(self._qkv), own(self._out), own(self._gate_up), own(self._down)
        return LayerWeights(products, self._before, self._between, self._head_norms)

    def project(
        self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries and keys, turned by their places, and values: shapes (tokens, heads, size)."""
        import torch
        from torch.nn.functional import rms_norm

        heads = self._heads
        joined = self._qkv(rms_norm(x, x.shape[-1:], self._before, self._eps))
        joined = joined.view(x.shape[0], -1, heads.size)
        turning, v = joined[:, : heads.queries + heads.keys], joined[:, heads.queries + heads.keys :]
        if self._head_norms is not None:
            turning = rms_norm(turning, (heads.size,), None, self._eps) * self._head_norms
        turned = torch.addcmul(turning * cos, torch.roll(turning, heads.size // 2, -1), sin)
        return turned[:, : heads.queries], turned[:, heads.queries :], v

    def finish(self, x: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        from torch.nn.functional import rms_norm, silu

        x = x + self._out(attended)
        gate, up = self._gate_up(rms_norm(x, x.shape[-1:], self._between, self._eps)).chunk(2, -1)
        return x + self._down(silu(gate) * up)


def _joined(adapters: Adapters, quantization: Quantization, kernels: Kernels, modules: Sequence[Any]) -> Linear:
    import torch

    weight = torch.cat([module.weight for module in modules]) if len(modules) > 1 else modules[0].weight.detach()
    bias = None if modules[0].bias is None else torch.cat([module.bias for module in modules])
    return adapters.beside(linear(weight, bias, quantization=quantization, kernels=kernels), modules)


def _angles(rotary: Any, capacity: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines, and sines with the sign of the half they go to: shape (capacity, 1, size)."""
    import torch

    places = torch.arange(capacity, device=like.device)[None]
    cos, sin = rotary(like, places)
    half = cos.shape[-1] // 2
    signed = torch.cat((-sin[..., :half], sin[..., half:]), -1)
    return cos[0, :, None].contiguous(), signed[0, :, None].contiguous()
