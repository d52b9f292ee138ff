"""Where each input of a flow comes from, settled and checked before anything runs.

The first that fits: a value fixed for the task, the output of a task before it that has the input's name, the output
of its type, a service of its type, a parameter of the run. Plain types such as `str` are matched by name only.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from unified_intelligence.dsl.flow import Flow
from unified_intelligence.dsl.task import REQUIRED, Input, Task
from unified_intelligence.entities.errors import ConfigurationError, UnknownNameError

_PLAIN = (str, int, float, bool, bytes, complex, object, list, dict, tuple, set, frozenset, types.NoneType)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a rescue is told: which task failed first, and how."""

    task: str
    code: str
    message: str


class Progress:
    """A task that has an input of this type can tell how far it is. `task` is its name in the flow."""

    def __init__(self, task: str, tell: Callable[[str], None]) -> None:
        self.task, self._tell = task, tell

    def say(self, text: str) -> None:
        """A line for people; it may be called from any thread."""
        self._tell(text)


_OFFERED = (Failure, Progress)


def offered(wanted: Any) -> type | None:
    """Which of the runner's own values an input wants; one that may be None wants it all the same."""
    kinds = get_args(wanted) if get_origin(wanted) in {Union, types.UnionType} else (wanted,)
    return next((kind for kind in _OFFERED if kind in kinds), None)


class Source(NamedTuple):
    """`name` is a task's for `output`, and a parameter's for `parameter`; `default` is what the function has itself."""

    kind: Literal["fixed", "output", "service", "parameter", "default"]
    name: str


class Bound(NamedTuple):
    """A flow whose inputs all have a source. `parameters` are those that the run is given, with their defaults."""

    flow: Flow
    sources: Mapping[str, Mapping[str, Source]]
    parameters: Mapping[str, Input]


def bind(flow: Flow, services: Mapping[type, object], defaults: Mapping[str, object] | None = None) -> Bound:
    """Raises ConfigurationError for an input with two possible sources, or whose namesake gives something else."""
    parameters: dict[str, Input] = {}
    sources = {name: _sources(flow, task, services, parameters) for name, task in flow.tasks.items()}
    for name, value in (defaults or {}).items():
        if name not in parameters:
            raise UnknownNameError("parameter", name, parameters)
        parameters[name] = parameters[name]._replace(default=value)
    return Bound(flow, sources, parameters)


def check_given(bound: Bound, given: Mapping[str, object]) -> None:
    """Raises UnknownNameError for a parameter nobody reads, ConfigurationError for the ones that are missing."""
    for name in given:
        if name not in bound.parameters:
            raise UnknownNameError("parameter", name, bound.parameters)
    missing = [name for name, wanted in bound.parameters.items() if wanted.default is REQUIRED and name not in given]
    if missing:
        raise ConfigurationError(
            f"Nobody gives {' or '.join(missing)}.",
            hint="Set it: " + " ".join(f"--set {name}={type_name(bound.parameters[name].type)}" for name in missing),
        )


def type_name(kind: Any) -> str:
    """The type as a person would write it."""
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")


def _sources(
    flow: Flow, task: Task, services: Mapping[type, object], parameters: dict[str, Input]
) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for name, wanted in task.inputs.items():
        source = _source(flow, task, name, wanted.type, services)
        if source.kind == "parameter":
            _add_parameter(parameters, name, wanted, task)
        found[name] = source
    return found


def _source(flow: Flow, task: Task, name: str, wanted: Any, services: Mapping[type, object]) -> Source:
    if name in task.fixed:
        return Source("fixed", name)
    upstream = flow.upstream(task.name)
    if name in upstream:
        _check_namesake(task, name, wanted, flow.tasks[name].output)
        return Source("output", name)
    if own := offered(wanted):
        if own is not Failure or task.name in flow.rescues:
            return Source("service", name)
        if task.inputs[name].default is REQUIRED:
            raise ConfigurationError(f"Task {task.name} wants a Failure, but it runs when nothing failed.")
        return Source("default", name)
    fitting = {one for one in upstream if fits(flow.tasks[one].output, wanted) and not is_plain(wanted)}
    if fitting:
        return Source("output", _nearest(flow, task, name, wanted, fitting))
    if any(isinstance(wanted, type) and issubclass(kind, wanted) for kind in services):
        return Source("service", name)
    return Source("parameter", name)


def _check_namesake(task: Task, name: str, wanted: Any, given: Any) -> None:
    if not fits(given, wanted):
        raise ConfigurationError(
            f"Task {task.name} wants {name} as {type_name(wanted)}, but the task {name} gives {type_name(given)}.",
            hint="Rename the input, or the task: task.named(...).",
        )


def _nearest(flow: Flow, task: Task, name: str, wanted: Any, fitting: set[str]) -> str:
    """The one that runs after all the others. Where there is none, nobody can know which is meant."""
    for one in sorted(fitting):
        if fitting <= flow.upstream(one) | {one}:
            return one
    raise ConfigurationError(
        f"Task {task.name} wants one {type_name(wanted)} as {name}, but {' and '.join(sorted(fitting))} each give one.",
        hint="Call the input like the task that is meant.",
    )


def _add_parameter(parameters: dict[str, Input], name: str, wanted: Input, task: Task) -> None:
    known = parameters.get(name)
    if known is not None and known.type != wanted.type:
        raise ConfigurationError(
            f"Task {task.name} wants {name} as {type_name(wanted.type)}, another task as {type_name(known.type)}.",
            hint="Rename one, or fix it: task.given(...).",
        )
    if known is None or known.default is REQUIRED:
        parameters[name] = wanted


def fits(given: Any, wanted: Any) -> bool:
    """Whether a value of the one type can be used where the other is wanted."""
    if wanted is Any or given == wanted:
        return True
    if get_origin(wanted) in {Union, types.UnionType}:
        return any(fits(given, one) for one in get_args(wanted))
    if get_origin(given) in {Union, types.UnionType}:
        return all(fits(one, wanted) for one in get_args(given))
    of, into = get_origin(given) or given, get_origin(wanted) or wanted
    if get_args(given) and get_args(wanted) and get_args(given) != get_args(wanted):
        return False
    return isinstance(of, type) and isinstance(into, type) and issubclass(of, into)


def is_plain(kind: Any) -> bool:
    """Whether so many things are of this type that it says nothing: those are matched by name only."""
    members = get_args(kind) if get_origin(kind) in {Union, types.UnionType} else (kind,)
    return all(one is Any or (get_origin(one) or one) in _PLAIN or get_origin(one) is Literal for one in members)
