"""JSON Schemas that strangers send, checked within bounds of time and memory, without ever asking the network.

Bounded are the size and depth of a schema, the length of a pattern, and the steps one check may take. Patterns run on
an engine of linear time, which knows no lookaround and no back-reference: a schema with one is refused, as are the
keywords whose evaluation cannot be counted. `format` is a note to the reader and is not checked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Annotated, Any, cast

import jsonschema.exceptions
import jsonschema.validators
from jsonschema import Draft202012Validator, SchemaError, ValidationError
from pydantic import StringConstraints, TypeAdapter
from pydantic_core import SchemaError as PatternError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from unified_intelligence.entities.errors import InvalidRequestError

LONGEST_SCHEMA = 100_000  # characters as JSON
DEEPEST_SCHEMA = 64
LONGEST_PATTERN = 500
MOST_STEPS = 50_000  # keywords applied to a value; a step takes some 20 microseconds
_STEPS_OF_PROBES = 5_000
_LONGEST_COMPLAINT = 300
_UNCOUNTED = ("$dynamicRef", "unevaluatedProperties", "unevaluatedItems")
_MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "dependentRequired", "$defs", "definitions"})

_Check = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]
_best_match: Callable[[Iterator[ValidationError]], ValidationError | None] = jsonschema.exceptions.best_match  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_steps_left: ContextVar[list[int]] = ContextVar("steps_left")


class _TooCostlyError(Exception):
    pass


class Schema:
    """One schema, read and found fit to be checked against. `what` names it in what its sender is told."""

    def __init__(self, schema: Mapping[str, object], what: str) -> None:
        """Raises InvalidRequestError for a schema that is not valid, not bounded, or refers to another document."""
        _measure(schema, what)
        try:
            self.text = json.dumps(schema, ensure_ascii=False)
            if len(self.text) > LONGEST_SCHEMA:
                raise InvalidRequestError(f"{what} has {len(self.text)} characters; at most {LONGEST_SCHEMA} are read.")
            Draft202012Validator.check_schema(schema, format_checker=None)  # pyright: ignore[reportArgumentType]
        except SchemaError as error:
            raise InvalidRequestError(f"{what} is not a valid JSON Schema: {_said(error)}") from error
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequestError(f"{what} is not a JSON Schema.") from error
        _look_inside(schema, what)
        self._validator = _Validator(schema, registry=Registry[Any]())
        probes: tuple[object, ...] = (None, {}, [], "", 0)
        left = [_STEPS_OF_PROBES]
        for value in probes:
            if self._first_error(value, left) is _ENDLESS:
                raise InvalidRequestError(f"{what} refers to itself without end, or takes too long to check.")

    def fault(self, value: object) -> str:
        """What is wrong with a value, a sentence without its dot; empty if nothing is. Computes, up to a second."""
        error = self._first_error(value, [MOST_STEPS])
        return error if isinstance(error, str) else _said(error) if error else ""

    def _first_error(self, value: object, left: list[int]) -> ValidationError | str | None:
        held = _steps_left.set(left)
        try:
            return _best_match(self._validator.iter_errors(value))
        except (_TooCostlyError, RecursionError, OverflowError):  # a whole number that no float holds, beside one
            return _ENDLESS
        finally:
            _steps_left.reset(held)


_ENDLESS = "it is too large or too deep to be checked against its JSON Schema"


def _said(error: ValidationError | SchemaError) -> str:
    message, half = error.message, _LONGEST_COMPLAINT // 2
    if len(message) > _LONGEST_COMPLAINT:  # it quotes the value first and says what is wrong with it last
        message = f"{message[:half]}…{message[-half:]}"
    return f"at {error.json_path}: {message}"


def _measure(schema: object, what: str) -> None:
    for _, depth, _ in _values(schema):
        if depth > DEEPEST_SCHEMA:
            raise InvalidRequestError(f"{what} is nested deeper than {DEEPEST_SCHEMA} levels.")


def _values(whole: object) -> Iterator[tuple[object, int, bool]]:
    """All values in a document, their depth, and whether it is a map whose keys are names instead of keywords.

    A loop and no recursion, since the depth is the sender's choice.
    """
    left: list[tuple[object, int, bool]] = [(whole, 0, False)]
    while left:
        value, depth, of_names = left.pop()
        yield value, depth, of_names
        if isinstance(value, Mapping):
            fields = cast("Mapping[str, object]", value)
            left.extend((inner, depth + 1, not of_names and key in _MAPS) for key, inner in fields.items())
        elif isinstance(value, list | tuple):
            left.extend((inner, depth + 1, False) for inner in cast("list[object]", value))


def _look_inside(schema: Mapping[str, object], what: str) -> None:
    """Every object is looked at, whether it stands where a schema stands or not: a reference may point anywhere."""
    whole: Resource[Any] = DRAFT202012.create_resource(schema)
    resolver = Registry[Any]().with_resource("", whole).resolver("")
    for value, depth, of_names in _values(schema):
        if not isinstance(value, Mapping):
            continue
        fields = cast("Mapping[str, object]", value)
        for keyword in () if of_names else _UNCOUNTED:
            if keyword in fields:
                raise InvalidRequestError(f"{what} uses {keyword}, which this server does not check.")
        if depth and isinstance(fields.get("$id"), str):
            raise InvalidRequestError(f"{what} holds a second document; one $id, at its top, is read.")
        _check_reference(fields.get("$ref"), resolver, what)
        _check_patterns(fields, what)


def _check_reference(reference: object, resolver: Any, what: str) -> None:
    if not isinstance(reference, str):
        return
    if not reference.startswith("#"):
        raise InvalidRequestError(f"{what} refers to {reference[:100]!r}; only references into itself (#...) are read.")
    try:
        resolver.lookup(reference)
    except Unresolvable as error:
        raise InvalidRequestError(f"{what} refers to {reference[:100]!r}, which it does not contain.") from error


def _check_patterns(fields: Mapping[str, object], what: str) -> None:
    named = fields.get("patternProperties")
    patterns = [fields.get("pattern"), *(cast("Mapping[str, object]", named) if isinstance(named, Mapping) else ())]
    for pattern in patterns:
        if not isinstance(pattern, str):
            continue
        if len(pattern) > LONGEST_PATTERN:
            raise InvalidRequestError(f"{what} has a pattern of {len(pattern)} characters, at most {LONGEST_PATTERN}.")
        try:
            _compiled(pattern)
        except PatternError as error:
            raise InvalidRequestError(
                f"{what} has the pattern {pattern[:100]!r}, which cannot be read.",
                hint="Lookaround and back-references are not supported.",
            ) from error


@lru_cache(256)
def _compiled(pattern: str) -> TypeAdapter[str]:
    return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])


def _matches(pattern: str, text: str) -> bool:
    return bool(_compiled(pattern).validator.isinstance_python(text))


def _spend(steps: int) -> None:
    left = _steps_left.get()
    left[0] -= steps
    if left[0] < 0:
        raise _TooCostlyError


def _uncounted(*_: Any) -> Iterator[ValidationError]:
    """Reached only by a reference to a place where no schema stands."""
    raise _TooCostlyError


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, _: Any) -> Iterator[ValidationError]:
    for pattern, schema in patterns.items() if isinstance(instance, dict) else ():
        for name, value in cast("dict[str, Any]", instance).items():
            _spend(1)
            if _matches(pattern, name):
                yield from validator.descend(value, schema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, rest: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in cast("dict[str, Any]", instance).items():
        _spend(1 + len(patterns))
        if name in named or any(_matches(pattern, name) for pattern in patterns):
            continue
        if rest is False:
            yield ValidationError(f"the property {name!r} is not among those of the schema")
        else:
            yield from validator.descend(value, rest, path=name)


def _unique_items(check: _Check) -> _Check:
    """Texts and numbers are sorted; objects are compared each with each."""

    def checked(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        if isinstance(instance, list):
            items = cast("list[object]", instance)
            _spend(len(items) ** 2 if any(isinstance(item, dict | list) for item in items) else len(items))
        yield from check(validator, value, instance, schema) or ()

    return checked


def _counted(check: _Check) -> _Check:
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
        _spend(1)
        yield from check(validator, value, instance, schema) or ()

    return counted


_checks = cast("dict[str, _Check]", dict(Draft202012Validator.VALIDATORS)) | {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    **dict.fromkeys(_UNCOUNTED, _uncounted),
}
_checks["uniqueItems"] = _unique_items(_checks["uniqueItems"])
_Validator: Any = jsonschema.validators.extend(  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    Draft202012Validator, {name: _counted(check) for name, check in _checks.items()}
)
