"""From `space.yaml` to a spec, and from what is wrong in it to one sentence: which file, which line, what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.spaces.spec import SpaceSpec

FILE_NAME = "space.yaml"
FOLDER = "hf_spaces"
HERE = "."
SCHEMA = "docs/space.schema.json"
_TEXTS = (("variables",), ("template", "values"))
_SHOWN = 60

Place = tuple[str | int, ...]


class SpecFile(NamedTuple):
    """A spec, and the file that it was read from: paths in it are relative to the file's folder."""

    path: Path
    spec: SpaceSpec

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def name(self) -> str:
        """What people call it: the folder's name."""
        return self.folder.resolve().name


def find_spec(name: str, directory: Path) -> Path:
    """The file that NAME means: a path of a file or a folder, or a Space in hf_spaces/. Raises ConfigurationError."""
    given = directory / name
    for path in (given, given / FILE_NAME, directory / FOLDER / name / FILE_NAME):
        if path.is_file():
            return path
    known = sorted(path.parent.name for path in (directory / FOLDER).glob(f"*/{FILE_NAME}"))
    if name == HERE:
        hint = f"Name one: {', '.join(known)}." if known else "uic space init NAME"
        raise ConfigurationError(f"There is no {FILE_NAME} in this folder.", hint=hint)
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(known)}." if known else "uic space init NAME"
    raise ConfigurationError(f"There is no Space {name!r} here: no {FOLDER}/{name}/{FILE_NAME}.", hint=hint)


def read_spec(path: Path) -> SpecFile:
    """Raises ConfigurationError for a file that is not there, is no YAML, or says what no Space can be."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{path} cannot be read: {reason}.") from None
    return SpecFile(path, parse_spec(text, str(path)))


def parse_spec(text: str, where: str = FILE_NAME) -> SpaceSpec:
    """The same of a text; `where` is the file's name in what is raised."""
    root = _composed(text, where)
    _refuse_twice_named(root, where)
    content = yaml.safe_load(text)
    if not isinstance(content, dict):
        raise ConfigurationError(f"{where} holds no keys.", hint="Begin with one that works: uic space init NAME")
    values = cast("dict[str, Any]", content)
    for place in _TEXTS:
        _keep_as_typed(values, root, place)
    try:
        return SpaceSpec.model_validate(values)
    except ValidationError as error:
        errors = sorted(
            error.errors(), key=lambda each: each["type"] != "extra_forbidden"
        )  # a key typed wrong is missing too
        raise _worded(errors[0], root, where, len(errors)) from None


def _composed(text: str, where: str) -> yaml.Node | None:
    try:
        return cast("yaml.Node | None", cast("Any", yaml).compose(text, Loader=yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigurationError(f"{where}{line}: this is no YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{where}: this is no YAML: {error}.") from None


def _refuse_twice_named(node: yaml.Node | None, where: str) -> None:
    """YAML's reader would silently take the last one."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in _pairs(node):
            if key.value in seen:
                raise ConfigurationError(f"{where}:{_line(key)}: {key.value!r} is there twice.", hint="Remove one.")
            seen.add(key.value)
            _refuse_twice_named(value, where)
    elif isinstance(node, yaml.SequenceNode):
        for value in cast("Sequence[yaml.Node]", node.value):
            _refuse_twice_named(value, where)


def _keep_as_typed(values: dict[str, Any], root: yaml.Node | None, place: Place) -> None:
    """A variable is a text: 1.10 stays 1.10 and no stays no, which YAML reads as a number and as false."""
    node, inner = root, cast("Any", values)
    for step in place:
        node = _child(node, step)
        inner = cast("dict[str, Any]", inner).get(str(step)) if isinstance(inner, dict) else None
    if isinstance(node, yaml.MappingNode) and isinstance(inner, dict):
        inner = cast("dict[str, Any]", inner)
        for key, value in _pairs(node):
            if isinstance(value, yaml.ScalarNode) and inner.get(key.value) is not None:
                inner[key.value] = value.value


def _pairs(node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    for key, value in cast("list[tuple[yaml.Node, yaml.Node]]", node.value):
        if isinstance(key, yaml.ScalarNode):
            yield key, value


def _child(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in _pairs(node) if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return cast("list[yaml.Node]", node.value)[step]
    return None


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _worded(error: ErrorDetails, root: yaml.Node | None, where: str, errors: int) -> ConfigurationError:
    place = _in_the_file(error["loc"], root)
    shown = ".".join(str(step) for step in place)
    more = f" ({errors - 1} more after it.)" if errors > 1 else ""
    at = f"{where}:{_line_of(place, root)}"
    hint = f"Every key is described in {SCHEMA}."
    if error["type"] == "extra_forbidden":
        known = _known(place[:-1], SpaceSpec)
        near = get_close_matches(str(place[-1]), known, n=1, cutoff=0.5)
        inside = f" in {'.'.join(str(step) for step in place[:-1])}" if place[:-1] else ""
        meant = f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}."
        return ConfigurationError(f"{at}: there is no key {place[-1]!r}{inside}.{meant}{more}", hint=hint)
    if error["type"] == "missing":
        return ConfigurationError(f"{at}: the key {shown!r} is missing.{more}", hint=hint)
    if error["type"] == "value_error":
        said = str(error["ctx"]["error"] if "ctx" in error else error["msg"])
        return ConfigurationError(f"{at}: {f'{shown} ' if shown else ''}{said}.{more}", hint=hint)
    given = "" if _may_be_secret(place) else _given(error["input"])
    return ConfigurationError(f"{at}: {shown}: {_lower(error['msg'])}{given}.{more}", hint=hint)


def _in_the_file(loc: Place, root: yaml.Node | None) -> Place:
    """Pydantic's place without the steps that only its model has, such as the kind of a contract."""
    place: list[str | int] = []
    node = root
    for index, step in enumerate(loc):
        inner = _child(node, step)
        last = index == len(loc) - 1
        if inner is not None or last:
            place.append(step)
            node = inner
    return tuple(place)


def _line_of(place: Place, root: yaml.Node | None) -> int:
    """The line of the last step that the file has, of its key where it has one."""
    node, line = root, 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            key = next((key for key, _ in _pairs(node) if key.value == step), None)
            line = _line(key) if key is not None else line
        node = _child(node, step)
        if node is None:
            return line
        line = _line(node) if isinstance(step, int) else line
    return line


def _known(place: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """The keys that the model has at a place; of a choice between models, those of all."""
    models = [model]
    for step in place:
        if not isinstance(step, int):
            models = [found for each in models for found in _models_of(each, step)]
    return sorted({name for each in models for name in each.model_fields})


def _models_of(model: type[BaseModel], field: str) -> Iterator[type[BaseModel]]:
    def within(kind: Any) -> Iterator[type[BaseModel]]:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
        for inner in get_args(kind):
            yield from within(inner)

    if field in model.model_fields:
        yield from within(model.model_fields[field].annotation)


def _may_be_secret(place: Place) -> bool:
    return (bool(place) and place[0] in {"secrets", "variables"}) or "key" in place


def _given(value: object) -> str:
    text = repr(value)
    if isinstance(value, Mapping | list):
        return ""
    return f", not {text if len(text) <= _SHOWN else f'{text[:_SHOWN]}…'}"


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
