"""What is kept of a run: run.json says what it was, samples.jsonl how attempts ended, questions.jsonl what was asked.

The form is "uic.eval/1"; docs/evaluation.md shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from unified_intelligence.entities.generation import Usage
from unified_intelligence.entities.tools import ToolCall
from unified_intelligence.evaluation.outcome import Outcome
from unified_intelligence.evaluation.suite import Dataset, Failure, Score, Scorer

SCHEMA = "uic.eval/1"
Status = Literal["running", "complete", "partial", "failed"]
Key = tuple[str, int]


class Attempt(msgspec.Struct, kw_only=True):
    """How an attempt at a sample ended: one line of samples.jsonl.

    `attempt` counts the requests that this sample and epoch took up to now; the errors of those before are named in
    `retried`. Times are in seconds: `queue_s` waited for a turn here, `ttft_s` and `latency_s` count from the request.
    """

    run_id: str
    sample_id: str
    epoch: int
    attempt: int
    outcome: Outcome
    input_sha256: str
    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = ""
    unreadable: bool = False
    max_tokens: int | None = None
    usage: Usage | None = None
    ttft_s: float | None = None
    latency_s: float | None = None
    queue_s: float | None = None
    scores: dict[str, Score] = msgspec.field(default_factory=dict[str, Score])
    error: Failure | None = None
    retried: tuple[str, ...] = ()
    cost_usd: float | None = None
    started_at: str = ""

    @property
    def key(self) -> Key:
        return self.sample_id, self.epoch

    @property
    def score(self) -> Score | None:
        """The one that decides: a sample is judged by one scorer."""
        return next(iter(self.scores.values()), None)


class Question(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a sample asks, so that a run can be read without its data: one line of questions.jsonl."""

    sample_id: str
    messages: list[dict[str, object]]
    tools: tuple[str, ...] = ()
    reference: object = None
    slices: tuple[str, ...] = ()
    language: str = ""
    pair: str = ""


class Confidence(msgspec.Struct, kw_only=True):
    lo: float
    hi: float
    method: str = "wilson"
    level: float = 0.95


class Metric(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A share k of n, or the mean of n numbers, which has no k."""

    name: str
    value: float | None
    n: int
    k: float | None = None
    slice: str = "all"
    ci: Confidence | None = None


class Model(msgspec.Struct, kw_only=True):
    """Who answered: the provider's name and options that change answers; `told` is what it says of itself.

    `id` and `revision` are the model's, as they were asked for, or else as the provider tells them.
    """

    provider: str
    id: str | None = None
    revision: str | None = None
    options: dict[str, object] = msgspec.field(default_factory=dict[str, object])
    route: str = ""
    told: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class Asking(msgspec.Struct, kw_only=True):
    """The suite's questions: which, and how often."""

    suite: str
    language: str = ""
    seed: int = 0
    data: str | None = None
    limit: int | None = None
    epochs: int = 1


class Run(msgspec.Struct, kw_only=True):
    """run.json. `fingerprint` is over everything that changes answers, `depends_on` is that, in the open."""

    schema: str = SCHEMA
    run_id: str
    name: str
    status: Status
    started_at: str
    ended_at: str | None = None
    fingerprint: str
    depends_on: dict[str, object]
    tool: dict[str, str]
    executor: dict[str, object]
    model: Model
    generation: dict[str, object]
    dataset: Dataset
    scorer: Scorer
    asking: Asking
    heuristic: str = ""
    disputed: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    unattainable: list[str] = msgspec.field(default_factory=list[str])
    planned_ids: list[str] = msgspec.field(default_factory=list[str])
    stopped: str = ""
    counts: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    metrics: list[Metric] = msgspec.field(default_factory=list[Metric])
    error_types: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    latency_s: dict[str, float | None] = msgspec.field(default_factory=dict[str, float | None])
    tokens: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    cost: dict[str, object] = msgspec.field(default_factory=dict[str, object])
    pairs: dict[str, object] | None = None

    def metric(self, name: str, slice: str = "all") -> Metric | None:
        return next((own for own in self.metrics if own.name == name and own.slice == slice), None)
