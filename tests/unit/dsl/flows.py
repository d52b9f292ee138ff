"""What the tests of the tasks share: a run in a folder, and flows that write down what they do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unified_intelligence.dsl.binding import bind
from unified_intelligence.dsl.flow import Flow, flow_of
from unified_intelligence.dsl.record import RunRecord, new_record, read_record
from unified_intelligence.dsl.run import Change, Outcome, run
from unified_intelligence.dsl.task import Task


@dataclass
class Ran:
    """A run and what was heard of it."""

    outcome: Outcome
    record: RunRecord
    path: Path
    changes: list[Change]

    def heard(self, task: str) -> list[str]:
        return [change.what for change in self.changes if change.task == task]


def ran(
    work: Task | Flow,
    folder: Path,
    *,
    services: Mapping[type, Callable[[], object]] | None = None,
    resume: Path | None = None,
    **given: Any,
) -> Ran:
    """Runs it to its end; `resume` is the record of an earlier run."""
    bound = bind(flow_of(work), services or {})
    record = read_record(resume) if resume else new_record("flow", {})
    path = resume or folder / f"{record.run}.json"
    changes: list[Change] = []
    outcome = asyncio.run(run(bound, given, services or {}, record, path, changes.append))
    return Ran(outcome, read_record(path), path, changes)


@dataclass
class Journal:
    """Tasks that write down when they begin and end; those in `failing` fail."""

    lines: list[str] = field(default_factory=list[str])
    failing: set[str] = field(default_factory=set[str])

    def task(self, name: str) -> Task:
        async def work() -> str:
            self.lines.append(f"{name} begins")
            await asyncio.sleep(0)
            if name in self.failing:
                self.lines.append(f"{name} fails")
                raise ValueError(f"{name} ne va pas 🙁\nligne deux\u2028trois")
            self.lines.append(f"{name} ends")
            return f"de {name}, ça va"

        return Task(work, name=name)

    def began(self) -> list[str]:
        return [line.removesuffix(" begins") for line in self.lines if line.endswith(" begins")]


def random_flow(journal: Journal, chance: random.Random) -> tuple[Flow, dict[str, frozenset[str]]]:
    """Up to 12 tasks composed at random, and for each those it must run after, worked out without the composition."""
    names = [f"t{number}" for number in range(chance.randint(1, 12))]

    def compose(some: list[str]) -> tuple[Flow, dict[str, frozenset[str]]]:
        if len(some) == 1:
            return flow_of(journal.task(some[0])), {some[0]: frozenset()}
        cut = chance.randint(1, len(some) - 1)
        (left, before), (right, after) = compose(some[:cut]), compose(some[cut:])
        if chance.random() < 0.5:
            return left & right, before | after
        return left >> right, before | {name: earlier | frozenset(before) for name, earlier in after.items()}

    return compose(names)
