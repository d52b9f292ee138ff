"""Vectors of texts: the mean of a causal model's last hidden states over a text's tokens, of length one.

No model here was trained for this. A causal model's state knows only what came before it, and is made to predict the
next token; texts about the same thing come out alike, but a model trained for embeddings tells them apart far better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event
from typing import TYPE_CHECKING, Any, cast

from unified_intelligence.engine.decode import run
from unified_intelligence.entities.errors import ContextLengthError, InvalidRequestError, ModelError
from unified_intelligence.interfaces.text_embedder import Embeddings

if TYPE_CHECKING:
    import torch

    from unified_intelligence.engine.engine import Engine
    from unified_intelligence.engine.forward import Forward

_MOST_AT_ONCE = 4096  # tokens in one forward pass, padding included, unless a single text is longer


def embed(
    engine: Engine, longest: int, texts: Sequence[Sequence[int]], dimensions: int | None, cancelled: Event
) -> Embeddings:
    """The vectors of texts given as tokens, in float32; what is left when `cancelled` is set is not computed.

    The engine's turn is held for one forward pass. Raises InvalidRequestError, ContextLengthError, ModelError.
    """
    check(texts, longest=longest)
    vectors: dict[int, tuple[float, ...]] = {}
    for places in batches([len(text) for text in texts]):
        if cancelled.is_set():
            break
        with engine.turn:
            rows = _pooled(engine.forward, [texts[place] for place in places])
        if dimensions not in {None, rows.shape[1]}:
            raise InvalidRequestError(f"The model's vectors have {rows.shape[1]} dimensions, not {dimensions}.")
        listed: list[list[float]] = cast("Any", rows).tolist()
        vectors.update(zip(places, map(tuple, listed), strict=True))
    return Embeddings(tuple(vectors[place] for place in sorted(vectors)), sum(map(len, texts)))


def check(texts: Sequence[Sequence[int]], *, longest: int) -> None:
    """Raises InvalidRequestError for no text or an empty one, ContextLengthError for one that is too long."""
    if not texts:
        raise InvalidRequestError("There is no text.", hint="Give at least one.")
    if not all(texts):
        raise InvalidRequestError("A text is empty: it has no vector.", hint="Leave it out.")
    if (length := max(map(len, texts))) > longest:
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


def _pooled(forward: Forward, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    """Shape (texts, hidden size), float32."""
    import torch

    states: list[torch.Tensor] = run(forward.states, texts=texts)
    vectors = torch.nn.functional.normalize(torch.stack([state.float().mean(0) for state in states]), dim=-1)
    if not bool(torch.isfinite(vectors).all()):
        raise ModelError("The model computed no finite number.", hint="Try the dtype float32.")
    return vectors
