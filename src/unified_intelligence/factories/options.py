"""A provider's own options are the keyword arguments of its class: read, described and bound before it is built.

    class EchoAdapter(InProcessTextGenerator):
        def __init__(self, *, delay: Annotated[float, "seconds between words"] = 0.0) -> None: ...

The command line, the configuration and the documentation read them from here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from unified_intelligence.config.keys import is_secret
from unified_intelligence.config.settings import SHORTCUTS, TYPE_NAMES
from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError

REQUIRED = inspect.Parameter.empty
_FLAGS = {"model": "--model", **{shortcut.option: shortcut.flag for shortcut in SHORTCUTS}}
_NAMES: Mapping[type, str] = {**TYPE_NAMES, dict: "a list of NAME=VALUE, with commas between"}
_TRUTH = {"true": True, "yes": True, "1": True, "on": True, "false": False, "no": False, "0": False, "off": False}


@dataclass(frozen=True, slots=True)
class Option:
    """`kind` is the type without its None and its description; `choices` are set for a Literal.

    `list` is one of texts, `dict` one of texts by name.
    """

    name: str
    kind: type
    default: object
    description: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = False

    @property
    def required(self) -> bool:
        return self.default is REQUIRED

    @property
    def type_name(self) -> str:
        """The type in the words that settings have too: a number, true or false, or its choices."""
        return "|".join(self.choices) or _NAMES.get(self.kind, self.kind.__name__)


def options_of(adapter: type) -> tuple[Option, ...]:
    """The options a provider's class declares, in its order."""
    hints = get_type_hints(adapter.__init__, include_extras=True)
    parameters = inspect.signature(adapter).parameters.values()
    return tuple(_option(p.name, hints[p.name], p.default) for p in parameters if p.kind is p.KEYWORD_ONLY)


def bind(provider: str, own: Iterable[Option], given: Mapping[str, object]) -> dict[str, object]:
    """The arguments to build with, texts from a command line or a file read into their types.

    Raises UnknownNameError with the nearest names, ConfigurationError for a value of another type or a missing one.
    """
    options = {option.name: option for option in own}
    for name in given:
        if name not in options:
            raise UnknownNameError(
                f"option of {provider}", name, options, provider=provider, hint=f"See them: uic providers {provider}"
            )
    missing = [name for name, option in options.items() if option.required and name not in given]
    if missing:
        raise ConfigurationError(
            f"The provider {provider} needs {' and '.join(missing)}.",
            hint=" ".join(_give(options[name]) for name in missing),
            provider=provider,
        )
    return {name: _read(provider, options[name], value) for name, value in given.items()}


def _give(option: Option) -> str:
    """How a missing option is given, and what it is."""
    what = f": {option.description}." if option.description else ""
    return f"Give {_FLAGS.get(option.name, f'-o {option.name}')} ...{what}"


def _option(name: str, hint: Any, default: object) -> Option:
    description = ""
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        description = next((note for note in notes if isinstance(note, str)), "")
    members = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    kinds = [member for member in members if member is not NoneType]
    kind = get_origin(kinds[0]) if get_origin(kinds[0]) in {list, dict} else kinds[0]
    choices = tuple(get_args(kind)) if get_origin(kind) is Literal else ()
    return Option(name, str if choices else kind, default, description, choices, optional=NoneType in members)


def _read(provider: str, option: Option, value: object) -> object:
    if value is None and option.optional:
        return None
    if option.choices:
        if value not in option.choices:
            raise UnknownNameError(f"{option.name} of {provider}", str(value), option.choices, provider=provider)
        return value
    if option.kind in _SEVERAL:
        return _SEVERAL[option.kind](provider, option, value)
    if option.kind is bool and isinstance(value, str):
        value = _TRUTH.get(value.lower(), value)
    elif isinstance(value, str) or (option.kind is float and type(value) is int):
        try:
            value = option.kind(value)
        except ValueError as error:
            raise _wrong(provider, option, value) from error
    if not isinstance(value, option.kind) or (isinstance(value, bool) and option.kind is not bool):
        raise _wrong(provider, option, value)
    if isinstance(value, float) and not isfinite(value):
        raise _wrong(provider, option, value)
    return value


def _texts(provider: str, option: Option, value: object) -> list[str]:
    """A list of a file, or a text with commas or blanks between."""
    if isinstance(value, str):
        return value.replace(",", " ").split()
    items = cast("Sequence[object]", value) if isinstance(value, list | tuple) else (value,)
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items):
        raise _wrong(provider, option, cast("object", value))
    return texts


def _named_texts(provider: str, option: Option, value: object) -> dict[str, str]:
    """An object of a file, or a text with commas between; a value may hold blanks."""
    if isinstance(value, str):
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        found = {name.strip(): text.strip() for name, _, text in pairs}
        if len(found) == len(pairs) and all(found) and all(found.values()):
            return found
    if isinstance(value, Mapping):
        given = cast("Mapping[object, object]", value)
        named = {name: text for name, text in given.items() if isinstance(name, str) and isinstance(text, str)}
        if len(named) == len(given) and all(named) and all(named.values()):
            return named
    raise _wrong(provider, option, cast("object", value))


_SEVERAL: Mapping[type, Callable[[str, Option, object], object]] = {list: _texts, dict: _named_texts}


def _wrong(provider: str, option: Option, value: object) -> ConfigurationError:
    given = "" if is_secret(option.name) else f", not {value!r}"
    return ConfigurationError(
        f"The option {option.name} of {provider} is {option.type_name}{given}.",
        hint=f"See: uic providers {provider}",
        provider=provider,
    )
