"""Numbers among the flags of a command, which are texts. What is none is refused, with the flag and where help is."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, NoReturn

from unified_intelligence.entities.errors import InvalidRequestError

HIGHEST_PORT = 65535


def whole(command: str, given: Mapping[str, Any], name: str, default: int, *, least: int = 1, most: float = inf) -> int:
    """`default` where it was not typed. Raises InvalidRequestError, as all here."""
    text: str | None = given[name]
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        upper = f" to {most:g}" if most < inf else ""
        wrong(command, name, f"a whole number from {least}{upper}", text)
    return int(text)


def number(command: str, name: str, text: str, what: str = "a number from 0") -> float:
    """From 0, and finite."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < inf:
        wrong(command, name, what, text)
    return value


def wrong(command: str, name: str, what: str, text: str) -> NoReturn:
    raise InvalidRequestError(f"--{name.replace('_', '-')} is {what}, not {text!r}.", hint=f"See: uic {command} --help")
