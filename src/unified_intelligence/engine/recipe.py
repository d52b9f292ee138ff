"""How a model's vectors are to be made. What its files say of that is read elsewhere, and so is it done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unified_intelligence.entities.errors import InvalidRequestError

POOLINGS: Mapping[str, str] = {  # in the order in which files that only say yes or no to each put them
    "cls": "the first token's state",
    "max": "the largest numbers of all states",
    "mean": "the mean of the states",
    "mean_sqrt_len_tokens": "the sum of the states over the root of their count",
    "weightedmean": "the mean of the states, later ones weighing more",
    "lasttoken": "the last token's state",
}


@dataclass(frozen=True, slots=True)
class Dense:
    """A product with the weights in a file, and what is done with its outcome: the name of a module of torch.nn."""

    weights: Path
    inputs: int
    outputs: int
    bias: bool
    activation: str
    residual: bool

    @property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """The shapes that the file has to hold."""
        shapes: dict[str, tuple[int, ...]] = {"linear.weight": (self.outputs, self.inputs)}
        shapes |= {"linear.bias": (self.outputs,)} if self.bias else {}
        needed = self.residual and self.inputs != self.outputs
        return shapes | ({"residual.weight": (self.outputs, self.inputs)} if needed else {})


@dataclass(frozen=True, slots=True)
class Recipe:
    """`poolings` are put one behind the other; `steps` come after them, None among them brings to length one.

    `own` is false for a model without such files. `inputs` is the size of a state they are for, `size` that of a
    vector, each 0 where no file says it. `sizes` are those a vector may be cut to: None for any, none for none.
    """

    poolings: tuple[str, ...] = ("mean",)
    steps: tuple[Dense | None, ...] = (None,)
    own: bool = False
    with_prompt: bool = True
    prompts: Mapping[str, str] = field(default_factory=dict[str, str])
    prompt: str = ""
    longest: int | None = None
    lower: bool = False
    inputs: int = 0
    size: int = 0
    cut: int | None = None
    sizes: frozenset[int] | None = frozenset()

    @property
    def said(self) -> str:
        """A clause that says which vectors there are."""
        if not self.own:
            return "vectors: the mean of the last states, which the model was not trained for"
        told = [POOLINGS[name] for name in self.poolings]
        told += ["brought to length one" if step is None else f"a layer of {step.outputs}" for step in self.steps]
        told += [f"cut to {self.cut}"] if self.cut else []
        return f"vectors: the model's own, {', '.join(told)}"

    def prompt_of(self, name: str | None) -> str:
        """What goes before a text; None is the model's own choice. Raises InvalidRequestError."""
        if name is None:
            return self.prompt
        if name and name not in self.prompts:
            known = ", ".join(sorted(self.prompts)) or "none"
            raise InvalidRequestError(
                f"The model has no prompt {name!r} for its vectors; it has: {known}.",
                hint="Write what goes before a text into the text.",
            )
        return self.prompts.get(name, "")

    def check_size(self, wanted: int, size: int) -> None:
        """Raises InvalidRequestError where vectors of `size` may not be cut to what is `wanted`."""
        if wanted == size or (wanted < size and (self.sizes is None or wanted in self.sizes)):
            return
        hint = "Leave the dimensions out."
        if self.sizes:
            reason = f"and may be cut to {', '.join(map(str, sorted(self.sizes)))}"
        elif wanted > size:
            reason = "and there are no more"
        else:
            reason = "and its config.json does not say (is_matryoshka) that they may be cut"
            hint += ' If its card says that it was trained for that (Matryoshka), write "is_matryoshka": true there.'
        raise InvalidRequestError(f"The model's vectors have {size} dimensions, not {wanted}, {reason}.", hint=hint)
