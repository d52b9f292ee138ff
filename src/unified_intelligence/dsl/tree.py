"""A flow as a tree for people: what runs after what, and where each input comes from. Nothing is run to draw it."""

from __future__ import annotations

from unified_intelligence.dsl.binding import Bound, Source, type_name
from unified_intelligence.dsl.record import RunRecord


def tree(bound: Bound, record: RunRecord | None = None) -> str:
    """One line a task. A task that waits for several stands under the last of them, and names the others."""
    flow = bound.flow
    order = {name: place for place, name in enumerate(flow.order())}
    parents: dict[str, str] = {}
    for name in flow.tasks:
        before = flow.rescues.get(name) or flow.after[name]
        if before:
            parents[name] = max(before, key=order.__getitem__)
    children = {name: [one for one in order if parents.get(one) == name] for name in order}
    lines: list[str] = []

    def draw(name: str, lead: str, branch: str, follow: str) -> None:
        lines.append(f"{lead}{branch}{_line(bound, name, parents.get(name, ''), record)}")
        for child in children[name]:
            is_last = child == children[name][-1]
            draw(child, lead + follow, "└─ " if is_last else "├─ ", "   " if is_last else "│  ")

    for root in (name for name in order if name not in parents):
        draw(root, "", "", "")
    return "\n".join(lines)


def _line(bound: Bound, name: str, parent: str, record: RunRecord | None) -> str:
    flow = bound.flow
    task, rescues = flow.tasks[name], flow.rescues.get(name)
    inputs = [_input(one, source, bound, name) for one, source in bound.sources[name].items()]
    notes = [f"if {' or '.join(_in_order(flow.order(), rescues))} fails"] if rescues else []
    others = [one for one in _in_order(flow.order(), flow.after[name]) if one != parent]
    notes += [f"after {' and '.join(others)} too"] if others else []
    notes += [f"{task.retries + 1} tries"] if task.retries else []
    notes += (
        [f"at most {task.timeout:g} s each" if task.retries else f"at most {task.timeout:g} s"] if task.timeout else []
    )
    notes += [record.tasks[name].state] if record is not None and name in record.tasks else []
    gives = "" if task.output is type(None) else f" -> {type_name(task.output)}"
    return f"{name}({', '.join(one for one in inputs if one)}){gives}" + (f"  [{', '.join(notes)}]" if notes else "")


def _in_order(order: tuple[str, ...], names: frozenset[str]) -> list[str]:
    return [name for name in order if name in names]


def _input(name: str, source: Source, bound: Bound, task: str) -> str:
    """Empty for what every task may have: a parameter of the run, a service."""
    if source.kind == "output":
        return f"{name} of {source.name}" if name != source.name else name
    return f"{name}={bound.flow.tasks[task].fixed[name]!r}" if source.kind == "fixed" else ""
