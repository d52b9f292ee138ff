"""One argument of a call against the values that are accepted for it: first its type, then its value.

A type is Python's own and exact: true is no integer, 5.0 is no integer, and only a whole number for a float is let
through. Where the accepted values are of another type than the schema says, the argument may be a variable's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, cast

from unified_intelligence.entities.errors import ConfigurationError

Json = Any

_TYPES: Final[Mapping[str, type[Any]]] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
    "number": float,  # JSON Schema's own names, for functions that are described with them
    "object": dict,
}
_WITHOUT_MARKS: Final = str.maketrans({**dict.fromkeys(" ,./-_*^", None), "'": '"'})

_SIMPLE: Final = "type_error:simple"
_NESTED: Final = "type_error:nested"


def fault_of_value(schema: Mapping[str, Json], value: Json, accepted: Sequence[Json]) -> str:
    """The error type of an argument, "" for none. Raises ConfigurationError for a type that is none of the known."""
    named: str = schema["type"]
    wanted = _type_named(named)
    if wanted is float and type(value) is int:
        value = float(value)
    elif named == "tuple" and type(value) is tuple:
        value = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    shown = _shown_type(accepted)
    inner = _inner_type(schema) if wanted is list else None
    is_variable = shown is not None and shown is not wanted
    if type(value) is not wanted:
        if shown is None or type(value) is not shown:
            return _SIMPLE
        is_variable = True
    elif inner is not None and not _elements_fit(value, inner, accepted):
        return _NESTED if shown is list else _SIMPLE
    if is_variable or wanted not in _JUDGES:
        return "" if value in accepted else "value_error:others"
    if inner is dict:
        return _fault_of_objects(value, accepted)
    return _JUDGES[wanted](value, accepted)


def _type_named(name: str) -> type[Any]:
    found = _TYPES.get(name)
    if found is None:
        raise ConfigurationError(f"A parameter is of type {name!r}.", hint=f"Types are: {', '.join(_TYPES)}.")
    return found


def _inner_type(schema: Mapping[str, Json]) -> type[Any] | None:
    items = schema.get("items")
    return _type_named(items["type"]) if items and "type" in items else None


def _shown_type(accepted: Sequence[Json]) -> type[Any] | None:
    """The type of the first value that says something; "" only says that the argument may be left out."""
    for value in accepted:
        if value != "":
            return cast("type[Any]", type(value))
    return None


def _elements_fit(values: Sequence[Json], wanted: type[Any], accepted: Sequence[Json]) -> bool:
    """Whether some accepted value lets every element pass; one that is no list lets all pass."""
    for option in accepted:
        if type(option) is not list:
            return True
        shown = _shown_type(option)  # pyright: ignore[reportUnknownArgumentType]
        for value in values:
            found: type[Any] = type(value)  # pyright: ignore[reportUnknownVariableType]
            if found is not wanted and (shown is None or found is not shown):
                break
        else:
            return True
    return False


@lru_cache(maxsize=8192)
def plain(text: str) -> str:
    """The text as texts are compared: in lower case, without the marks that people leave out or put in."""
    return text.translate(_WITHOUT_MARKS).lower()


def _plainly(value: Json) -> Json:
    return plain(value) if type(value) is str else value


def _fault_of_text(value: str, accepted: Sequence[Json]) -> str:
    given = plain(value)
    for option in accepted:
        if type(option) is str and plain(option) == given:
            return ""
    return "value_error:string"


def _fault_of_list(values: Sequence[Json], accepted: Sequence[Json]) -> str:
    given = [_plainly(value) for value in values]
    for option in accepted:  # "" is read as no elements
        if isinstance(option, list | str) and [_plainly(value) for value in cast("Sequence[Json]", option)] == given:
            return ""
    return "value_error:list/tuple"


def _fault_of_object(value: Json, accepted: Sequence[Json]) -> str:
    fault = "dict_checker:unclear"
    for option in accepted:
        if option == "":
            continue
        fault = _difference(value, option)
        if not fault:
            break
    return fault


def _difference(given: Json, option: Mapping[str, Json]) -> str:
    """A key that is missing outweighs a value that is wrong."""
    if type(given) is not dict:
        return "value_error:dict_value"
    members = cast("dict[str, Json]", given)
    for key, wanted in option.items():
        if key not in members and "" not in wanted:
            return "value_error:dict_key"
    for key, value in members.items():
        if key not in option:
            return "value_error:dict_key"
        if _plainly(value) not in [_plainly(one) for one in option[key]]:
            return "value_error:dict_value"
    return ""


def _fault_of_objects(values: Sequence[Json], accepted: Sequence[Json]) -> str:
    fault = "list_dict_checker:unclear"
    for option in accepted:
        if len(option) != len(values):
            fault = "value_error:list_dict_count"
            continue
        faults = (_fault_of_object(value, [wanted]) for value, wanted in zip(values, option, strict=True))
        fault = next(filter(None, faults), "")
        if not fault:
            break
    return fault


_JUDGES: Final = {str: _fault_of_text, list: _fault_of_list, dict: _fault_of_object}
