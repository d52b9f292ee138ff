"""A run in the forms of other tools. What they need is imported when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from unified_intelligence.entities.errors import ConfigurationError, InvalidRequestError, MissingDependencyError
from unified_intelligence.evaluation.bfcl.sources import FILES
from unified_intelligence.evaluation.compare import Read
from unified_intelligence.evaluation.gate import refusal
from unified_intelligence.evaluation.record import Attempt

BFCL = "bfcl/"
_BFCL_FILE = "BFCL_v4_{}_result.json"
_NO_NAME = '\\/:*?"<>| '


def write(read: Read, to: str, folder: Path, out: str | None) -> str:
    """Writes it and says where it is. Raises InvalidRequestError for a form that is not known or does not fit."""
    writer = _WRITERS.get(to)
    if writer is None:
        raise InvalidRequestError(
            f"--to is one of {', '.join(_WRITERS)}, not {to!r}.", hint="See: uic eval export --help"
        )
    return writer(read, folder, out)


def flat(read: Read, attempt: Attempt) -> dict[str, object]:
    """An attempt as one row of a table."""
    question, usage, score = read.questions.get(attempt.sample_id), attempt.usage, attempt.score
    return {
        "run_id": attempt.run_id,
        "run": read.run.name,
        "suite": read.run.dataset.name,
        "sample_id": attempt.sample_id,
        "epoch": attempt.epoch,
        "attempt": attempt.attempt,
        "outcome": attempt.outcome,
        "right": attempt.outcome == "right",
        "language": question.language if question else "",
        "slices": list(question.slices) if question else [],
        "question": str(question.messages[-1]["content"]) if question and question.messages else "",
        "text": attempt.text,
        "reasoning": attempt.reasoning,
        "tool_calls": json.dumps([[own.name, own.arguments] for own in attempt.tool_calls], ensure_ascii=False),
        "finish_reason": attempt.finish_reason,
        "error_type": score.error_type if score else "",
        "scores": json.dumps({**score.gates, **score.verdicts, **score.numbers} if score else {}),
        "error": attempt.error.type if attempt.error else "",
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
        "ttft_s": attempt.ttft_s,
        "latency_s": attempt.latency_s,
        "cost_usd": attempt.cost_usd,
        "started_at": attempt.started_at,
    }


def _parquet(read: Read, folder: Path, out: str | None) -> str:
    try:
        import pyarrow  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
        import pyarrow.parquet  # pyright: ignore[reportMissingImports, reportMissingTypeStubs, reportUnusedImport]
    except ModuleNotFoundError as error:
        raise MissingDependencyError("uic eval export --to parquet", "pyarrow", "parquet") from error
    path = _path(folder, out, "samples.parquet")
    library: Any = pyarrow
    table = library.Table.from_pylist([flat(read, own) for own in read.attempts])
    table = table.replace_schema_metadata({"uic.run": json.dumps(_facts(read), ensure_ascii=False)})
    library.parquet.write_table(table, path)
    return str(path)


def _mlflow(read: Read, folder: Path, out: str | None) -> str:
    """One MLflow run: what the answers depend on as parameters, the figures as metrics, the files as artifacts."""
    try:
        import mlflow  # pyright: ignore[reportMissingImports, reportMissingTypeStubs]
    except ModuleNotFoundError as error:
        raise MissingDependencyError("uic eval export --to mlflow", "mlflow", "mlflow") from error
    library: Any = mlflow
    uri = out or f"sqlite:///{folder / 'mlflow.db'}"
    library.set_tracking_uri(uri)
    experiment = read.run.dataset.name.replace("/", "-")
    if out is None and library.get_experiment_by_name(experiment) is None:
        library.create_experiment(experiment, artifact_location=(folder / "mlflow-artifacts").resolve().as_uri())
    library.set_experiment(experiment)
    with library.start_run(run_name=read.run.name) as begun:
        library.log_params({name.replace(" ", "_"): str(value)[:500] for name, value in read.run.depends_on.items()})
        library.log_metrics(_figures(read))
        library.set_tags({"uic.run_id": read.run.run_id, "uic.status": read.run.status, **_heuristic(read)})
        for name in ("run.json", "samples.jsonl"):
            library.log_artifact(str(folder / name))
        return f"{uri}, run {begun.info.run_id}"


def _figures(read: Read) -> dict[str, float]:
    """The figures by names that MLflow takes."""
    found: dict[str, float] = {}
    for own in read.run.metrics:
        name = own.name if own.slice == "all" else f"{own.name}/{own.slice}"
        name = "".join(letter if letter.isalnum() or letter in "_-./" else "_" for letter in name)
        if own.value is not None:
            found[name] = own.value
        if own.ci is not None:
            found[f"{name}.lower"], found[f"{name}.upper"] = own.ci.lo, own.ci.hi
    found |= {f"latency_{name}": value for name, value in read.run.latency_s.items() if value is not None}
    return found | {name: float(n) for name, n in read.run.counts.items()}


def _bfcl(read: Read, folder: Path, out: str | None) -> str:
    """The result file of the leaderboard's own harness, which can grade it again.

    Raises InvalidRequestError where a question has no answer: as a text its error would be taken for an abstention, and
    left out it would make the share of the others larger.
    """
    name = read.run.asking.suite
    category = name.removeprefix(BFCL)
    if not name.startswith(BFCL) or category not in FILES:
        raise InvalidRequestError(
            f"{read.run.name} is no run of the leaderboard but of {name}.", hint="Other forms: uic eval export --help"
        )
    if read.run.asking.epochs > 1:
        raise InvalidRequestError(f"{read.run.name} has several epochs; the leaderboard's files hold one.")
    if len([own for own in read.attempts if own.error is None]) < len(read.run.planned_ids):
        raise InvalidRequestError(
            f"{read.run.name} has questions without an answer, which the leaderboard's files cannot tell.",
            hint="Finish the run: the same command goes on.",
        )
    model = "".join(
        "_" if letter in _NO_NAME else letter
        for letter in str(read.run.model.options.get("model") or read.run.model.provider)
    )
    group = "live" if category.startswith("live_") else "non_live"
    path = _path(folder, out, str(Path("result", model, group, _BFCL_FILE.format(category))))
    order = {name: number for number, name in enumerate(read.run.planned_ids)}
    rows = [_bfcl_row(own) for own in sorted(read.attempts, key=lambda own: order[own.sample_id])]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return str(path)


def _bfcl_row(own: Attempt) -> dict[str, object]:
    """Calls as a list of one-key objects where the server told calls, else the text."""
    calls = [{call.name: call.arguments} for call in own.tool_calls]
    row: dict[str, object] = {"id": own.sample_id, "result": calls or own.text}
    if own.usage is not None:
        row |= {"input_token_count": own.usage.prompt_tokens, "output_token_count": own.usage.completion_tokens}
    if own.reasoning:
        row["reasoning_content"] = own.reasoning
    return {**row, "latency": own.latency_s}


_HUB = {"bfcl": "gorilla-llm/Berkeley-Function-Calling-Leaderboard"}


def _hub_yaml(read: Read, folder: Path, out: str | None) -> str:
    """A file for .eval_results/ of a model's repository. Raises ConfigurationError for a run that proves nothing."""
    if told := refusal(read.run):
        raise ConfigurationError(f"It is not published: {told}", hint="Finish the run: the same command goes on.")
    accuracy = read.run.metric("accuracy_official") or read.run.metric("accuracy")
    room, _, task = read.run.asking.suite.partition("/")
    if accuracy is None or accuracy.value is None or len(read.run.planned_ids) < read.run.dataset.n:
        raise ConfigurationError(f"{read.run.name} asked only a part of its suite.", hint="Run it without --limit.")
    notes = f"{read.run.model.route or 'chat'}, uic {read.run.tool['version']}, data {read.run.dataset.sha256[:12]}"
    ours = read.run.metric("accuracy")
    if ours is not None and ours.value is not None and ours.value != accuracy.value:
        notes += f", {100 * ours.value:.2f} without what was cut off, malformed or empty"
    lines = [
        "- dataset:",
        f"    id: {json.dumps(_HUB.get(room, read.run.dataset.name))}",
        f"    task_id: {json.dumps(task or 'default')}",
        f"  value: {100 * accuracy.value:.2f}",
        f"  date: {json.dumps((read.run.ended_at or read.run.started_at)[:10])}",
        f"  notes: {json.dumps(notes, ensure_ascii=False)}",
    ]
    path = _path(folder, out, f"{task or room}.yaml")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return str(path)


def _heuristic(read: Read) -> dict[str, str]:
    return {"uic.no_correctness": read.run.heuristic} if read.run.heuristic else {}


def _facts(read: Read) -> dict[str, object]:
    run = read.run
    return {"run_id": run.run_id, "fingerprint": run.fingerprint, "depends_on": run.depends_on, **_heuristic(read)}


def _path(folder: Path, out: str | None, name: str) -> Path:
    path = Path(out).expanduser() if out else folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


_WRITERS: Mapping[str, Callable[[Read, Path, str | None], str]] = {
    "parquet": _parquet,
    "mlflow": _mlflow,
    "bfcl": _bfcl,
    "hub-yaml": _hub_yaml,
}
