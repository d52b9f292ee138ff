"""Result files of an older form, which tell how long answers were: read and shown as that, and nothing else.

Such a file has one entry an answer, with "success", "latency", "generated_length" and "expected_length". No text was
kept, so nobody can say whether an answer was right; what it calls success compares lengths.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.evaluation.statistics import quantile

HEURISTIC = "lengths of answers were compared, their texts were not kept"
_SHORTEST, _LONGEST = 0.5, 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """`said` is what the file calls successful; `near` are the answers between half and twice the expected length."""

    name: str
    n: int
    said: int
    near: int
    agents: Mapping[str, int]
    median_latency: float | None
    median_length: float | None
    median_expected: float | None


def is_lengths(path: Path) -> bool:
    """Whether the file is of that form."""
    return path.suffix == ".json" and path.is_file() and _entries(path) is not None


def read_lengths(path: Path) -> Lengths:
    """Raises ConfigurationError for a file of another form."""
    entries = _entries(path)
    if entries is None:
        raise ConfigurationError(f"{path} has no lengths of answers.", hint="A run is shown by its name: uic eval show")
    pairs = [(_number(own, "generated_length"), _number(own, "expected_length")) for own in entries]
    return Lengths(
        name=path.name,
        n=len(entries),
        said=sum(own.get("success") is True for own in entries),
        near=sum(_SHORTEST * wanted <= made <= _LONGEST * wanted for made, wanted in pairs),
        agents=Counter(str(own["agent"]) for own in entries if "agent" in own),
        median_latency=quantile([_number(own, "latency") for own in entries], 0.5),
        median_length=quantile([made for made, _ in pairs], 0.5),
        median_expected=quantile([wanted for _, wanted in pairs], 0.5),
    )


def _entries(path: Path) -> list[Mapping[str, object]] | None:
    try:
        told: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    if isinstance(told, dict):
        fields = cast("Mapping[str, object]", told)
        inner = fields.get("evaluation_metrics", fields)
        told = cast("Mapping[str, object]", inner).get("detailed_results") if isinstance(inner, dict) else None
    if not isinstance(told, list) or not told:
        return None
    entries = [cast("Mapping[str, object]", own) for own in cast("list[object]", told) if isinstance(own, dict)]
    return entries if all({"generated_length", "expected_length"} <= own.keys() for own in entries) else None


def _number(entry: Mapping[str, object], name: str) -> float:
    value = entry.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
