"""One answer as it is written, token by token, and what its request has to say about each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine.draw import draw
from unified_intelligence.engine.sampling import Chosen, Sampler
from unified_intelligence.entities.errors import DeviceLostError, ModelError

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.constraints import Constraint
    from unified_intelligence.engine.sampling import Wish
    from unified_intelligence.engine.thinking import Thinking
    from unified_intelligence.profiles.sampling import Sampling

_MEMORY = re.compile("allocate memory|out of memory")  # what torch has no error of its own for


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: at most `limit` tokens after `prompt`, until one of `ends`, which none of the first `least` is.

    `adapter` writes it, "" the model itself.
    """

    prompt: Sequence[int]
    limit: int
    ends: frozenset[int]
    sampling: Sampling
    seed: int | None
    least: int = 0
    logprobs: int | None = None
    adapter: str = ""


class Writing:
    """One answer as it is written; it knows no model. `tokens` are those of the prompt and of the answer so far.

    `complete` is set when the model ended its turn itself, or its form leaves nothing more to be said.
    """

    def __init__(self, plan: Plan, thinking: Thinking | None, constraint: Constraint | None = None) -> None:
        self._plan, self._thinking, self._constraint = plan, thinking, constraint
        self._sampler = Sampler(plan.sampling, plan.prompt, seed=plan.seed, logprobs=plan.logprobs)
        self._written = 0
        self.tokens = list(plan.prompt)
        self.complete = False

    @property
    def prompt(self) -> Sequence[int]:
        return self._plan.prompt

    @property
    def adapter(self) -> str:
        return self._plan.adapter

    @property
    def longest(self) -> int:
        """The most tokens there can be."""
        return len(self._plan.prompt) + self._plan.limit

    @property
    def goes_on(self) -> bool:
        return not self.complete and self._written < self._plan.limit

    def forced(self) -> Sequence[Chosen]:
        """What comes next without asking the model, read by it together with the token before. Raises ModelError."""
        due = self._thinking.due() if self._thinking else ()
        forced = due[: self._plan.limit - self._written]
        for token in forced:
            self._add(token)
        come = [Chosen(token, forced=True) for token in forced]
        if self._constraint and self._plan.logprobs is None:  # what is told of a token takes a pass of the model
            for token in self._constraint.forced()[: self._plan.limit - self._written]:
                self._add(token)
                come.append(Chosen(token))
        return come

    def wish(self) -> Wish:
        """What the next token is drawn by, once for each. Raises ModelError."""
        barred = self._plan.ends if self._written < self._plan.least else frozenset[int]()
        if self._thinking:
            barred |= self._thinking.barred
        return self._sampler.wish(barred, self._constraint)

    def accept(self, drawn: Chosen | Exception) -> Chosen | None:
        """Takes what was drawn by the last wish; None where it ends the turn. Raises ModelError, and an exception that
        was drawn in place of a token.
        """
        if isinstance(drawn, Exception):
            raise drawn
        if drawn.token in self._plan.ends:
            self.complete = True
            return None
        self._add(drawn.token)
        return drawn

    def take(self, logits: torch.Tensor) -> Chosen | None:
        """The next token, from logits of shape (vocabulary,); None where it ends the turn. Raises ModelError."""
        return self.accept(draw_each([logits], [self.wish()])[0])

    def _add(self, token: int) -> None:
        self._written += 1
        self.tokens.append(token)
        self._sampler.note(token)
        if self._thinking:
            self._thinking.add(token)
        if self._constraint:
            self._constraint.take(token)
            self.complete = self._constraint.complete


def draw_each(rows: Sequence[torch.Tensor], wishes: Sequence[Wish]) -> list[Chosen | Exception]:
    """A token for each wish, or why there is none. Where drawing all together breaks, only the culprit's own does."""
    try:
        return [*draw(rows, wishes)]
    except Exception as error:
        if is_lost(error):
            raise
        if len(rows) == 1:
            return [error]
        return [draw_each([row], [wish])[0] for row, wish in zip(rows, wishes, strict=True)]


def are_spoilt(logits: Sequence[torch.Tensor]) -> list[bool]:
    """Which of them hold what is no number; in one transfer."""
    import torch

    return [bool(one) for one in torch.stack([each.isnan().any() for each in logits]).cpu()] if logits else []


def run(module: Callable[..., Any], **inputs: Any) -> Any:
    """A forward pass. Raises ModelError for whatever it breaks with."""
    import torch

    try:
        with torch.inference_mode():  # never around a yield: the caller's own code would run in it
            return module(**inputs)
    except (MemoryError, RuntimeError) as error:
        raise failure_of(error) from error
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        raise ModelError(f"The model broke while answering: {error}") from error


class MemoryUsedUpError(ModelError):
    def __init__(self) -> None:
        super().__init__("The memory is used up.", hint="Shorten the conversation, or use a smaller model.")


def failure_of(error: Exception) -> ModelError:
    """What the end of a pass says: of the device, of its memory, or of the model."""
    import torch

    if is_lost(error):
        return DeviceLostError(str(error).partition("\n")[0])
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or _MEMORY.search(str(error)):
        return MemoryUsedUpError()
    return ModelError(f"The model broke while answering: {error}")


def is_lost(error: Exception) -> bool:
    """Whether no pass can be run any more: after some errors a GPU refuses everything this process asks of it."""
    import torch

    if not isinstance(error, torch.AcceleratorError):
        return False
    try:
        torch.accelerator.synchronize()
    except RuntimeError:
        return True
    return False
