"""The forward pass of a Qwen3-architecture model in NumPy, with a key-value cache: no torch, no compilation.

It answers with the same numbers as transformers' Qwen3ForCausalLM in float32 (a test holds both together). What it
leaves out is what the embedded model does not have: biases, sliding windows, scaled rotary embeddings, batches.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from unified_intelligence.embedded.safetensors import read_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

_CACHE_STEP = 256


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a model, as its config.json gives them."""

    layers: int
    heads: int
    key_value_heads: int
    head_width: int
    epsilon: float
    rope_theta: float
    longest: int


@dataclass(frozen=True, slots=True)
class _Layer:
    attention_norm: Array
    qkv: Array  # (width, (heads + 2 kv heads) * head width): three projections in one product
    query_norm: Array
    key_norm: Array
    output: Array
    mlp_norm: Array
    gate_up: Array
    down: Array


class Cache:
    """The keys and values of the tokens seen so far; `rewind` forgets the last of them."""

    def __init__(self, shape: Shape) -> None:
        self.length = 0
        self._shape = shape
        self.keys = self._empty(0)
        self.values = self._empty(0)

    def reserve(self, tokens: int) -> None:
        room = self.keys.shape[2]
        if tokens <= room:
            return
        longer = self._empty(-(-tokens // _CACHE_STEP) * _CACHE_STEP - room)
        self.keys = np.concatenate([self.keys, longer], axis=2)
        self.values = np.concatenate([self.values, longer], axis=2)

    def rewind(self, length: int) -> None:
        self.length = min(self.length, length)

    def _empty(self, tokens: int) -> Array:
        shape = self._shape
        return np.zeros((shape.layers, shape.key_value_heads, tokens, shape.head_width), np.float32)


class Qwen3Forward:
    """The weights of a model and the step over them."""

    def __init__(self, shape: Shape, weights: dict[str, Array]) -> None:
        self.shape = shape
        self.parameters = sum(weight.size for weight in weights.values())
        self._embedding = weights["model.embed_tokens.weight"]
        self._head = weights.get("lm_head.weight", self._embedding)
        self._final_norm = weights["model.norm.weight"]
        self._layers = [_layer(weights, f"model.layers.{index}.") for index in range(shape.layers)]
        half = np.arange(0, shape.head_width, 2, dtype=np.float32) / shape.head_width
        self._frequencies = np.float32(shape.rope_theta) ** -half

    @classmethod
    def load(cls, folder: Path) -> Qwen3Forward:
        """Reads config.json and model.safetensors of a folder. Raises DamagedFileError, FileNotFoundError."""
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        shape = Shape(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            key_value_heads=config["num_key_value_heads"],
            head_width=config["head_dim"],
            epsilon=config["rms_norm_eps"],
            rope_theta=config["rope_parameters"]["rope_theta"],
            longest=config["max_position_embeddings"],
        )
        return cls(shape, read_tensors(folder / "model.safetensors"))

    def new_cache(self) -> Cache:
        return Cache(self.shape)

    def step(self, tokens: Sequence[int], cache: Cache) -> Array:
        """Runs the tokens after those of the cache; returns the logits (vocabulary,) that follow the last one."""
        start, end = cache.length, cache.length + len(tokens)
        cache.reserve(end)
        rotation = self._rotation(start, end)
        hidden = self._embedding[list(tokens)]
        for index, layer in enumerate(self._layers):
            hidden = hidden + self._attention(layer, index, hidden, cache, rotation)
            hidden = hidden + self._mlp(layer, hidden)
        cache.length = end
        return self._normal(hidden[-1], self._final_norm) @ self._head.T

    def _attention(
        self, layer: _Layer, index: int, hidden: Array, cache: Cache, rotation: tuple[Array, Array]
    ) -> Array:
        shape, count = self.shape, len(hidden)
        start, end = cache.length, cache.length + count
        heads = (self._normal(hidden, layer.attention_norm) @ layer.qkv).reshape(count, -1, shape.head_width)
        query, key, value = np.split(heads, [shape.heads, shape.heads + shape.key_value_heads], axis=1)
        cache.keys[index, :, start:end] = _rotate(self._normal(key, layer.key_norm), rotation).transpose(1, 0, 2)
        cache.values[index, :, start:end] = value.transpose(1, 0, 2)
        query = _rotate(self._normal(query, layer.query_norm), rotation).transpose(1, 0, 2)
        shared = shape.heads // shape.key_value_heads
        keys, values = cache.keys[index, :, :end], cache.values[index, :, :end]
        if shared > 1:
            keys, values = np.repeat(keys, shared, axis=0), np.repeat(values, shared, axis=0)
        scores = query @ keys.transpose(0, 2, 1) * np.float32(shape.head_width**-0.5)
        if count > 1:
            scores[:, np.arange(end)[None] > np.arange(start, end)[:, None]] = -np.inf
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        return (scores @ values).transpose(1, 0, 2).reshape(count, -1) @ layer.output

    def _mlp(self, layer: _Layer, hidden: Array) -> Array:
        gate, up = _halves(self._normal(hidden, layer.mlp_norm) @ layer.gate_up)
        return np.matmul(gate / (1 + np.exp(-gate)) * up, layer.down)

    def _normal(self, x: Array, weight: Array) -> Array:
        return x / np.sqrt(np.square(x).mean(-1, keepdims=True) + np.float32(self.shape.epsilon)) * weight

    def _rotation(self, start: int, end: int) -> tuple[Array, Array]:
        angles = np.arange(start, end, dtype=np.float32)[:, None, None] * self._frequencies
        return np.cos(angles), np.sin(angles)


def _halves(x: Array) -> tuple[Array, Array]:
    middle = x.shape[-1] // 2
    return x[..., :middle], x[..., middle:]


def _rotate(x: Array, rotation: tuple[Array, Array]) -> Array:
    cosine, sine = rotation
    first, second = _halves(x)
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1, dtype=np.float32)


def _layer(weights: dict[str, Array], prefix: str) -> _Layer:
    def columns(*names: str) -> Array:
        rows = [weights[f"{prefix}{name}.weight"] for name in names]
        return (np.concatenate(rows) if len(rows) > 1 else rows[0]).T  # a view: BLAS multiplies by it as it lies

    return _Layer(
        attention_norm=weights[f"{prefix}input_layernorm.weight"],
        qkv=columns("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
        query_norm=weights[f"{prefix}self_attn.q_norm.weight"],
        key_norm=weights[f"{prefix}self_attn.k_norm.weight"],
        output=columns("self_attn.o_proj"),
        mlp_norm=weights[f"{prefix}post_attention_layernorm.weight"],
        gate_up=columns("mlp.gate_proj", "mlp.up_proj"),
        down=columns("mlp.down_proj"),
    )
