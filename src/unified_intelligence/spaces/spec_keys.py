"""The keys of space.yaml with their defaults, as documents tell them: from the model, so that none is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from unified_intelligence.spaces.spec import SpaceSpec


class SpecKey(NamedTuple):
    """`name` with the keys that it is in, such as `rollout.watch`; `smoke[].prompt` is one of each in a list."""

    name: str
    default: str
    description: str


def spec_keys(model: type[BaseModel] = SpaceSpec, within: str = "") -> Iterator[SpecKey]:
    """The keys, in the order of the model."""
    for name, field in model.model_fields.items():
        inner = list(dict.fromkeys(_models(field.annotation)))
        if not inner:
            yield SpecKey(f"{within}{name}", _default(field), field.description or "")
        many = "[]" if "tuple" in str(field.annotation) else ""
        for each in inner:
            kind = each.model_fields["kind"].annotation if len(inner) > 1 else None
            of = f"({get_args(kind)[0]})" if kind is not None else ""
            yield from spec_keys(each, f"{within}{name}{of}{many}.")


def _models(kind: Any) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in get_args(kind):
        yield from _models(inner)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    return "" if default is None else f"`{json.dumps(default, ensure_ascii=False)}`"
