"""Which tasks and workflows can be asked for by name: ours, those of installed packages, those in a file.

A package of your own adds one with an entry point:

    [project.entry-points."unified_intelligence.tasks"]
    nightly = "my_package.my_module:nightly"

A name of ours is found without reading the metadata of installed packages.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from unified_intelligence.dsl.flow import Flow, Workflow, flow_of
from unified_intelligence.dsl.task import Task
from unified_intelligence.entities.errors import ConfigurationError, MissingDependencyError, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint
    from types import ModuleType

GROUP = "unified_intelligence.tasks"
_QWEN3 = "unified_intelligence.dsl.tasks.qwen3_deployment_tasks"


class Row(NamedTuple):
    """`kind` is task or workflow, "" where nobody knows before it is imported; `target` is MODULE:NAME."""

    kind: str
    target: str
    summary: str
    origin: str = "built in"


TASKS: Mapping[str, Row] = {
    name: Row(kind, f"{_QWEN3}:{name}", summary)
    for kind, name, summary in (
        ("workflow", "redeploy_qwen3_inference", "deploy the Space that answers, and prove it"),
        ("workflow", "redeploy_qwen3_eval", "deploy the Space that evaluates, and prove it"),
        ("workflow", "redeploy_open_finance", "deploy the finance model's Docker Space, and prove it"),
        ("task", "plan", "what a deployment would change, read from the Hub"),
        ("task", "apply", "change the Space: settings first, then all files in one commit"),
        ("task", "wait_until_running", "wait until a commit runs and the app answers with its files"),
        ("task", "verify", "hold what an app offers against its contract, and watch it"),
        ("task", "smoke_test", "send the smoke requests of a spec"),
        ("task", "evaluate", "run the evaluation suite that a spec names"),
        ("task", "promote", "tag a version as good, after a candidate's bytes went to the Space itself"),
        ("task", "rollback", "back to the last good version, verified"),
    )
}


def rows() -> dict[str, Row]:
    """All names; nothing of a plugin is imported for it."""
    return {**{point.name: Row("", point.value, "", _package(point)) for point in _entry_points()}, **TASKS}


def find(name: str) -> Workflow:
    """A workflow, or a task as a flow of one. `FILE.py:NAME` is in that file; NAME may be left out if it has one only.

    Raises UnknownNameError, and ConfigurationError for what is there and cannot be used.
    """
    path, _, inside = name.partition(".py:") if ".py:" in name else (name.removesuffix(".py"), "", "")
    if name.endswith(".py") or ".py:" in name:
        return _of_file(Path(f"{path}.py"), inside)
    if name in TASKS:
        return _workflow(name, _built_in(TASKS[name].target))
    for point in _entry_points():
        if point.name == name:
            return _workflow(name, _loaded(point))
    raise UnknownNameError("task or workflow", name, rows(), hint="See: uic task list")


def in_file(path: Path) -> dict[str, Workflow]:
    """What a file offers: its tasks, workflows and flows by the name of the variable. Its code is run to find out.

    Raises ConfigurationError for a file that cannot be run.
    """
    return {name: _workflow(name, value) for name, value in _offered(path).items()}


def _offered(path: Path) -> dict[str, object]:
    found = {name: value for name, value in vars(_module(path)).items() if not name.startswith("_")}
    return {name: value for name, value in found.items() if isinstance(value, Task | Flow | Workflow)}


def _built_in(target: str) -> object:
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise MissingDependencyError("Deploying a Space", error.name or "pydantic", "deploy") from error


def _of_file(path: Path, name: str) -> Workflow:
    """What a file offers under this name; without one its only workflow, or else its only flow, or its only task."""
    offered = _offered(path)
    if name in offered:
        return _workflow(name, offered[name])
    if name:
        raise UnknownNameError("task or workflow", name, offered, hint=f"It was looked for in {path}.")
    for kind in (Workflow, Flow, Task):
        ours = [own for own, value in offered.items() if isinstance(value, kind)]
        if len(ours) == 1:
            return _workflow(ours[0], offered[ours[0]])
        if ours:
            break
    names = ", ".join(offered) or "none"
    raise ConfigurationError(f"Which task or workflow of {path}? It has: {names}.", hint=f"Name one: {path}:NAME")


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"_tasks_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigurationError(f"There is no file {path}.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and type hints look their module up there
    try:
        spec.loader.exec_module(module)
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{path} cannot be run: {type(error).__name__}: {error}.") from error
    return module


def _workflow(name: str, value: object) -> Workflow:
    match value:
        case Workflow():
            return value
        case Task():
            return Workflow(name, value.summary, flow_of(value), {})
        case Flow():
            return Workflow(name, "", value, {})
        case _:
            raise ConfigurationError(f"{name} is a {type(value).__name__}, not a task or a workflow.")


def _entry_points() -> Iterator[EntryPoint]:
    from importlib.metadata import entry_points

    yield from entry_points(group=GROUP)


def _package(point: EntryPoint) -> str:
    return f"package {point.dist.name}" if point.dist is not None else "a package"


def _loaded(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        raise ConfigurationError(
            f"{point.name} of {_package(point)} cannot be loaded: {type(error).__name__}: {error}.",
            hint=f"It is {point.value}.",
        ) from error
