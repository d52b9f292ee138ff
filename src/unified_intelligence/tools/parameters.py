"""What a tool parameter accepts: from a Python annotation to a JSON schema and to a reader of JSON values.

An annotation becomes a `Shape`: the schema a model is shown, and the function that turns the JSON value it wrote into
the Python value the tool is called with. Readers raise `ValueError` with one sentence; the registry adds which tool and
which parameter. How a rate or a duration is read from text is left to `quantities`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from unified_intelligence.tools.quantities import to_days, to_rate, to_years
from unified_intelligence.tools.types import Kind, Meaning

Read = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class Shape:
    """What an annotation accepts: `schema` for a model, `read` for the value it wrote (raises ValueError)."""

    schema: Mapping[str, object]
    read: Read
    meaning: Meaning | None = None
    choices: tuple[str, ...] = ()
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a tool. `choices` are the words of an enumeration, `default` counts only when not `required`."""

    name: str
    meaning: Meaning | None
    choices: tuple[str, ...]
    required: bool
    default: object
    description: str
    shape: Shape

    def schema(self) -> dict[str, object]:
        """The JSON schema of this parameter, with its description and its default."""
        meaning = self.meaning.description if self.meaning else ""
        description = "; ".join(text for text in (self.description, meaning) if text)
        schema: dict[str, object] = dict(self.shape.schema)
        if self.required and self.shape.nullable and schema:
            schema = {"anyOf": [schema, {"type": "null"}]}
        if description:
            schema["description"] = description
        if not self.required and self.default is not None:
            schema["default"] = self.default
        return schema


def shape_of(annotation: object) -> Shape:
    """The shape of an annotation; raises TypeError with one sentence for a type no JSON value can be read into."""
    origin: object = get_origin(annotation) or annotation
    for generic, build in _GENERIC:
        if origin is generic:
            return build(get_args(annotation))
    for plain, shape in _PLAIN:
        if annotation is plain:
            return shape
    shown = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    raise TypeError(f"The type {shown} cannot be read from JSON: use str, int, float, bool, list, dict or Literal.")


def read_number(value: object) -> float:
    """A finite float from a JSON number, or from text that is nothing but a number; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected a number, got {_show(value)}.")
    try:
        number = float(value)
    except ValueError as error:
        raise ValueError(f"expected a number, got {_show(value)}.") from error
    except OverflowError as error:
        raise ValueError("the number is too large.") from error
    if not math.isfinite(number):
        raise ValueError(f"expected a finite number, got {_show(value)}.")
    return number


def _read_integer(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        number = read_number(value)
    except ValueError as error:
        raise ValueError(f"expected a whole number, got {_show(value)}.") from error
    if not number.is_integer():
        raise ValueError(f"expected a whole number, got {_show(value)}.")
    return int(number)


def _read_boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    raise ValueError(f"expected true or false, got {_show(value)}.")


def _read_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected text, got {_show(value)}.")
    return value


def _read_filled_text(value: object) -> str:
    text = _read_text(value).strip()
    if not text:
        raise ValueError("expected some text, got none.")
    return text


def _read_nothing(value: object) -> None:
    if value is not None:
        raise ValueError(f"expected null, got {_show(value)}.")


def _read_anything(value: object) -> object:
    return value


def _list(arguments: tuple[object, ...]) -> Shape:
    return _list_of(shape_of(arguments[0]) if arguments else _ANYTHING)


def _list_of(item: Shape) -> Shape:
    def read(value: object) -> list[object]:
        if not isinstance(value, list | tuple):
            raise ValueError(f"expected a list, got {_show(value)}.")
        return [item.read(element) for element in cast("list[object]", value)]

    return Shape({"type": "array", "items": dict(item.schema)}, read)


def _dict(arguments: tuple[object, ...]) -> Shape:
    if arguments and arguments[0] is not str:
        raise TypeError("The keys of a dict must be str: JSON has no other keys.")
    item = shape_of(arguments[1]) if arguments else _ANYTHING

    def read(value: object) -> dict[str, object]:
        if not isinstance(value, Mapping):
            raise ValueError(f"expected an object, got {_show(value)}.")
        pairs = cast("Mapping[object, object]", value).items()
        return {str(key): item.read(element) for key, element in pairs}

    return Shape({"type": "object", "additionalProperties": dict(item.schema) or True}, read)


def _literal(values: tuple[object, ...]) -> Shape:
    words = ", ".join(str(value) for value in values)

    def read(value: object) -> object:
        for choice in values:
            if type(choice) is type(value) and choice == value:
                return choice
        for choice in values:
            if isinstance(choice, str) and isinstance(value, str) and choice.lower() == value.strip().lower():
                return choice
        raise ValueError(f"expected one of {words}; got {_show(value)}.")

    schema: dict[str, object] = {"enum": list(values)}
    if all(isinstance(value, str) for value in values):
        schema = {"type": "string", **schema}
    return Shape(schema, read, choices=tuple(value for value in values if isinstance(value, str)))


def _union(arguments: tuple[object, ...]) -> Shape:
    nullable = NoneType in arguments
    shapes = [shape_of(argument) for argument in arguments if argument is not NoneType]
    if len(shapes) == 1:
        only = shapes[0]

        def read_optional(value: object) -> object:
            return None if value is None else only.read(value)

        return Shape(only.schema, read_optional, only.meaning, only.choices, nullable)

    def read(value: object) -> object:
        if value is None and nullable:
            return None
        reasons: list[str] = []
        for shape in shapes:
            try:
                return shape.read(value)
            except ValueError as error:
                reasons.append(str(error))
        raise ValueError(reasons[0])

    return Shape({"anyOf": [dict(shape.schema) for shape in shapes]}, read, nullable=nullable)


def _annotated(arguments: tuple[object, ...]) -> Shape:
    for extra in arguments[1:]:
        if isinstance(extra, Meaning):
            schema, read = _MEANINGS[extra.kind]
            return Shape(schema, read, extra)
    return shape_of(arguments[0])


def _show(value: object) -> str:
    shown = "nothing" if value is None else repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."


_ANYTHING = Shape({}, _read_anything, nullable=True)
_PLAIN: tuple[tuple[object, Shape], ...] = (
    (object, _ANYTHING),
    (Any, _ANYTHING),
    (str, Shape({"type": "string"}, _read_text)),
    (bool, Shape({"type": "boolean"}, _read_boolean)),
    (int, Shape({"type": "integer"}, _read_integer)),
    (float, Shape({"type": "number"}, read_number)),
    (NoneType, Shape({"type": "null"}, _read_nothing, nullable=True)),
)
_GENERIC: tuple[tuple[object, Callable[[tuple[object, ...]], Shape]], ...] = (
    (Annotated, _annotated),
    (Literal, _literal),
    (Union, _union),
    (UnionType, _union),
    (list, _list),
    (dict, _dict),
)
_NUMBER = Shape({"type": "number"}, read_number)
_NUMBER_OR_TEXT: dict[str, object] = {"type": ["number", "string"]}
_NUMBERS = _list_of(_NUMBER)
_RATES = _list_of(Shape(_NUMBER_OR_TEXT, to_rate))
_MEANINGS: dict[Kind, tuple[Mapping[str, object], Read]] = {
    "number": (_NUMBER.schema, read_number),
    "rate": (_NUMBER_OR_TEXT, to_rate),
    "years": (_NUMBER_OR_TEXT, to_years),
    "days": (_NUMBER_OR_TEXT, to_days),
    "numbers": (_NUMBERS.schema, _NUMBERS.read),
    "rates": (_RATES.schema, _RATES.read),
    "duration": ({"type": "string"}, _read_filled_text),
    "date": ({"type": "string"}, _read_filled_text),
    "unit": ({"type": "string"}, _read_filled_text),
    "expression": ({"type": "string"}, _read_filled_text),
    "term": ({"type": "string"}, _read_filled_text),
}
