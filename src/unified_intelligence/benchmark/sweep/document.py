"""A YAML or JSON file as parts that know where they stand, so that what is wrong is said with its line.

JSON needs no library; YAML needs pyyaml, the extra `sweep`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn, cast

import msgspec

from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError

Place = tuple[str | int, ...]
_DESCRIBED = "Every key is described: uic docs sweep"
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|min|h)?")
_SECONDS = {None: 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
Scalar = str | int | float | bool


class Part:
    """A value of the document, and its place."""

    def __init__(self, value: object, file: str, lines: Mapping[Place, int], place: Place = ()) -> None:
        self.value, self._file, self._lines, self.place = value, file, lines, place

    def fail(self, what: str, hint: str = _DESCRIBED) -> NoReturn:
        """Raises ConfigurationError with the file, the line and the place."""
        line = next(
            (self._lines[self.place[:n]] for n in range(len(self.place), -1, -1) if self.place[:n] in self._lines), 0
        )
        at = f"{self._file}:{line}" if line else self._file
        shown = ".".join(str(step) for step in self.place)
        raise ConfigurationError(f"{at}: {f'{shown} ' if shown else ''}{what}", hint=hint)

    def keys(self, known: Sequence[str], needed: Sequence[str] = ()) -> dict[str, Part]:
        """Its parts by name; each must be known. One without a value counts as not there."""
        found = self.parts()
        for name, part in found.items():
            if name not in known:
                near = get_close_matches(name, known, n=1, cutoff=0.5)
                meant = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."
                part.fail(f"is no key here. {meant}")
        for name in needed:
            if name not in found or found[name].value is None:
                self.fail(f"needs the key {name!r}.")
        return {name: part for name, part in found.items() if part.value is not None}

    def parts(self) -> dict[str, Part]:
        """Its parts by name, whatever the names are."""
        value = self.value
        if not isinstance(value, dict):
            self.fail(f"takes keys with values, not {self.shown()}.")
        values = cast("dict[object, object]", value)
        return {str(name): self._inner(str(name), value) for name, value in values.items()}

    def items(self) -> list[Part]:
        """The parts of a list; a single value is a list of one."""
        value = self.value
        if not isinstance(value, list):
            return [self]
        values = cast("list[object]", value)
        if not values:
            self.fail("is an empty list.")
        return [self._inner(number, value) for number, value in enumerate(values)]

    def text(self) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            self.fail(f"takes a text, not {self.shown()}.")
        return self.value

    def texts(self) -> list[str]:
        return [part.text() for part in self.items()]

    def scalar(self) -> Scalar:
        if not isinstance(self.value, str | int | float | bool):
            self.fail(f"takes a text, a number or true and false, not {self.shown()}.")
        return self.value

    def whole(self, least: int = 1) -> int:
        if isinstance(self.value, bool) or not isinstance(self.value, int) or self.value < least:
            self.fail(f"takes a whole number from {least}, not {self.shown()}.")
        return self.value

    def number(self, what: str = "a number above 0") -> float:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            self.fail(f"takes {what}, not {self.shown()}.")
        return float(value)

    def seconds(self) -> float:
        """A number, or a text as 500ms, 60s, 10m, 1h."""
        found = _SPAN.fullmatch(self.value.strip()) if isinstance(self.value, str) else None
        value = float(found[1]) * _SECONDS[found[2]] if found else 0.0
        if found is None and isinstance(self.value, int | float) and not isinstance(self.value, bool):
            value = float(self.value)
        if not 0 < value < float("inf"):
            self.fail(f"takes a time above 0, as 60s or 10m, not {self.shown()}.")
        return value

    def share(self) -> float:
        """A share, written as 0.95 or 95%."""
        text = str(self.value).strip()
        try:
            value = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            value = 0.0
        if isinstance(self.value, bool) or not 0 < value <= 1:
            self.fail(f"takes a share above 0 and at most 1, as 0.95 or 95%, not {self.shown()}.")
        return value

    def one_of(self, known: Sequence[str]) -> str:
        if self.value not in known:
            near = get_close_matches(str(self.value), known, n=1, cutoff=0.5)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            self.fail(f"is one of {', '.join(known)}, not {self.shown()}.{meant}")
        return str(self.value)

    def shown(self) -> str:
        return self.form or f"{self.value!r}"[:60]

    @property
    def form(self) -> str:
        """What it is in words; empty for a single value."""
        if isinstance(self.value, dict):
            return "keys with values"
        if isinstance(self.value, list):
            return "a list"
        return "nothing" if self.value is None else ""

    def _inner(self, step: str | int, value: object) -> Part:
        return Part(value, self._file, self._lines, (*self.place, step))


def read_document(path: Path) -> Part:
    """Raises ConfigurationError for what cannot be read, MissingDependencyError for YAML without pyyaml."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(
            f"{path} cannot be read: {reason}.", hint="One to begin with: uic docs examples/sweep_uic.yaml"
        ) from None
    if path.suffix == ".json":
        try:
            return Part(msgspec.json.decode(text), str(path), {})
        except msgspec.MsgspecError as error:
            raise ConfigurationError(f"{path}: this is no JSON: {error}.") from None
    return _yaml(text, str(path))


def _yaml(text: str, file: str) -> Part:
    try:
        import yaml
    except ImportError:
        raise MissingDependencyError("A sweep written in YAML", "yaml", "sweep") from None
    try:
        root = cast("Any", yaml).compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(f"{file}{line}: this is no YAML: {error.problem or error.context}.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(f"{file}: this is no YAML: {error}.") from None
    lines: dict[Place, int] = {}
    _number(root, (), lines, file)
    return Part(value, file, lines)


def _number(node: Any, place: Place, lines: dict[Place, int], file: str) -> None:
    """The line of every place: of its key where it has one. YAML's reader would silently take the last of two keys."""
    if node is None:
        return
    lines.setdefault(place, node.start_mark.line + 1)
    if node.id == "mapping":
        for key, value in node.value:
            inner = (*place, str(key.value))
            if inner in lines:
                raise ConfigurationError(
                    f"{file}:{key.start_mark.line + 1}: {key.value!r} is there twice.", hint="Remove one."
                )
            lines[inner] = key.start_mark.line + 1
            _number(value, inner, lines, file)
    elif node.id == "sequence":
        for number, value in enumerate(node.value):
            _number(value, (*place, number), lines, file)
