"""Copying, written into the initial weights.

A model of a few million parameters does not discover in minutes how to copy a word from its prompt, and copying is
most of what a function call is. The mechanism is known (an induction head: Olsson et al. 2022, "In-context Learning
and Induction Heads") and small enough to write down, so training starts from it.

The residual stream is split by a random orthonormal basis into: one constant direction, a space P1 that will hold
"the token before me", a space P2 for "the token two before me", and the rest, where the token embeddings live.

Layer 0, head 0 ("previous token"): queries and keys read only the constant direction, so that a score depends on
distance alone: with rotary embedding at frequency f the score of a key at distance n is cos(f (n - offset)), which
over the highest frequencies peaks at n = offset = 1. Its value is (part of) the embedding found there; its output
goes to P1. Head 1 does the same with offset 2 into P2.

Layer 1, head 0 ("match"): the query is my own embedding, the key is what stands in P1, both on the lowest, nearly
position-free frequencies: attention goes to where my token was the *previous* one, i.e. to what followed me last
time, whose embedding is copied to the output, where the tied embedding makes it the likeliest next token.
Head 1 matches the bigram (me, before me) against (P1, P2), which is right more often.

All other output projections start at zero, so the circuit is undisturbed at step 0 and training adds to it.
"""

import math
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import Qwen3ForCausalLM


@dataclass(frozen=True, slots=True)
class CircuitScales:
    """Gains found by scanning copy accuracy of random sequences at step 0 (1.0 at lengths 64 and 256)."""

    constant: float = 0.6
    sharpness: float = 1.7
    previous_token: float = 0.15
    copy: float = 0.5
    noise: float = 0.5
    high_frequencies: int = 6
    low_frequencies_from: int = 12


def write_induction_circuit(model: Qwen3ForCausalLM, seed: int, scales: CircuitScales | None = None) -> None:
    """Overwrites the model's weights in place. Needs 2 layers, 2 key-value heads, tied embeddings."""
    scales = scales or CircuitScales()
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        _start_quiet(model, random, scales)
        _Circuit(model, random, scales).write()


def _start_quiet(model: Qwen3ForCausalLM, random: torch.Generator, scales: CircuitScales) -> None:
    for name, parameter in model.model.layers.named_parameters():
        if parameter.ndim == 2:
            silent = "o_proj" in name or "down_proj" in name
            width = model.config.hidden_size
            scale = 0.0 if silent else scales.noise * width**-0.5
            parameter.copy_(torch.randn(parameter.shape, generator=random) * scale)


class _Circuit:
    def __init__(self, model: Qwen3ForCausalLM, random: torch.Generator, scales: CircuitScales) -> None:
        config = cast("Any", model.config)
        self.model, self.random, self.scales = model, random, scales
        self.width: int = config.hidden_size
        self.head: int = int(config.head_dim)
        self.heads: int = config.num_attention_heads
        self.kv_heads: int = config.num_key_value_heads
        half = self.head // 2
        theta = float(config.rope_parameters["rope_theta"])
        self.frequencies = torch.tensor([theta ** (-2 * i / self.head) for i in range(half)])
        low = list(range(scales.low_frequencies_from, half))
        self.quiet_dimensions = low + [i + half for i in low]
        self.key_width = len(self.quiet_dimensions)

    def write(self) -> None:
        basis = self._basis()
        k = self.key_width
        before, before2, rest = basis[1 : 1 + k], basis[1 + k : 1 + 2 * k], basis[1 + 2 * k :]
        vocabulary = self.model.model.embed_tokens.weight
        vocabulary.copy_(self._normal(vocabulary.shape[0], len(rest)) * len(rest) ** -0.5 @ rest)
        vocabulary[:, 0] += self.scales.constant
        me, copied = rest[:k], rest[-min(self.head, len(rest)) :]
        self._previous(0, 1, me, before)
        self._previous(1, 2, me, before2)
        self._match(0, me, before, copied)
        half = k // 2
        self._match(1, torch.cat([me[:half], before[:half]]), torch.cat([before[:half], before2[:half]]), copied)
        for layer in cast("Any", self.model.model.layers[:2]):
            layer.self_attn.q_norm.weight.fill_(self.scales.sharpness)
            layer.self_attn.k_norm.weight.fill_(self.scales.sharpness)

    def _basis(self) -> Tensor:
        """Orthonormal rows; row 0 is the first coordinate axis, the constant direction."""
        raw = self._normal(self.width, self.width)
        raw[:, 0], raw[0, :] = 0.0, 0.0
        raw[0, 0] = 1.0
        rows = torch.linalg.qr(raw)[0].T
        first = int(rows[:, 0].abs().argmax())
        return torch.cat([rows[first : first + 1], rows[:first], rows[first + 1 :]])

    def _previous(self, head: int, offset: int, value: Tensor, into: Tensor) -> None:
        query, key, read, write = self._blank()
        half = self.head // 2
        for i in range(self.scales.high_frequencies):
            angle = -offset * float(self.frequencies[i])
            key[i, 0] = 1.0
            query[i, 0], query[i + half, 0] = math.cos(angle), math.sin(angle)
        read[: len(value)] = value
        write[:, : len(value)] = self.scales.previous_token * into.T
        self._place(0, head, query, key, read, write)

    def _match(self, head: int, mine: Tensor, theirs: Tensor, copied: Tensor) -> None:
        query, key, read, write = self._blank()
        for row, dimension in enumerate(self.quiet_dimensions[: len(mine)]):
            query[dimension], key[dimension] = mine[row], theirs[row]
        read[: len(copied)] = copied
        write[:, : len(copied)] = self.scales.copy * copied.T
        self._place(1, head, query, key, read, write)

    def _place(self, layer: int, head: int, query: Tensor, key: Tensor, read: Tensor, write: Tensor) -> None:
        attention = cast("Any", self.model.model.layers[layer]).self_attn
        rows = slice(head * self.head, (head + 1) * self.head)
        shared = head * self.kv_heads // self.heads
        kv_rows = slice(shared * self.head, (shared + 1) * self.head)
        _weight(attention.q_proj)[rows] = query
        _weight(attention.k_proj)[kv_rows] = key
        _weight(attention.v_proj)[kv_rows] = read
        _weight(attention.o_proj)[:, rows] = write

    def _blank(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        read = torch.zeros(self.head, self.width)
        return read.clone(), read.clone(), read, torch.zeros(self.width, self.head)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.random)


def _weight(projection: nn.Module) -> Tensor:
    weight = projection.weight
    assert isinstance(weight, Tensor)
    return weight
