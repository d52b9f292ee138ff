"""Tasks composed: `a >> b` is b after a, `a & b` is both together, `a.on_failure(c)` is c if a failed.

A flow is a graph; a task that is written twice in it is one task and runs once. Running it is left to `run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from unified_intelligence.dsl.task import Task
from unified_intelligence.entities.errors import ConfigurationError


class Flow(NamedTuple):
    """`tasks` by name in the order they were written, `after` are those each waits for.

    `rescues` are tasks that run when one of those they guard failed; nothing waits for them.
    """

    tasks: Mapping[str, Task]
    after: Mapping[str, frozenset[str]]
    rescues: Mapping[str, frozenset[str]]

    def __rshift__(self, other: Task | Flow) -> Flow:
        """`other` once all of this is done. Raises ConfigurationError where that makes a circle."""
        then = flow_of(other)
        joined = _union(self, then)
        lasts, firsts = self.lasts, then.firsts
        after = {name: before | lasts if name in firsts else before for name, before in joined.after.items()}
        return _checked(joined._replace(after=after))

    def __and__(self, other: Task | Flow) -> Flow:
        """Both flows, side by side."""
        return _checked(_union(self, flow_of(other)))

    def on_failure(self, rescue: Task) -> Flow:
        """`rescue` runs when a task of this flow failed and the others have ended; the run has failed all the same.

        It may need what was there before this flow, and the `Failure`.
        """
        guarded = frozenset(self.tasks)
        if rescue.name in guarded:
            raise ConfigurationError(f"Task {rescue.name} cannot rescue itself.", hint='Name it: task.named("NAME").')
        joined = _union(self, flow_of(rescue))
        return joined._replace(rescues={**joined.rescues, rescue.name: guarded})

    @property
    def firsts(self) -> frozenset[str]:
        """The tasks that wait for nobody."""
        return frozenset(name for name, before in self.after.items() if not before and name not in self.rescues)

    @property
    def lasts(self) -> frozenset[str]:
        """The tasks that nobody waits for."""
        awaited = frozenset[str]().union(*self.after.values())
        return frozenset(self.tasks) - awaited - frozenset(self.rescues)

    def order(self) -> tuple[str, ...]:
        """All tasks, each after those that it waits for or guards."""
        before = {name: sorted(self.after[name] | self.rescues.get(name, frozenset())) for name in self.tasks}
        return tuple(TopologicalSorter(before).static_order())

    def upstream(self, name: str) -> frozenset[str]:
        """The tasks whose outputs are there when this one runs. For a rescue: what came before all that it guards."""
        if name in self.rescues:
            guarded = self.rescues[name]
            entries = [one for one in guarded if not self.after[one] & guarded and one not in self.rescues]
            first, *others = (self.upstream(entry) for entry in entries)
            return first.intersection(*others) - guarded
        found: set[str] = set()
        waiting = list(self.after[name])
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(self.after[one])
        return frozenset(found)


def flow_of(work: Task | Flow) -> Flow:
    """A task as a flow of one."""
    return work if isinstance(work, Flow) else Flow({work.name: work}, {work.name: frozenset()}, {})


class Workflow(NamedTuple):
    """A flow with a name, a line for people, and values for inputs that nobody gives."""

    name: str
    summary: str
    flow: Flow
    defaults: Mapping[str, object]


def workflow(name: str, summary: str, work: Task | Flow, /, **defaults: object) -> Workflow:
    """A flow that can be asked for by name."""
    return Workflow(name, summary, flow_of(work), defaults)


def _union(one: Flow, other: Flow) -> Flow:
    for name in one.tasks.keys() & other.tasks.keys():
        if one.tasks[name] is not other.tasks[name]:
            raise ConfigurationError(f"Two different tasks are called {name}.", hint='Rename one: task.named("NAME").')
    none: frozenset[str] = frozenset()
    tasks = {**one.tasks, **other.tasks}
    after = {name: one.after.get(name, none) | other.after.get(name, none) for name in tasks}
    guards = {
        name: one.rescues.get(name, none) | other.rescues.get(name, none)
        for name in _in_order(one.rescues, other.rescues)
    }
    return Flow(tasks, after, guards)


def _in_order(*names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name for some in names for name in some))


def _checked(flow: Flow) -> Flow:
    try:
        flow.order()
    except CycleError as error:
        circle = " >> ".join(reversed(error.args[1]))
        raise ConfigurationError(
            f"The tasks wait for each other: {circle}.", hint='To run a task again, name it: task.named("NAME").'
        ) from error
    awaited = frozenset[str]().union(*flow.after.values())
    for name in flow.rescues:
        if flow.after[name] or name in awaited:
            raise ConfigurationError(f"Task {name} runs after a failure only; it cannot also be a step of the flow.")
    return flow
