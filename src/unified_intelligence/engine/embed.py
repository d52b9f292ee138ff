"""Vectors of texts, as the model's own files say; without such files the mean of its last hidden states.

A model that was not trained for vectors has them too: a state knows only what came before it, and is made to predict
the next token. Texts about the same thing come out alike, but a model trained for it tells them apart far better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any, cast

from unified_intelligence.engine import prompt
from unified_intelligence.engine.decode import run
from unified_intelligence.entities.errors import ContextLengthError, InvalidRequestError, ModelError
from unified_intelligence.interfaces.text_embedder import Embeddings

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.forward import Forward
    from unified_intelligence.engine.load import Loaded
    from unified_intelligence.engine.pooling import Pooler
    from unified_intelligence.engine.start import Running

_MOST_AT_ONCE = 4096  # tokens in one forward pass, padding included, unless a single text is longer


@dataclass(frozen=True, slots=True)
class Tokens:
    """Those of each text, of which the first `skipped` are a prompt that its vector leaves out."""

    texts: Sequence[Sequence[int]]
    skipped: int = 0


def embed(
    running: Running, texts: Sequence[str], *, dimensions: int | None, prompt_name: str | None, cancelled: Event
) -> Embeddings:
    """The vectors of texts, in float32; what is left when `cancelled` is set is not computed.

    The engine's turn is held for one forward pass. Raises InvalidRequestError, ContextLengthError, ModelError.
    """
    engine, pooler = running.engine, running.loaded.pooler
    if dimensions is not None and pooler.recipe.size:
        pooler.recipe.check_size(dimensions, pooler.recipe.size)
    tokens = read(running.loaded, texts, prompt_name)
    check(tokens, longest=min(running.loaded.longest, pooler.recipe.longest or running.loaded.longest))
    vectors: dict[int, tuple[float, ...]] = {}
    for places in batches([len(text) for text in tokens.texts]):
        if cancelled.is_set():
            break
        with engine.turn:
            rows = _vectors(engine.forward, pooler, [tokens.texts[place] for place in places], tokens.skipped)
        listed: list[list[float]] = cast("Any", pooler.cut(rows, dimensions)).tolist()
        vectors.update(zip(places, map(tuple, listed), strict=True))
    return Embeddings(tuple(vectors[place] for place in sorted(vectors)), sum(map(len, tokens.texts)))


def read(loaded: Loaded, texts: Sequence[str], prompt_name: str | None) -> Tokens:
    """With what the model's tokenizer puts around a text, such as an end, where the model was made for vectors.

    Raises InvalidRequestError for an empty text, and for a prompt that the model does not have.
    """
    if not all(texts):
        raise InvalidRequestError("A text is empty: it has no vector.", hint="Leave it out.")
    recipe = loaded.pooler.recipe
    before = recipe.prompt_of(prompt_name)
    if not recipe.own:
        return Tokens([prompt.encode(loaded, text) for text in texts])

    def encode(text: str) -> list[int]:
        return prompt.encode(loaded, prompt.small_letters(text) if recipe.lower else text, around=True)

    skipped = 0
    if before and not recipe.with_prompt:
        alone = encode(before)
        skipped = len(alone) - (alone[-1:] != [] and alone[-1] in loaded.tokenizer.all_special_ids)
    return Tokens([encode(before + text) for text in texts], skipped)


def check(tokens: Tokens, *, longest: int) -> None:
    """Raises InvalidRequestError for no text or an empty one, ContextLengthError for one that is too long."""
    if not tokens.texts:
        raise InvalidRequestError("There is no text.", hint="Give at least one.")
    if min(map(len, tokens.texts)) <= tokens.skipped:
        raise InvalidRequestError("A text is empty: it has no vector.", hint="Leave it out.")
    if (length := max(map(len, tokens.texts))) > longest:
        raise ContextLengthError(length, longest)


def batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The places of texts in groups of like length, each small enough for one forward pass, the longest first."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if batch and lengths[batch[0]] * (len(batch) + 1) > _MOST_AT_ONCE:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _vectors(forward: Forward, pooler: Pooler, texts: Sequence[Sequence[int]], skipped: int) -> torch.Tensor:
    """Shape (texts, size), float32."""
    import torch

    def made() -> torch.Tensor:
        return pooler.vectors(forward.states(texts), skipped=skipped)

    vectors: torch.Tensor = run(made)
    if not bool(torch.isfinite(vectors).all()):
        raise ModelError("The model computed no finite number.", hint="Try the dtype float32.")
    return vectors
