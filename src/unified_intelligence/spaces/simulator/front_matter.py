"""What the README of a Space says of it in YAML, and what the Hub finds wrong with that."""

from __future__ import annotations

import re
from typing import Any, cast

import yaml

SDKS = ("gradio", "docker", "static")
_COLOURS = frozenset("red yellow green blue indigo purple pink gray".split())
_BLOCK = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_LONGEST_DESCRIPTION = 60
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def read_front_matter(readme: str) -> dict[str, Any]:
    """Raises ValueError where it is no mapping in YAML; nothing is found in a text without it."""
    found = _BLOCK.match(readme)
    if found is None:
        return {}
    try:
        content = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    if content is not None and not isinstance(content, dict):
        raise ValueError("not a mapping")
    return cast("dict[str, Any]", content or {})


def complaints(readme: str, kind: str) -> tuple[list[str], list[str]]:
    """What the Hub refuses a README for, and what it warns of."""
    try:
        content = read_front_matter(readme)
    except ValueError as error:
        return [f"The metadata is {error}"], []
    if not content:
        return [], ["empty or missing yaml metadata in repo card"]
    if kind != "space":
        return [], []
    errors = [
        f'"{name}" must be one of {", ".join(sorted(allowed))}'
        for name, allowed in (("colorFrom", _COLOURS), ("colorTo", _COLOURS), ("sdk", frozenset(SDKS)))
        if name in content and content[name] not in allowed
    ]
    if "sdk" not in content:
        errors.append('"sdk" is required')
    if len(str(content.get("short_description", ""))) > _LONGEST_DESCRIPTION:
        errors.append(f'"short_description" length must be at most {_LONGEST_DESCRIPTION} characters long')
    return errors, []


def seconds_of(duration: object, default: float) -> float:
    """`30m`, `1h` or a number of seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(duration).strip())
    return float(found[1]) * _UNITS.get(found[2], 1) if found else default
