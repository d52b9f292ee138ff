"""Tokens, one at a time: forward pass, sampling, and the text they become.

An own loop instead of `model.generate` and a streamer: it needs no thread, so closing the generator is all there is to
stopping it; and each request draws from a random generator of its own, so a seed means the same in any company.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

from unified_intelligence.entities.errors import ModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from unified_intelligence.profiles.sampling import Sampling

_UNFINISHED = "\ufffd"  # what an incomplete UTF-8 sequence decodes to
_GREEDY = 1e-5  # a temperature so small leaves no choice, and dividing by it no numbers
_LONGEST_WAIT = 8  # tokens that may wait for the rest of a character; only damaged text needs more


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write: at most `limit` tokens after `prompt`, until one of `ends`."""

    prompt: Sequence[int]
    limit: int
    ends: frozenset[int]
    sampling: Sampling
    seed: int | None


def tokens(model: PreTrainedModel, plan: Plan, turn: Lock, cancelled: Event) -> Generator[int, None, bool]:
    """The tokens as they are chosen, the one that ends the turn left out; returns whether there was one.

    `turn` is held for one step, so that several answers advance side by side. Raises ModelError.
    """
    import torch

    device = model.device
    random = torch.Generator(device)
    if plan.seed is None:
        random.seed()
    else:
        random.manual_seed(plan.seed % 2**63)  # torch takes no longer one
    fresh, cache = list(plan.prompt), None
    for _ in range(plan.limit):
        if cancelled.is_set():
            break
        with turn:
            logits, cache = _step(model, torch.tensor([fresh], device=device), cache)
            token = choose(logits, plan.sampling, random)
        if token in plan.ends:
            return True
        yield token
        fresh = [token]
    return False


def choose(logits: torch.Tensor, sampling: Sampling, random: torch.Generator) -> int:
    """One token by temperature, then top_k, then top_p. Raises ModelError for logits that are no numbers."""
    import torch

    best = logits.argmax()
    if not torch.isfinite(logits[best]):
        raise ModelError("The model computed no finite number.", hint="Try the dtype float32.")
    if sampling.temperature < _GREEDY:
        return int(best)
    ordered, order = (logits.float() / sampling.temperature).sort(descending=True)
    if sampling.top_k:
        ordered, order = ordered[: sampling.top_k], order[: sampling.top_k]
    chances = ordered.softmax(-1)
    before = chances.cumsum(-1) - chances
    chances[1:] = chances[1:].where(before[1:] < sampling.top_p, 0)
    return int(order[torch.multinomial(chances, 1, generator=random)])


class TextOfTokens:
    """Decodes a growing answer: what a token adds, once it is whole characters.

    A token is decoded together with those before it, because decoders treat the first one specially.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self._decode = decode
        self._shown: list[int] = []
        self._waiting: list[int] = []

    def add(self, token: int) -> str:
        self._waiting.append(token)
        added = self._added()
        if added.endswith(_UNFINISHED) and len(self._waiting) < _LONGEST_WAIT:
            return ""
        self._shown, self._waiting = self._waiting, []
        return added

    def rest(self) -> str:
        """What still waits, without a character that was cut off."""
        return self._added().rstrip(_UNFINISHED)

    def _added(self) -> str:
        return self._decode(self._shown + self._waiting)[len(self._decode(self._shown)) :]


def _step(model: PreTrainedModel, fresh: torch.Tensor, cache: Any) -> tuple[torch.Tensor, Any]:
    import torch

    try:
        with torch.inference_mode():  # never around a yield: the caller's own code would run in it
            output: Any = model(input_ids=fresh, past_key_values=cache, use_cache=True, logits_to_keep=1)
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise ModelError("The memory is used up.", hint="Shorten the conversation, or use a smaller model.") from error
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise ModelError(f"The model broke while answering: {error}") from error
    if output.past_key_values is None:
        raise ModelError(f"{type(model).__name__} keeps no key-value cache; it cannot be run here.")
    return output.logits[0, -1], output.past_key_values
