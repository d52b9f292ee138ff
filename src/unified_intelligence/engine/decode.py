"""Tokens, one at a time: forward pass, choice, and what the request has to say about it.

An own loop instead of `model.generate` and a streamer: it needs no thread, so closing the generator is all there is to
stopping it; and each request draws from a random generator of its own, so a seed means the same in any company.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from unified_intelligence.engine.sampling import Chosen, Sampler
from unified_intelligence.entities.errors import ModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from unified_intelligence.engine.constraints import Constraint
    from unified_intelligence.engine.thinking import Thinking
    from unified_intelligence.profiles.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: at most `limit` tokens after `prompt`, until one of `ends`, which none of the first `least` is."""

    prompt: Sequence[int]
    limit: int
    ends: frozenset[int]
    sampling: Sampling
    seed: int | None
    least: int = 0
    logprobs: int | None = None


class Writing:
    """One answer as it is written; it knows no model. `unread` is what the model has to read for the next choice.

    `complete` is set when the model ended its turn itself, or its form leaves nothing more to be said.
    """

    def __init__(
        self, plan: Plan, thinking: Thinking | None, device: torch.device, constraint: Constraint | None = None
    ) -> None:
        self._plan, self._thinking, self._constraint = plan, thinking, constraint
        self._sampler = Sampler(plan.sampling, plan.prompt, seed=plan.seed, logprobs=plan.logprobs, device=device)
        self._written = 0
        self.unread = list(plan.prompt)
        self.complete = False

    @property
    def goes_on(self) -> bool:
        return not self.complete and self._written < self._plan.limit

    def forced(self) -> Iterator[Chosen]:
        """What comes next without asking the model, read by it together with the token before. Raises ModelError."""
        due = self._thinking.due() if self._thinking else ()
        for token in due[: self._plan.limit - self._written]:
            self._add(token)
            yield Chosen(token, forced=True)
        if self._constraint and self._plan.logprobs is None:  # what is told of a token takes a pass of the model
            for token in self._constraint.forced()[: self._plan.limit - self._written]:
                self._add(token)
                yield Chosen(token)

    def take(self, logits: torch.Tensor) -> Chosen | None:
        """The next token, from logits of shape (vocabulary,); None where it ends the turn. Raises ModelError."""
        ends = self._plan.ends
        barred = ends if self._written < self._plan.least else frozenset[int]()
        if self._thinking:
            barred |= self._thinking.barred
        chosen = self._sampler.draw(logits, barred, self._constraint)
        self.unread.clear()
        if chosen.token in ends:
            self.complete = True
            return None
        self._add(chosen.token)
        return chosen

    def _add(self, token: int) -> None:
        self._written += 1
        self.unread.append(token)
        self._sampler.note(token)
        if self._thinking:
            self._thinking.add(token)
        if self._constraint:
            self._constraint.take(token)
            self.complete = self._constraint.complete


def tokens(
    model: PreTrainedModel,
    plan: Plan,
    thinking: Thinking | None,
    turn: Lock,
    cancelled: Event,
    constraint: Constraint | None = None,
) -> Generator[Chosen, None, bool]:
    """The tokens as they are chosen, the one that ends the turn left out; returns whether there was one.

    `turn` is held for one step, so that several answers advance side by side. Raises ModelError.
    """
    import torch

    writing, cache = Writing(plan, thinking, model.device, constraint), None
    while True:
        yield from writing.forced()
        if not writing.goes_on or cancelled.is_set():
            return writing.complete
        with turn:
            output = run(
                model,
                input_ids=torch.tensor([writing.unread], device=model.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache = output.past_key_values
            if cache is None:
                raise ModelError(f"{type(model).__name__} keeps no key-value cache; it cannot be run here.")
            chosen = writing.take(output.logits[0, -1])
        if chosen:
            yield chosen


def run(module: torch.nn.Module, **inputs: Any) -> Any:
    """A forward pass. Raises ModelError for whatever it breaks with."""
    import torch

    try:
        with torch.inference_mode():  # never around a yield: the caller's own code would run in it
            return module(**inputs)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ModelError("The memory is used up.", hint="Shorten the conversation, or use a smaller model.") from error
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ModelError(f"The model broke while answering: {error}") from error
