"""Adapters beside the products of one model: each row of a step gets what its own adapter adds, the model's is shared.

Which row is whose is said for the length of a pass, because a product is given rows and nothing else.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from unified_intelligence.engine.kernels import Linear
from unified_intelligence.engine.linear import linear
from unified_intelligence.entities.errors import ConfigurationError

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.forward import Piece
    from unified_intelligence.engine.lora import Delta, Lora

    Rows = torch.Tensor | slice


class Adapters:
    """The adapters of one model, by name. They have an effect only inside of `rows`."""

    def __init__(self, model: Any, loras: Sequence[Lora] = ()) -> None:
        self.names = tuple(lora.name for lora in loras)
        self._loras = loras
        self._modules: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # weights are taken out of it meanwhile
        if loras:
            self._modules.update({module: name for name, module in model.named_modules()})
        self._left = {module for lora in loras for module in lora.deltas}
        self._now: list[tuple[str, Rows]] = []

    def beside(self, product: Linear, modules: Sequence[Any]) -> Linear:
        """The product of several modules with what the adapters add to each of them; `product` itself where they add
        nothing.
        """
        if not self._loras:
            return product
        names = [self._modules[module] for module in modules]
        sizes = [module.out_features for module in modules]
        added = {lora.name: _joined(lora, names, sizes) for lora in self._loras}
        self._left.difference_update(names)
        beside = {name: _Added(delta) for name, delta in added.items() if delta}
        return _Adapted(product, beside, self._now) if beside else product

    def hook(self, model: Any) -> None:
        """For a model that is run by Transformers: all rows of its passes belong to one piece."""
        for name in self._left:
            added = {lora.name: _Added(delta) for lora in self._loras if (delta := lora.deltas.get(name))}
            model.get_submodule(name).register_forward_hook(_hook(added, self._now))
        self._left.clear()
        self.settle()

    def settle(self) -> None:
        """Lets go of the adapters, which are all beside a product by now: nothing of them is kept twice.

        Raises ConfigurationError where one changes something that nobody has put it beside.
        """
        if self._left:
            raise ConfigurationError(
                f"An adapter changes {min(self._left)}, which the fused forward pass has no adapters for.",
                hint="Use -o engine transformers.",
            )
        self._loras = ()

    @contextmanager
    def rows(self, pieces: Iterable[Piece], device: torch.device) -> Generator[None]:
        """For the length of a pass: the rows of its products are those of these pieces, in this order."""
        if self.names:
            self._now[:] = _rows(pieces, device)
        try:
            yield
        finally:
            self._now.clear()


class _Added:
    """What one adapter adds to a product, by products that are as fast as the model's own."""

    def __init__(self, delta: Delta) -> None:
        self._down, self._up = linear(delta.down), linear(delta.up)
        self.nbytes = self._down.nbytes + self._up.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self._up(self._down(x))


def own(product: Linear) -> Linear:
    """The model's product, without adapters."""
    return product.product if isinstance(product, _Adapted) else product


class _Adapted(Linear):
    def __init__(self, product: Linear, added: Mapping[str, _Added], now: Sequence[tuple[str, Rows]]) -> None:
        self.product, self._added, self._now = product, added, now
        self.nbytes = product.nbytes

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = self.product(x)
        for name, rows in self._now:
            if added := self._added.get(name):
                y[rows] += added(x[rows])
        return y


def _hook(added: Mapping[str, _Added], now: Sequence[tuple[str, Rows]]) -> Any:
    def add(_: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        for name, _rows in now:
            if name in added:
                x = inputs[0]
                output = output + added[name](x.flatten(0, -2)).view(*x.shape[:-1], -1)
        return output

    return add


def _joined(lora: Lora, names: Sequence[str], sizes: Sequence[int]) -> Delta | None:
    """The delta of several products taken as one: the downs one under the other, the ups on the diagonal, zeros beside
    it.
    """
    import torch

    from unified_intelligence.engine.lora import Delta

    parts = [lora.deltas.get(name) for name in names]
    present = [part for part in parts if part]
    if not present:
        return None
    down = torch.cat([part.down for part in present])
    up = down.new_zeros(sum(sizes), len(down))
    row = column = 0
    for part, size in zip(parts, sizes, strict=True):
        if part:
            rank = part.up.shape[1]
            up[row : row + size, column : column + rank] = part.up
            column += rank
        row += size
    return Delta(down, up)


def _rows(pieces: Iterable[Piece], device: torch.device) -> list[tuple[str, Rows]]:
    """The rows of each adapter; a slice where they are side by side, which spares a copy."""
    import torch

    found: dict[str, list[int]] = {}
    row = 0
    for piece in pieces:
        if piece.adapter:
            found.setdefault(piece.adapter, []).extend(range(row, row + len(piece.tokens)))
        row += len(piece.tokens)
    return [
        (name, slice(rows[0], rows[-1] + 1) if rows[-1] - rows[0] < len(rows) else torch.tensor(rows, device=device))
        for name, rows in found.items()
    ]
