"""Values of tasks as JSON and back: what a run record keeps, and what `--set` is given as text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, cast

from unified_intelligence.dsl.binding import type_name
from unified_intelligence.entities.errors import ConfigurationError


def to_json(value: object, what: str) -> object:
    """The value in JSON's own types. Raises ConfigurationError for one that cannot be written down."""
    import msgspec

    try:
        return cast("object", msgspec.to_builtins(value, enc_hook=_written, str_keys=True))
    except (TypeError, NotImplementedError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{what} is a {type(value).__name__} and cannot be kept in a run record.",
            hint="Give dataclasses, named tuples, pydantic models and what JSON has.",
        ) from error


def from_json(value: object, kind: Any, what: str, *, text: bool = False) -> Any:
    """The value again. `text`: numbers and switches may be written as texts, everything else as JSON.

    Raises ConfigurationError for what is not of this type.
    """
    import msgspec

    try:
        return msgspec.convert(value, kind, strict=not text, dec_hook=_read)
    except (msgspec.ValidationError, ValueError) as error:
        parsed = _parsed(value) if text else None
        if parsed is not None:
            return from_json(parsed, kind, what)
        raise ConfigurationError(f"{what} is not {type_name(kind)}: {error}.") from error


def digest(value: object) -> str:
    """SHA-256 of JSON's own types; of equal values it is the same everywhere."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _written(value: object) -> object:
    if isinstance(value, PurePath):
        return str(value)
    # pydantic's, which is not imported to find out
    dump: Callable[..., object] | None = getattr(cast("Any", value), "model_dump", None)
    if dump is None:
        raise NotImplementedError
    return dump(mode="json")


def _read(kind: Any, value: object) -> object:
    if issubclass(kind, PurePath):
        return kind(str(value))
    validate: Callable[[object], object] | None = getattr(kind, "model_validate", None)
    return value if validate is None else validate(value)


def _parsed(value: object) -> object | None:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
