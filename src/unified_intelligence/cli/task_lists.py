"""What `uic task list` and `uic task show` say."""

from __future__ import annotations

from pathlib import Path

from unified_intelligence.cli.output import Output
from unified_intelligence.cli.table import aligned
from unified_intelligence.cli.task_services import services_of
from unified_intelligence.dsl.binding import Bound, bind, type_name
from unified_intelligence.dsl.catalogue import Row, find, in_file, rows
from unified_intelligence.dsl.flow import Workflow
from unified_intelligence.dsl.task import REQUIRED, Input
from unified_intelligence.dsl.tree import tree


def show_list(output: Output, file: str, *, as_json: bool) -> int:
    """The names, in the order of their origins."""
    found = {f"{file}:{name}": _row(work, file) for name, work in in_file(Path(file)).items()} if file else rows()
    if as_json:
        output.json([{"name": name, **row._asdict()} for name, row in found.items()], indented=True)
    else:
        table = [(name, row.kind or "?", row.origin, row.summary) for name, row in found.items()]
        output.line(aligned([("NAME", "KIND", "FROM", "WHAT IT DOES"), *table]))
    return 0


def _row(work: Workflow, file: str) -> Row:
    return Row("workflow" if len(work.flow.tasks) > 1 else "task", work.name, work.summary, file)


def show_one(output: Output, name: str, *, as_json: bool) -> int:
    """Its line, its tree, its parameters."""
    work = find(name)
    bound = bind(work.flow, services_of(output, work.flow), work.defaults)
    if as_json:
        output.json({"name": work.name, "summary": work.summary, **_described(bound)}, indented=True)
        return 0
    output.line(f"{work.name}: {work.summary}" if work.summary else work.name)
    output.line("")
    output.line(tree(bound))
    if bound.parameters:
        output.line("")
        lines = [(name, type_name(one.type), _default(one)) for name, one in bound.parameters.items()]
        output.line(aligned([("PARAMETER", "TYPE", "DEFAULT"), *lines]))
    return 0


def _default(parameter: Input) -> str:
    return "(required)" if parameter.default is REQUIRED else repr(parameter.default)


def _described(bound: Bound) -> dict[str, object]:
    tasks = [
        {
            "name": name,
            "summary": task.summary,
            "after": sorted(bound.flow.after[name]),
            "rescues": sorted(bound.flow.rescues.get(name, ())),
            "inputs": {one: source._asdict() for one, source in bound.sources[name].items()},
            "output": type_name(task.output),
            "retries": task.retries,
            "timeout": task.timeout,
        }
        for name, task in ((name, bound.flow.tasks[name]) for name in bound.flow.order())
    ]
    parameters = [
        {"name": name, "type": type_name(one.type), "required": one.default is REQUIRED, "default": _default(one)}
        for name, one in bound.parameters.items()
    ]
    return {"tasks": tasks, "parameters": parameters}
