"""What `uic task run` does: the parameters read, the run found or begun, its end told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.cli.task_services import services_of
from unified_intelligence.cli.task_view import watched
from unified_intelligence.config.places import state_folder
from unified_intelligence.dsl.binding import Bound, bind, check_given
from unified_intelligence.dsl.catalogue import find
from unified_intelligence.dsl.record import RunRecord, find_record, new_record, read_record
from unified_intelligence.dsl.run import Outcome, said
from unified_intelligence.dsl.run import run as run_flow
from unified_intelligence.dsl.task import REQUIRED
from unified_intelligence.dsl.tree import tree
from unified_intelligence.dsl.values import from_json, to_json
from unified_intelligence.entities.errors import (
    ConfigurationError,
    InvalidRequestError,
    TaskFailedError,
    UnifiedIntelligenceError,
    UnknownNameError,
)


class Asked(NamedTuple):
    """What was typed."""

    name: str
    set: tuple[str, ...]
    dry_run: bool
    resume: str
    json: bool


def run_asked(output: Output, asked: Asked) -> int:
    """Raises the failure of the task that failed first, with the command that resumes."""
    work = find(asked.name)
    services = services_of(output, work.flow)
    bound = bind(work.flow, services, work.defaults)
    folder = state_folder(output.environment.home, output.environment.get("XDG_STATE_HOME")) / "runs"
    path, record = _record(folder, asked)
    given = _given(bound, record, asked.set) if record is not None else _read(bound, asked.set)
    if asked.dry_run:
        return _show(output, bound, given, record, as_json=asked.json)
    check_given(bound, given)
    record = record or new_record(work.name, {})
    record.parameters = {name: to_json(value, f"The parameter {name}") for name, value in given.items()}
    path = path or folder / f"{record.run}.json"
    import asyncio

    try:
        with watched(output, bound) as listen:
            outcome = asyncio.run(run_flow(bound, given, services, record, path, listen))
    except KeyboardInterrupt:
        output.note(_how_to_resume(asked, record))
        raise
    return _told(output, asked, bound, record, path, outcome)


def _record(folder: Path, asked: Asked) -> tuple[Path | None, RunRecord | None]:
    if not asked.resume:
        return None, None
    path = find_record(folder, asked.resume)
    record = read_record(path)
    name = asked.name.rpartition(":")[2] or asked.name
    if record.flow not in {asked.name, name} and not asked.name.endswith(".py"):
        raise ConfigurationError(f"The run {record.run} is one of {record.flow}, not of {asked.name}.")
    return path, record


def _given(bound: Bound, record: RunRecord, typed: tuple[str, ...]) -> dict[str, Any]:
    """Those of the run that is resumed, and what is typed now before them."""
    old = {
        name: from_json(value, bound.parameters[name].type, f"The parameter {name} of {record.run}")
        for name, value in record.parameters.items()
        if name in bound.parameters
    }
    return {**old, **_read(bound, typed)}


def _read(bound: Bound, typed: tuple[str, ...]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for pair in typed:
        name, equals, text = pair.partition("=")
        if not equals:
            raise InvalidRequestError(f"--set wants NAME=VALUE, not {pair!r}.")
        if name not in bound.parameters:
            raise UnknownNameError("parameter", name, bound.parameters, hint="See: uic task show NAME")
        given[name] = from_json(text, bound.parameters[name].type, name, text=True)
    return given


def _show(output: Output, bound: Bound, given: Mapping[str, object], record: RunRecord | None, *, as_json: bool) -> int:
    """Nothing is run; what is missing is shown as such."""
    if as_json:
        states = {name: record.tasks[name].state for name in record.tasks} if record is not None else {}
        steps = [{"task": name, "after": sorted(bound.flow.after[name])} for name in bound.flow.order()]
        output.json({"dry_run": True, "tasks": steps, "states": states}, indented=True)
    else:
        output.line(tree(bound, record))
        if bound.parameters:
            shown = {name: given.get(name, one.default) for name, one in bound.parameters.items()}
            rows = [(name, "(required)" if value is REQUIRED else repr(value)) for name, value in shown.items()]
            output.line("")
            output.line(aligned([("PARAMETER", "VALUE"), *rows]))
    return 0


def _told(output: Output, asked: Asked, bound: Bound, record: RunRecord, path: Path, outcome: Outcome) -> int:
    ends = [name for name in bound.flow.order() if name in bound.flow.lasts and name in outcome.outputs]
    if asked.json:
        output.json(_as_json(record, path, ends))
    elif not outcome.failures:
        for name in ends:
            for line in _lines(name, record.tasks[name].output):
                output.line(line)
    if not outcome.failures:
        return 0
    name, error = outcome.failures[0]
    resume = _how_to_resume(asked, record)
    if not isinstance(error, UnifiedIntelligenceError):
        raise TaskFailedError(name, said(error), hint=resume) from error
    error.message = f"Task {name}: {error.message}"
    error.hint = f"{error.hint} {resume}".strip()
    raise error


def _lines(name: str, value: object) -> list[str]:
    """What a task gave, for people: a text as it is, what has fields in columns."""
    match value:
        case None | "":
            return []
        case str():
            return [value]
        case dict():
            fields = cast("dict[str, object]", value)
            return aligned([(f"{name}.{field}", str(one)) for field, one in fields.items()]).splitlines()
        case list():
            return [str(one) for one in cast("list[object]", value)]
        case _:
            return [f"{name}: {value}"]


def _as_json(record: RunRecord, path: Path, ends: list[str]) -> dict[str, object]:
    tasks = {
        name: {
            "state": one.state,
            "attempts": one.attempts,
            "seconds": one.seconds,
            "code": one.code,
            "error": one.error,
        }
        for name, one in record.tasks.items()
    }
    outputs = {name: record.tasks[name].output for name in ends}
    return {"run": record.run, "state": record.state, "record": str(path), "tasks": tasks, "outputs": outputs}


def _how_to_resume(asked: Asked, record: RunRecord) -> str:
    return f"To do the rest: uic task run {asked.name} --resume {record.run}"
