"""Configuration files: whether they are ours, what they hold and on which line. Where they are is left to `places`.

A file that is named (`--config`) is ours. A `config.json` that was found lying in the project may belong to another
program, models and web projects have one too: it is ours if at least half of its keys are, or if it names a provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple, cast

from unified_intelligence.config.settings import BY_NAME, PROVIDERS_KEY, TYPE_KEY, Value, check, known
from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError


class ConfigFile(NamedTuple):
    """A file that was read and found right. `null` values and keys that begin with $ are left out."""

    path: Path
    values: Mapping[str, Value]
    providers: Mapping[str, Mapping[str, object]]
    lines: Mapping[tuple[str, ...], int]

    def where(self, *keys: str) -> str:
        return f"{self.path}:{self.lines[keys]}"


def read_file(path: Path) -> ConfigFile:
    """A file of ours. Raises ConfigurationError with file, line and key."""
    text = _text(path)
    return _validated(path, text, _parsed(path, text))


def read_if_ours(path: Path) -> ConfigFile | None:
    """A file that was found; None if it is another program's."""
    text = _text(path)
    try:
        data = _parsed(path, text)
    except ConfigurationError:
        if any(f'"{name}"' in text for name in (*BY_NAME, PROVIDERS_KEY)):
            raise
        return None
    return _validated(path, text, data) if _is_ours(data) else None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text (byte {error.start + 1}).") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error


def _parsed(path: Path, text: str) -> Mapping[str, object]:
    try:
        data = json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{path}:{error.lineno}:{error.colno} is not JSON: {error.msg}.", hint="Mend the file at that place."
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} cannot be understood: {error}.") from error
    if not isinstance(data, dict):
        raise ConfigurationError(f"{path} holds {type(data).__name__}; it should be an object: {{...}}.")
    return cast("Mapping[str, object]", data)


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {name!r} is given twice")
        found[name] = value
    return found


def _is_ours(data: Mapping[str, object]) -> bool:
    keys = [key for key in data if not key.startswith("$")]
    names = [*BY_NAME, PROVIDERS_KEY]
    near = [key for key in keys if get_close_matches(key, names, n=1, cutoff=0.75)]
    return "provider" in keys or PROVIDERS_KEY in keys or 2 * len(near) >= max(1, len(keys))


def _validated(path: Path, text: str, data: Mapping[str, object]) -> ConfigFile:
    lines = dict(_lines_of_keys(text))
    values: dict[str, Value] = {}
    for name, value in data.items():
        if name.startswith("$") or name == PROVIDERS_KEY or (value is None and name in BY_NAME):
            continue
        place = f"{path}:{lines[(name,)]}"
        try:
            values[name] = check(known(name), value)
        except UnknownNameError as error:
            error.message = f"{place}: {error.message}"
            raise
        except ValueError as error:
            raise ConfigurationError(f"{place}: {name} is {error}.") from error
    return ConfigFile(path, values, _provider_options(path, data.get(PROVIDERS_KEY) or {}, lines), lines)


def _provider_options(
    path: Path, data: object, lines: Mapping[tuple[str, ...], int]
) -> dict[str, Mapping[str, object]]:
    if not isinstance(data, dict):
        place = f"{path}:{lines[(PROVIDERS_KEY,)]}"
        raise ConfigurationError(f'{place}: {PROVIDERS_KEY} is an object: {{"NAME": {{"option": value}}}}.')
    options = {name: value for name, value in cast("dict[str, object]", data).items() if not name.startswith("$")}
    for name, value in options.items():
        if not isinstance(value, dict):
            place = f"{path}:{lines[(PROVIDERS_KEY, name)]}"
            raise ConfigurationError(f"{place}: {PROVIDERS_KEY}.{name} is an object of options: {{...}}.")
        named = cast("dict[str, object]", value).get(TYPE_KEY)
        if named is not None and not isinstance(named, str):
            place = f"{path}:{lines[(PROVIDERS_KEY, name, TYPE_KEY)]}"
            raise ConfigurationError(f"{place}: {PROVIDERS_KEY}.{name}.{TYPE_KEY} is the name of a provider.")
    return {name: cast("Mapping[str, object]", value) for name, value in options.items()}


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


def _lines_of_keys(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """The path and the line of every key, of JSON that has already been found right."""
    path: list[str] = []
    brackets: list[str] = []
    last = ('""', 0)
    line, counted = 1, 0
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "{[":
            brackets.append(token)
            path.append("")
        elif token in "}]":
            brackets.pop()
            path.pop()
        elif token == ":" and brackets[-1] == "{":
            line, counted = line + text.count("\n", counted, last[1]), last[1]
            path[-1] = json.loads(last[0])
            yield tuple(path), line
        elif token[0] == '"':
            last = (token, match.start())
