"""The endpoints of an evaluation Space, for programs. Their names and their arguments are what callers hold to.

Annotations are evaluated here: from what a function returns, Gradio reads how many values that are. Each yields at
least four times a second, which is when Gradio can end one whose caller left.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from functools import cache
from typing import Any

import gradio as gr

from unified_intelligence.entities.errors import UnifiedIntelligenceError
from unified_intelligence.evaluation.suites import in_package
from unified_intelligence.gradio_space.endpoints import raised
from unified_intelligence.gradio_space.eval_record import OUTCOMES, Record
from unified_intelligence.gradio_space.eval_request import SCHEMA, Run, read_run
from unified_intelligence.gradio_space.eval_result import RunResult, refusal
from unified_intelligence.gradio_space.evaluating import MOST_A_CALL, Evaluating
from unified_intelligence.gradio_space.event_json import error_json


def add_endpoints(
    evaluating: Evaluating, about: Mapping[str, Any], version: Mapping[str, object], at_once: int
) -> None:
    """Adds them to the open Blocks. `about` is what a result says of this Space, `version` what /version tells."""

    def eval_chunk(run_spec: dict[str, Any], samples: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """One call of a GPU: new records as they come, then all of this call; `left` samples it did not get to."""
        run, records = _read(run_spec, samples), list[Record]()
        told = {"schema": SCHEMA, "run_id": run.run_id}
        try:
            with closing(evaluating.call(run, run.tasks)) as steps:
                for step in steps:
                    records += step.records
                    notice = {"notice": step.notice} if step.notice else {}
                    status = "running" if step.works else "waiting"
                    yield {**told, "status": status, "samples": list(step.records), **notice}
        except UnifiedIntelligenceError as error:
            raise raised(error_json(error)) from error
        left = len(run.tasks) - len(records)
        yield {**told, "status": "partial" if left else "complete", "left": left, "samples": records}

    def run_full_evaluation(run_spec: dict[str, Any], samples: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """All samples, in as many calls as that takes: the whole result so far after each, its progress between."""
        with closing(results(evaluating, _read(run_spec, samples), about)) as told:
            yield from told

    def eval_manifest() -> dict[str, Any]:
        """What can be evaluated here, on what, how much at a time, and which suites this version of the package has."""
        return {"schema": SCHEMA, **about, **_offer(evaluating)}

    def tell_version() -> dict[str, Any]:
        """Which code answers, and with which model."""
        return dict(version)

    add: Any = gr.api  # pyright: ignore - its types are half there
    add(eval_chunk, api_name="eval_chunk", concurrency_id="answers", concurrency_limit=at_once)
    add(run_full_evaluation, api_name="run_full_evaluation", concurrency_id="answers", concurrency_limit=at_once)
    add(eval_manifest, api_name="eval_manifest", queue=False)
    add(tell_version, api_name="version", queue=False)


def results(evaluating: Evaluating, run: Run, about: Mapping[str, Any]) -> Generator[dict[str, Any], None, None]:
    """The result of a run, again and again: `running` without records, `partial` with them, `complete` at the end.

    An error that ends all of it ends it with what there is; it is told and not raised.
    """
    result = RunResult(run, about)
    while result.left:
        before = len(result.left)
        try:
            with closing(evaluating.call(run, result.left)) as steps:
                for step in steps:
                    result.add(step.records)
                    yield result.progress(step.notice)
        except gr.Error as error:
            yield result.told(refusal(error))
            return
        except UnifiedIntelligenceError as error:
            told = error_json(error)
            yield result.told({"type": told["kind"], "message": error.message, "hint": error.hint, "retryable": True})
            return
        if len(result.left) < before:
            yield result.told()


def _read(run_spec: object, samples: object) -> Run:
    try:
        return read_run(run_spec, samples)
    except UnifiedIntelligenceError as error:
        raise raised(error_json(error)) from error


def _offer(evaluating: Evaluating) -> dict[str, Any]:
    limits = evaluating.limits
    return {
        "limits": {
            "max_tokens": limits.max_tokens, "default_tokens": limits.default_tokens,
            "samples_a_call": MOST_A_CALL, "samples_at_once": evaluating.at_once,
            "gpu_seconds_a_call": limits.seconds if evaluating.waits_for_gpu else None,
        },
        "generation": sorted(evaluating.generator.honoured),
        "outcomes": list(OUTCOMES),
        **_known_suites(),
    }  # fmt: skip


@cache
def _known_suites() -> dict[str, list[dict[str, Any]]]:
    """The data and the scorers of this package: a caller of the same version asks the same and scores it alike."""
    suites = list(in_package())
    datasets = [{"suite": suite.name, **asdict(suite.dataset), "scorer": asdict(suite.scorer)} for suite in suites]
    scorers = sorted({(suite.scorer.name, suite.scorer.version) for suite in suites})
    return {"datasets": datasets, "scorers": [{"name": name, "version": version} for name, version in scorers]}
