"""One spelling of JSON, and the digests that say whether two runs asked the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from unified_intelligence.evaluation.suite import Sample


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no blanks. Raises TypeError for what is no JSON."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "replace")


def digest(value: object) -> str:
    """The SHA-256 of a value's canonical JSON, in hexadecimal."""
    return sha256(canonical(value)).hexdigest()


def ids_digest(ids: Iterable[str]) -> str:
    """The SHA-256 of ids in their order, one a line."""
    return sha256("".join(f"{one}\n" for one in ids).encode("utf-8", "replace")).hexdigest()


def plain(value: object) -> object:
    """A value of our own types as JSON; fields at their default are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = {field.name: (getattr(value, field.name), field.default) for field in fields(value)}
        return {name: plain(own) for name, (own, default) in pairs.items() if own != default}
    if isinstance(value, Mapping):
        return {str(key): plain(own) for key, own in cast("Mapping[object, object]", value).items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(own) for own in cast("Sequence[object]", value)]
    return value


def input_digest(sample: Sample) -> str:
    """The digest of what a sample asks: its messages, and the tools and limits that belong to it."""
    return digest([plain(sample.messages), plain(sample.config)])


def samples_digest(samples: Iterable[Sample]) -> str:
    """The digest of all that is asked and of the truth, for suites that are not read from one file."""
    return digest([[own.id, plain(own.messages), plain(own.config), plain(own.reference)] for own in samples])
