"""What an evaluation Space remembers: the records of each run, so that nothing is computed twice, and its pace.

The memory is this process's: after a restart, or after many other samples, a run is computed anew.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unified_intelligence.entities.errors import InvalidRequestError, ServerBusyError
from unified_intelligence.gradio_space.eval_record import record_of

if TYPE_CHECKING:
    from unified_intelligence.gradio_space.eval_record import Record
    from unified_intelligence.gradio_space.eval_request import Task

Name = tuple[str, int]
MOST_RECORDS = 20_000
_CAUTION = 1.5  # times what samples took so far


@dataclass(slots=True)
class KnownRun:
    """`pace` are the seconds a sample took in the calls so far, several side by side; None before the first."""

    records: dict[Name, Record] = field(default_factory=dict[Name, "Record"])
    attempts: dict[Name, int] = field(default_factory=dict[Name, int])
    busy: set[Name] = field(default_factory=set[Name])
    pace: float | None = None

    def kept(self, task: Task) -> Record | None:
        """The record of a sample that was answered. Raises InvalidRequestError if that was another question."""
        record = self.records.get(task.name)
        if record is not None and record["input_sha256"] != task.digest:
            raise InvalidRequestError(
                f"The sample {task.sample_id!r} was asked otherwise before in this run.",
                hint="Give it another sample_id, or the run another run_id.",
            )
        return record

    def add(self, run_id: str, task: Task, part: dict[str, Any]) -> Record:
        """The sample's record. One that failed is not kept: it is computed anew when it is asked again."""
        self.attempts[task.name] = self.attempts.get(task.name, 0) + 1
        record = record_of(run_id, task, part, self.attempts[task.name])
        if record["outcome"] != "error":
            self.records[task.name] = record
        return record

    def share(self, works: Sequence[float], most: float, start: float) -> tuple[int, int]:
        """How many of the next samples go into a call of at most `most` seconds, and the seconds it asks for.

        `works` are the seconds that each takes at most, alone. The first call of a run believes them, the next ones
        believe what the samples took. One goes in always, and has the time that it may take.
        """
        if self.pace is None:
            count, needed = 1, works[0]
            while count < len(works) and start + needed + works[count] <= most:
                needed += works[count]
                count += 1
        else:
            each = _CAUTION * self.pace
            count = max(1, min(len(works), math.floor((most - start) / each))) if each > 0 else len(works)
            needed = max(count * each, *works[:count], 0)
        return count, math.ceil(min(most, start + needed))

    def took(self, seconds: float, answered: int) -> None:
        own = seconds / max(1, answered)
        self.pace = own if self.pace is None or not answered else (self.pace + own) / 2


class Runs:
    """The runs of all callers; the one that was asked for longest ago is forgotten first."""

    def __init__(self, most: int = MOST_RECORDS) -> None:
        self._most = most
        self._runs: OrderedDict[str, KnownRun] = OrderedDict()
        self._changed = threading.Condition()

    @contextmanager
    def working(self, run_id: str, names: Collection[Name], patience: float) -> Generator[KnownRun]:
        """The run, once nobody else computes these samples of it.

        Raises ServerBusyError where somebody does for longer than `patience` seconds.
        """
        own = set(names)
        with self._changed:
            run = self._runs.setdefault(run_id, KnownRun())
            self._runs.move_to_end(run_id)
            if not self._changed.wait_for(lambda: not (run.busy & own), patience):
                raise ServerBusyError("These samples are being computed for another call.", hint="Ask again.")
            run.busy |= own
            self._forget()
        try:
            yield run
        finally:
            with self._changed:
                run.busy -= own
                self._changed.notify_all()

    def _forget(self) -> None:
        held = sum(1 + len(run.attempts) for run in self._runs.values())
        for run_id in list(self._runs)[:-1]:
            if held <= self._most:
                return
            if not self._runs[run_id].busy:
                held -= 1 + len(self._runs.pop(run_id).attempts)
