"""Vectors from the last states of a model, as its recipe says: pooled, led through its layers, made of length one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine.recipe import Dense, Recipe
from unified_intelligence.entities.errors import ModelError

if TYPE_CHECKING:
    import torch


class Pooler:
    """Holds the weights of a recipe's own layers, in float32 and on the device of the model's states."""

    def __init__(self, recipe: Recipe, device: torch.device, *, size: int | None) -> None:
        """`size` is that of a state, None where the model does not tell it. Raises ModelError."""
        if recipe.inputs and size not in {None, recipe.inputs}:
            raise ModelError(f"The model's states have {size} numbers, and its pooling is for {recipe.inputs}.")
        self.recipe = recipe
        self._layers = [step and _Layer(step, device) for step in recipe.steps]

    def vectors(self, states: Sequence[torch.Tensor], *, skipped: int = 0) -> torch.Tensor:
        """Of the states of texts, each of shape (tokens, hidden size), without the first ones of each: a prompt's.

        Shape (texts, size), float32. Each text has its own states alone, so that nothing depends on the others.
        """
        import torch

        pooled = torch.stack([
            torch.cat([_pooled(name, state.float(), skipped) for name in self.recipe.poolings]) for state in states
        ])  # fmt: skip
        for layer in self._layers:
            pooled = layer(pooled) if layer else torch.nn.functional.normalize(pooled, dim=-1)
        return pooled

    def cut(self, vectors: torch.Tensor, wanted: int | None) -> torch.Tensor:
        """The first numbers of each, as many as are `wanted` or as the model's files say, brought to length one again
        where the whole ones are. Raises InvalidRequestError for a size that they cannot have.
        """
        import torch

        size = vectors.shape[1]
        if wanted is not None:
            self.recipe.check_size(wanted, size)
        kept = vectors[:, : wanted or self.recipe.cut or size]
        if kept.shape[1] == size or None not in self.recipe.steps:
            return kept
        return torch.nn.functional.normalize(kept, dim=-1)


class _Layer:
    def __init__(self, dense: Dense, device: torch.device) -> None:
        import torch
        from safetensors import safe_open

        library: Any = safe_open  # not typed
        with library(dense.weights, framework="pt") as tensors:
            read = {name: tensors.get_tensor(name).float().to(device) for name in dense.tensors}
        self._weight, self._bias = read["linear.weight"], read.get("linear.bias")
        self._through, self._residual = read.get("residual.weight"), dense.residual
        self._activation: Any = getattr(torch.nn, dense.activation)()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        import torch

        y: torch.Tensor = self._activation(torch.nn.functional.linear(x, self._weight, self._bias))
        if not self._residual:
            return y
        return y + (x if self._through is None else torch.nn.functional.linear(x, self._through))


def _pooled(name: str, states: torch.Tensor, skipped: int) -> torch.Tensor:
    """One vector of states of shape (tokens, hidden size); those that are skipped still count for the weights."""
    import torch

    kept = states[skipped:]
    match name:
        case "cls":
            return kept[0]
        case "lasttoken":
            return kept[-1]
        case "max":
            return kept.amax(0)
        case "mean":
            return kept.mean(0)
        case "mean_sqrt_len_tokens":
            return kept.sum(0) / len(kept) ** 0.5
        case _:
            weights = torch.arange(skipped + 1, len(states) + 1, device=states.device, dtype=torch.float32)
            return weights @ kept / weights.sum()
