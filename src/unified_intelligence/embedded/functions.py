"""The functions a call may name, as the model sees them: labels instead of names, and what may fill each field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, cast

from unified_intelligence.embedded.reading import Candidate, FieldKind, Reading, fold
from unified_intelligence.tools.registry import BUILT_IN

if TYPE_CHECKING:
    from unified_intelligence.entities.tools import ToolSpec
    from unified_intelligence.tools.registry import Parameter

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_KINDS: dict[str, FieldKind] = {"string": "text", "integer": "integer", "number": "figure", "float": "figure"}
_LISTS: dict[FieldKind, FieldKind] = {"text": "texts", "integer": "integers", "figure": "figures"}
_BOOLEANS = (Candidate("true", value=True), Candidate("false", value=False))
_NOT_IN_A_NAME = re.compile(r'["\\\x00-\x1f]')  # would end the name in the call's JSON
_DEEPEST = 8  # references and alternatives within each other


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter: `kind` says which pieces of a question may fill it, unless it has `choices` of its own."""

    name: str
    label: str
    required: bool
    kind: FieldKind | None
    choices: tuple[Candidate, ...] = ()

    @property
    def is_list(self) -> bool:
        return self.kind in {"numbers", "rates", "texts", "figures", "integers"}

    def candidates(self, reading: Reading) -> Sequence[Sequence[Candidate]]:
        """All that may fill it, by sort, the likeliest first. An optional one takes only the likeliest sort."""
        if self.kind == "text" and self.choices:  # of a user's tool: a word of the enumeration that is said is meant
            return ([choice for choice in self.choices if reading.says(fold(str(choice.value)))] or self.choices,)
        if self.choices or self.kind is None:
            return (self.choices,)
        sorts = reading.candidates(self.kind)
        return sorts if self.required else sorts[:1]


@dataclass(frozen=True)
class Function:
    """A tool under the label the model writes; `name` is what its caller knows it by. Fields are read when asked."""

    name: str
    label: str
    read_fields: Callable[[], tuple[Field, ...]]

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return self.read_fields()

    def can_be_filled(self, reading: Reading) -> bool:
        """Whether the question holds something for at least one of the arguments it must have, if it must have any."""
        required = [field for field in self.fields if field.required]
        return not required or any(sort for field in required for sort in field.candidates(reading))


def label(name: str) -> str:
    """A name in the model's spelling: getWeather and get_weather are the same words."""
    return fold(_HUMP.sub("_", _NOT_IN_A_NAME.sub("_", name)))


def is_built_in(spec: ToolSpec) -> bool:
    """Whether it is one of the built-in tools, and not a user's of the same name."""
    return spec.name in BUILT_IN and spec == BUILT_IN[spec.name].spec()


def built_in_function(name: str) -> Function:
    """A built-in tool: its parameters' meanings say what may fill them."""
    return Function(name, name, lambda: tuple(map(_field_of_parameter, BUILT_IN[name].parameters)))


def function_of_spec(spec: ToolSpec) -> Function:
    """A user's tool: its JSON schema says what may fill its parameters."""
    if is_built_in(spec):
        return built_in_function(spec.name)
    required = _required(spec)
    fields = tuple(_field_of_schema(name, schema, name in required) for name, schema in parameter_schemas(spec).items())
    return Function(spec.name, label(spec.name), lambda: fields)


def prompt_form(spec: ToolSpec) -> dict[str, object]:
    """A user's tool as it is put before the model: the same schema in the model's spelling."""
    properties = {label(name): _folded(schema) for name, schema in parameter_schemas(spec).items()}
    return {
        "name": label(spec.name),
        "description": " ".join(fold(str(spec.description or "")).split()),
        "parameters": {"type": "object", "properties": properties, "required": list(map(label, _required(spec)))},
    }


def _required(spec: ToolSpec) -> list[str]:
    return [name for name in _list(_mapping(spec.parameters).get("required")) if isinstance(name, str)]


def parameter_schemas(spec: ToolSpec) -> dict[str, Mapping[str, object]]:
    """The schemas of its parameters, each as one type or one enumeration."""
    schema = _mapping(spec.parameters)
    definitions = {**_mapping(schema.get("definitions")), **_mapping(schema.get("$defs"))}
    return {name: _simple(one, definitions) for name, one in _mapping(schema.get("properties")).items()}


def _simple(schema: object, definitions: Mapping[str, object], depth: int = 0) -> Mapping[str, object]:
    """A schema without references; of alternatives the enumerations together, else the first that is not null."""
    found = dict(_mapping(schema))
    inner = [_simple(one, definitions, depth + 1) for one in _alternatives(found, definitions) if depth < _DEEPEST]
    inner = [one for one in inner if one.get("type") != "null"]
    if inner and all("enum" in one for one in inner):
        found["enum"] = [choice for one in inner for choice in _list(one["enum"])]
    elif inner:
        found = {**inner[0], **found}
    if isinstance(found.get("type"), list):
        types = [one for one in _list(found["type"]) if one != "null"]
        found["type"] = next((one for one in ("string", "number", *types) if one in types), "null")
    if items := _mapping(found.get("items")):
        found["items"] = _simple(items, definitions, depth + 1) if depth < _DEEPEST else {}
    choices = _list(found.pop("enum", None)) or ([found["const"]] if "const" in found else [])
    if choices := [choice for choice in choices if choice is not None]:  # null is what is left out
        found["enum"] = choices
    return found


def _alternatives(schema: Mapping[str, object], definitions: Mapping[str, object]) -> list[object]:
    if isinstance(reference := schema.get("$ref"), str):
        return [definitions.get(reference.rpartition("/")[2])]
    lists = (_list(schema.get(key)) for key in ("anyOf", "oneOf", "allOf"))
    return next((found for found in lists if found), list[object]())


def _folded(schema: Mapping[str, object]) -> dict[str, object]:
    form: dict[str, object] = {"type": schema.get("type") or "any"}
    if choices := schema.get("enum"):
        form["enum"] = [fold(str(choice)) for choice in _list(choices)]
    if items := _mapping(schema.get("items")):
        form["items"] = {"type": items.get("type") or "any"}
    form["description"] = " ".join(fold(str(schema.get("description") or "")).split())
    return form


def _field_of_parameter(parameter: Parameter) -> Field:
    choices = tuple(Candidate(json.dumps(choice), choice) for choice in parameter.choices)
    kind = parameter.meaning.kind if parameter.meaning else None
    return Field(parameter.name, parameter.name, parameter.required, kind, choices)


def _field_of_schema(name: str, schema: Mapping[str, object], required: bool) -> Field:
    choices: tuple[Candidate, ...] = ()
    kind = _kind(schema)
    if listed := schema.get("enum"):
        choices = tuple(map(_choice, _list(listed)))
    elif schema.get("type") == "boolean":
        choices = _BOOLEANS
    elif schema.get("type") in {"array", "tuple"}:
        items = _mapping(schema.get("items"))
        element = _kind(items) if items else None
        kind = _LISTS.get(element) if element else None
    return Field(name, label(name), required, kind, choices)


def _kind(schema: Mapping[str, object]) -> FieldKind | None:
    kind = schema.get("type", "string")  # any value may be said in words
    return _KINDS.get(kind) if isinstance(kind, str) else None


def _choice(value: object) -> Candidate:
    written = fold(value) if isinstance(value, str) else value
    return Candidate(json.dumps(written, ensure_ascii=False, default=str), value)


def _list(value: object) -> list[object]:
    return list(cast("Sequence[object]", value)) if isinstance(value, list | tuple) else []


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
