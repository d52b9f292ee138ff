"""Runs a flow: each task as soon as those before it are done, with its retries, its timeout and its line in the record.

A task that fails stops what depends on it and nothing else. A task whose record says that it is done, with the inputs
it has now, is not run again, unless a rescue ran after it. Showing what goes on is left to who listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

from unified_intelligence.dsl.binding import Bound, Failure, Progress, check_given, offered
from unified_intelligence.dsl.flow import Flow
from unified_intelligence.dsl.record import RunRecord, RunState, State, TaskRecord
from unified_intelligence.dsl.task import Task
from unified_intelligence.dsl.values import digest, from_json, to_json
from unified_intelligence.entities.errors import ConfigurationError, TimedOutError, UnifiedIntelligenceError
from unified_intelligence.interfaces.daemon_thread import in_daemon_thread

_LONGEST_PAUSE = 60.0
_NO_FAILURE = "nothing failed"

Services = Mapping[type, Callable[[], object]]


class Change(NamedTuple):
    """What a listener is told. `text` is a task's own words, an error's, or why a task is skipped."""

    task: str
    what: State | Literal["said", "retrying", "kept"]
    text: str = ""
    seconds: float = 0.0
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """`outputs` by task, of those that are done; `failures` in the order in which they happened."""

    outputs: Mapping[str, Any]
    failures: tuple[tuple[str, Exception], ...]


def silent(change: Change) -> None:
    """Listens to nothing."""


async def run(
    bound: Bound,
    given: Mapping[str, object],
    services: Services,
    record: RunRecord,
    path: Path,
    listen: Callable[[Change], None] = silent,
) -> Outcome:
    """Runs everything of the flow that `record` does not say is done; `path` is where the record is kept.

    Raises what `check_given` and a service raise before anything ran. A failure of a task is in the outcome.
    Cancelled, it leaves a record that resumes.
    """
    check_given(bound, given)
    wanted = [
        bound.flow.tasks[name].inputs[own].type
        for name, sources in bound.sources.items()
        for own, source in sources.items()
        if source.kind == "service"
    ]
    made = {kind: make() for kind, make in services.items() if any(_is(kind, one) for one in wanted)}
    parameters = {name: one.default for name, one in bound.parameters.items()}
    return await _Run(bound, {**parameters, **given}, made, record, path, listen).go()


def _is(kind: type, wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(kind, wanted)


@dataclass(slots=True)
class _Run:
    _bound: Bound
    _given: Mapping[str, object]
    _services: Mapping[type, object]
    _record: RunRecord
    _path: Path
    _listen: Callable[[Change], None]
    _outputs: dict[str, Any] = field(default_factory=dict[str, Any])
    _digests: dict[str, str] = field(default_factory=dict[str, str])
    _failures: list[tuple[str, Exception]] = field(default_factory=list[tuple[str, Exception]])
    _nodes: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, "asyncio.Task[None]"])

    @property
    def _flow(self) -> Flow:
        return self._bound.flow

    async def go(self) -> Outcome:
        old = self._record.tasks
        self._record.tasks = {name: old.get(name, TaskRecord()) for name in self._flow.order()}
        self._settle("running")
        self._nodes = {name: asyncio.create_task(self._node(name), name=name) for name in self._flow.order()}
        try:
            await asyncio.gather(*self._nodes.values())
        except BaseException:
            for node in self._nodes.values():
                node.cancel()
            await asyncio.wait(self._nodes.values())
            self._settle("interrupted")
            raise
        self._settle("failed" if self._failures else "done")
        return Outcome(self._outputs, tuple(self._failures))

    def _settle(self, state: RunState) -> None:
        self._record.state = state
        self._record.save(self._path)

    async def _node(self, name: str) -> None:
        guarded = self._flow.rescues.get(name, frozenset())
        before = self._flow.after[name] | guarded
        if before:
            await asyncio.wait([self._nodes[one] for one in before])
        failure = next((failed for failed in self._failures if failed[0] in guarded), None)
        missing = [] if guarded else sorted(before - self._outputs.keys())
        if missing or (guarded and failure is None):
            text = f"{' and '.join(missing)} did not end well" if missing else _NO_FAILURE
            self._note(name, "skipped", text)
            return
        for one in guarded:
            self._record.tasks[one].fingerprint = ""  # a rescue undoes: a run that is resumed does them all again
        await self._do(name, failure)

    async def _do(self, name: str, failure: tuple[str, Exception] | None) -> None:
        task, kept = self._flow.tasks[name], self._record.tasks[name]
        fingerprint = self._fingerprint(name)
        is_kept = kept.state == "done" and kept.fingerprint == fingerprint and not task.always and failure is None
        if is_kept and self._restored(task, kept):
            self._listen(Change(name, "kept", seconds=kept.seconds))
            return
        self._record.tasks[name] = TaskRecord("running", started=datetime.now(UTC).isoformat())
        started = time.perf_counter()
        try:
            value = await self._tried(task, self._inputs(task, failure))
        except asyncio.CancelledError:
            self._note(name, "interrupted", seconds=time.perf_counter() - started)
            raise
        except Exception as error:  # noqa: BLE001 - whatever a task raises is its failure, and is raised by who asked
            self._failures.append((name, error))
            self._note(name, "failed", said(error), code=code_of(error), seconds=time.perf_counter() - started)
            return
        self._outputs[name] = value
        self._record.tasks[name].fingerprint = fingerprint
        self._keep(task, value)
        self._note(name, "done", seconds=time.perf_counter() - started)

    def _keep(self, task: Task, value: object) -> None:
        """What cannot be written down is used now, and made again by a run that resumes."""
        entry = self._record.tasks[task.name]
        try:
            entry.output = to_json(value, f"What {task.name} gives")
            self._digests[task.name] = digest(entry.output)
        except ConfigurationError as error:
            entry.fingerprint, self._digests[task.name] = "", uuid.uuid4().hex
            self._listen(Change(task.name, "said", error.message))

    def _restored(self, task: Task, kept: TaskRecord) -> bool:
        try:
            self._outputs[task.name] = from_json(kept.output, task.output, f"What {task.name} gave")
        except ConfigurationError:
            return False
        self._digests[task.name] = digest(kept.output)
        return True

    def _fingerprint(self, name: str) -> str:
        """A digest of the task's name, its inputs but the services, and what all before it gave."""
        own = {
            one: to_json(self._plain(self._flow.tasks[name], one), f"The input {one} of {name}")
            for one, source in self._bound.sources[name].items()
            if source.kind in {"fixed", "parameter"}
        }
        read = {source.name for source in self._bound.sources[name].values() if source.kind == "output"}
        return digest([name, own, {one: self._digests[one] for one in self._flow.after[name] | read}])

    def _plain(self, task: Task, name: str) -> object:
        return task.fixed[name] if name in task.fixed else self._given[name]

    def _inputs(self, task: Task, failure: tuple[str, Exception] | None) -> dict[str, object]:
        def value(name: str) -> object:
            source, kind = self._bound.sources[task.name][name], task.inputs[name].type
            if source.kind == "output":
                return self._outputs[source.name]
            if source.kind == "default":
                return task.inputs[name].default
            if source.kind != "service":
                return self._plain(task, name)
            if offered(kind) is Progress:
                return self._progress(task.name)
            if offered(kind) is Failure and failure is not None:
                return Failure(failure[0], code_of(failure[1]), said(failure[1]))
            return next(service for known, service in self._services.items() if _is(known, kind))

        return {name: value(name) for name in task.inputs}

    def _progress(self, name: str) -> Progress:
        loop, own = asyncio.get_running_loop(), threading.get_ident()

        def tell(text: str) -> None:
            if threading.get_ident() == own:
                self._listen(Change(name, "said", text))
                return
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(self._listen, Change(name, "said", text))

        return Progress(name, tell)

    async def _tried(self, task: Task, inputs: Mapping[str, object]) -> object:
        for attempt in range(1, task.retries + 2):
            entry = self._record.tasks[task.name]
            entry.attempts = attempt
            self._record.save(self._path)
            self._listen(Change(task.name, "running", attempt=attempt))
            try:
                return await _once(task, inputs)
            except Exception as error:
                pause = _pause(task, attempt, error)
                if pause is None:
                    raise
                text = f"{said(error).rstrip('.')}. Again in {pause:g} s."
                self._listen(Change(task.name, "retrying", text, attempt=attempt))
                await asyncio.sleep(pause)
        raise AssertionError

    def _note(self, name: str, state: State, text: str = "", *, code: str = "", seconds: float = 0.0) -> None:
        entry = self._record.tasks[name]
        entry.state, entry.error, entry.code, entry.seconds = state, text, code, round(seconds, 3)
        self._record.save(self._path)
        if text != _NO_FAILURE:
            self._listen(Change(name, state, text, seconds, entry.attempts))


def said(error: Exception) -> str:
    """A failure in a sentence."""
    if isinstance(error, UnifiedIntelligenceError):
        return error.message
    return f"{type(error).__name__}: {error}"


def code_of(error: Exception) -> str:
    """The kind of failure, for machines."""
    return error.code if isinstance(error, UnifiedIntelligenceError) else "internal"


def _pause(task: Task, attempt: int, error: Exception) -> float | None:
    """Seconds until the next try; None if there is none, or it cannot help."""
    if attempt > task.retries or (isinstance(error, UnifiedIntelligenceError) and not error.retryable):
        return None
    if isinstance(error, TimedOutError) and error.which == "task" and not inspect.iscoroutinefunction(task.function):
        return None  # its thread is still at work; a second one beside it could do everything twice
    wanted: float | None = getattr(error, "retry_after", None)
    return max(wanted or 0.0, min(task.pause * 2 ** (attempt - 1), _LONGEST_PAUSE))


async def _once(task: Task, inputs: Mapping[str, object]) -> object:
    scope = asyncio.timeout(task.timeout)
    try:
        async with scope:
            if inspect.iscoroutinefunction(task.function):
                return await task.function(**inputs)
            return await in_daemon_thread(lambda: task.function(**inputs), task.name)
    except TimeoutError as error:
        if not scope.expired():
            raise
        late = TimedOutError("task", task.timeout or 0.0, hint="Give it longer: @task(timeout=...).")
        late.message = f"Task {task.name} took longer than its {task.timeout:g} s."
        raise late from error
