"""What an evaluation Space is asked: a run, and its samples. Each sample is one conversation and how to answer it.

A run that cannot be read is refused as a whole. The conversation of a sample is read when it is its turn: one that is
wrong is an error of that sample only.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from json import dumps
from typing import Annotated, Any, Literal

from pydantic import Field

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.gradio_space.request import read_as
from unified_intelligence.serving.protocol import Many, Part, Whole

SCHEMA = "uic.eval/1"


class AskedRun(Part):
    schema_: Annotated[Literal["uic.eval/1"], Field(alias="schema")] = SCHEMA
    run_id: Annotated[str, Field(min_length=1, max_length=200)]
    generation: Annotated[dict[str, Any], Field(default_factory=dict)]


class AskedSample(Part):
    sample_id: Annotated[str, Field(min_length=1, max_length=200)]
    epoch: Annotated[Whole, Field(ge=1)] = 1
    messages: list[Any]
    generation: Annotated[dict[str, Any], Field(default_factory=dict)]


class _Asked(Part):
    run_spec: AskedRun
    samples: Annotated[Many[AskedSample], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Task:
    """One sample to answer. `digest` is that of all that is asked: of the same question it is the same."""

    sample_id: str
    epoch: int
    messages: list[Any]
    generation: dict[str, Any]
    digest: str

    @property
    def name(self) -> tuple[str, int]:
        return self.sample_id, self.epoch


@dataclass(frozen=True, slots=True)
class Run:
    run_id: str
    generation: dict[str, Any]
    tasks: tuple[Task, ...]


def read_run(run_spec: object, samples: object) -> Run:
    """Raises InvalidRequestError for what is not of the agreed form, and for two samples of one name."""
    asked = read_as(_Asked, {"run_spec": run_spec, "samples": samples})
    tasks = tuple(_task(sample, asked.run_spec.generation) for sample in asked.samples)
    seen: set[tuple[str, int]] = set()
    for task in tasks:
        if task.name in seen:
            raise InvalidRequestError(
                f"Two samples are called {task.sample_id!r} in epoch {task.epoch}.", hint="Give each its own sample_id."
            )
        seen.add(task.name)
    return Run(asked.run_spec.run_id, asked.run_spec.generation, tasks)


def digest_of(value: object) -> str:
    """SHA-256 of a JSON value, whatever the order of its fields."""
    return sha256(dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def _task(sample: AskedSample, generation: dict[str, Any]) -> Task:
    whole = {**generation, **sample.generation}
    digest = digest_of({"messages": sample.messages, "generation": whole})
    return Task(sample.sample_id, sample.epoch, sample.messages, whole, digest)
