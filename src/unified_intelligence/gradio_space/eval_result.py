"""A run as it stands: which records it has, how many of which outcome, and what they took. Scores come later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from unified_intelligence.figures.statistics import quantile
from unified_intelligence.gradio_space.eval_record import OUTCOMES, Record
from unified_intelligence.gradio_space.eval_request import SCHEMA, Run, Task, digest_of

if TYPE_CHECKING:
    from unified_intelligence.gradio_space.eval_runs import Name

_KINDS = {
    "quota exceeded": "quota_exceeded",
    "illegal duration": "invalid_request",
    "pending credits": "rate_limited",
    "worker error": "server_failed",
    "queue timeout": "server_busy",
    "client error": "server_busy",
}


class RunResult:
    """`about` is what is told of this Space: `tool`, `executor`, `model`."""

    def __init__(self, run: Run, about: Mapping[str, Any]) -> None:
        self._run, self._about = run, about
        self._records: dict[Name, Record] = {}
        self._started = _now()

    @property
    def tasks(self) -> Sequence[Task]:
        return self._run.tasks

    @property
    def left(self) -> list[Task]:
        return [task for task in self._run.tasks if task.name not in self._records]

    @property
    def records(self) -> list[Record]:
        """The records, in the order of the samples."""
        return [self._records[task.name] for task in self._run.tasks if task.name in self._records]

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(record["outcome"] for record in self._records.values())
        return {"planned": len(self._run.tasks), **{outcome: found[outcome] for outcome in OUTCOMES}}

    def add(self, records: Iterable[Record]) -> None:
        for record in records:
            self._records[record["sample_id"], record["epoch"]] = record

    def progress(self, notice: str = "") -> dict[str, Any]:
        """How far it is, without the records."""
        told = {"schema": SCHEMA, "run_id": self._run.run_id, "status": "running", "counts": self.counts}
        return told | ({"notice": notice} if notice else {})

    def told(self, error: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The whole result. `complete` if every sample has a record, `failed` if an error left none an answer."""
        records = self.records
        status = "complete" if not self.left else "partial"
        if error and all(record["outcome"] == "error" for record in records):
            status = "failed"
        inputs = [task.digest for task in self._run.tasks]
        return {
            "schema": SCHEMA, "run_id": self._run.run_id, "status": status,
            "started_at": self._started, "ended_at": _now(),
            "fingerprint": digest_of([self._about["model"], self._run.generation, inputs]),
            **self._about,
            "generation": self._run.generation,
            "dataset": {"n": len(inputs), "sha256": digest_of(inputs)},
            "scorer": None, "epochs": max(task.epoch for task in self._run.tasks),
            "counts": self.counts, "metrics": [], "latency_s": _latency(records), "tokens": _tokens(records),
            "error": dict(error) if error else None, "samples": records,
        }  # fmt: skip


def refusal(error: Exception) -> dict[str, Any]:
    """What ended a run, from an error of Gradio, which is how ZeroGPU refuses."""
    title, said = (str(getattr(error, name, "")) for name in ("title", "message"))
    kind = next((kind for part, kind in _KINDS.items() if part in title), "model")
    hint = "Ask again with the same run_id: what is answered is not computed again."
    return {"type": kind, "message": f"{title}: {said}", "hint": hint, "retryable": kind.startswith("server_")}


def _latency(records: Sequence[Record]) -> dict[str, float | None]:
    """Latencies of the samples that were answered, to the end or to their limit."""
    own = [record for record in records if record["finish_reason"]]
    whole = [record["latency_s"] for record in own]
    first = [record["ttft_s"] for record in own if record["ttft_s"] is not None]
    return {"p50": quantile(whole, 0.5), "p95": quantile(whole, 0.95), "ttft_p50": quantile(first, 0.5)}


def _tokens(records: Sequence[Record]) -> dict[str, int]:
    used = [record["usage"] for record in records if record["usage"]]
    names = {"prompt": "prompt_tokens", "completion": "completion_tokens", "reasoning": "reasoning_tokens"}
    return {name: sum(usage.get(field, 0) for usage in used) for name, field in names.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
