"""The YAML at the head of a README.md, by which the Hub knows what a Space is."""

from __future__ import annotations

from typing import Any, cast

import yaml

from unified_intelligence.entities.errors import ConfigurationError

_FENCE = "---"


def split(text: str, where: str = "README.md") -> tuple[dict[str, Any], str]:
    """The keys and the rest of the file; no keys where there is no head. Raises ConfigurationError for a broken one."""
    lines = text.split("\n")
    if lines[0].strip() != _FENCE:
        return {}, text
    ended = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == _FENCE), None)
    if ended is None:
        raise ConfigurationError(
            f"{where}: the head that begins with {_FENCE} does not end.", hint=f"Add {_FENCE} after it."
        )
    try:
        head = yaml.safe_load("\n".join(lines[1:ended]))
    except yaml.YAMLError as error:
        told = error.problem if isinstance(error, yaml.MarkedYAMLError) else str(error)
        raise ConfigurationError(f"{where}: its head is no YAML: {told}.") from None
    if not isinstance(head, dict | None):
        raise ConfigurationError(f"{where}: its head holds no keys.")
    return cast("dict[str, Any]", head or {}), "\n".join(lines[ended + 1 :])


def joined(head: dict[str, Any], body: str) -> str:
    """A README.md of them."""
    written = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=10_000)
    return f"{_FENCE}\n{written}{_FENCE}\n{body}"
