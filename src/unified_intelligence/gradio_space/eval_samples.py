"""Samples as people give them to the page: a question a line, or JSON, a sample a line or all in a list."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from unified_intelligence.entities.errors import InvalidRequestError

MOST = 1000
_FORMS = 'Write a question a line, or {"question": "..."}, or {"messages": [...]} a line.'


def read_samples(text: str) -> list[dict[str, Any]]:
    """Samples as the endpoints take them. Fields that mean nothing here, such as an expected answer, are left out.

    Raises InvalidRequestError, which names the line, for what is no sample; for none, and for too many.
    """
    samples = [_sample(value, place, at) for at, (place, value) in enumerate(_values(text), 1)]
    if not samples:
        raise InvalidRequestError("There are no samples.", hint=_FORMS)
    if len(samples) > MOST:
        raise InvalidRequestError(
            f"These are {len(samples)} samples; the page takes {MOST}.",
            hint="Send them to the endpoint run_full_evaluation.",
        )
    return samples


def _values(text: str) -> Iterator[tuple[str, object]]:
    """Each sample and where it stands. Lines end with a newline only: other separators may be part of a question."""
    if text.lstrip().startswith("["):
        whole = _json(text, "The list")
        for number, value in enumerate(cast("Sequence[object]", whole), 1):
            yield f"Sample {number}", value
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            place = f"Line {number}"
            yield place, _json(line, place) if line.lstrip().startswith("{") else line.strip()


def _json(text: str, place: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{place} is no JSON: {error}.", hint=_FORMS) from error


def _sample(value: object, place: str, at: int) -> dict[str, Any]:
    if isinstance(value, str):
        return {"sample_id": str(at), "messages": [{"role": "user", "content": value}]}
    fields = cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else dict[str, Any]()
    asked = next((fields[name] for name in ("question", "prompt", "input") if isinstance(fields.get(name), str)), None)
    messages = fields.get("messages") or (asked and [{"role": "user", "content": asked}])
    if not isinstance(messages, list):
        raise InvalidRequestError(f"{place} has neither messages nor a question.", hint=_FORMS)
    own = {name: fields[name] for name in ("epoch", "generation") if name in fields}
    return {"sample_id": str(fields.get("sample_id") or fields.get("id") or at), "messages": messages, **own}
