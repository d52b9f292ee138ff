"""What /models and /embeddings answer, and what is asked of the second. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from unified_intelligence.adapters.wire.failures import LOOK_THERE, UNREADABLE
from unified_intelligence.entities.errors import InvalidRequestError, ProtocolError
from unified_intelligence.interfaces.text_embedder import Embeddings


class _Model(msgspec.Struct):
    id: str


class _Models(msgspec.Struct):
    data: list[_Model]


class _Vector(msgspec.Struct):
    embedding: list[float]
    index: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage | None = None


def first_model(body: bytes, url: str) -> str:
    """The first model a server offers. Raises ProtocolError if it offers none."""
    models = listed_models(body, url)
    if not models:
        raise ProtocolError(f"{url} offers no model.", hint="Name one: --model NAME", url=url)
    return models[0]


def listed_models(body: bytes, url: str) -> list[str]:
    """The models a server offers, in its order. Raises ProtocolError for what is no list of them."""
    try:
        return [model.id for model in msgspec.json.decode(body, type=_Models).data]
    except UNREADABLE as error:
        raise ProtocolError(
            f"{url} did not answer with a list of models.", hint=LOOK_THERE, url=url, passing=True
        ) from error


def embeddings_body(model: str, texts: Sequence[str], dimensions: int | None, prompt_name: str | None) -> bytes:
    """Raises InvalidRequestError for no text, or an empty one."""
    if not texts or not all(texts):
        raise InvalidRequestError("Give at least one text, and no empty one.")
    fields: dict[str, object] = {"model": model, "input": list(texts)}
    if dimensions is not None:
        fields["dimensions"] = dimensions
    if prompt_name is not None:
        fields["prompt_name"] = prompt_name
    return msgspec.json.encode(fields)


def embeddings(body: bytes, count: int, url: str) -> Embeddings:
    """One vector for each of `count` texts, in their order. Raises ProtocolError."""
    try:
        answer = msgspec.json.decode(body, type=_Vectors)
    except UNREADABLE as error:
        raise ProtocolError(f"{url} did not answer with vectors.", hint=LOOK_THERE, url=url, passing=True) from error
    ordered = sorted(enumerate(answer.data), key=lambda at: at[0] if at[1].index is None else at[1].index)
    vectors = tuple(tuple(vector.embedding) for _, vector in ordered)
    if len(vectors) != count or len({len(vector) for vector in vectors}) != 1:
        raise ProtocolError(
            f"{url} gave {len(vectors)} vectors for {count} texts, or of different lengths.", hint=LOOK_THERE, url=url
        )
    return Embeddings(vectors, answer.usage.prompt_tokens if answer.usage else None)
