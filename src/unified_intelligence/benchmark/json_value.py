"""Looking into JSON that others wrote: what is not there, or of another type, is read as empty."""

from __future__ import annotations

from typing import Any, cast


def mapping(value: Any) -> dict[str, Any]:
    """The object; an empty one for any other value."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """The array; an empty one for any other value."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def at(value: object, *names: str) -> Any:
    """The member at a path of names; None where a step is missing."""
    for name in names:
        value = mapping(value).get(name)
    return value
