"""What other load generators write: vLLM's `bench serve --save-result`, guidellm's and aiperf's JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from unified_intelligence.benchmark.foreign import (
    LATENCIES,
    PARTS,
    Foreign,
    Request,
    known,
    parts,
    row_of,
    untold,
)
from unified_intelligence.benchmark.json_value import at, listed, mapping
from unified_intelligence.benchmark.row import Row


def of_object(path: Path, told: Mapping[str, Any]) -> list[Foreign]:
    """The runs of one JSON object; none where it is of no known tool."""
    for knows, read in _FORMS:
        if knows(told):
            return read(path, told)
    return []


def _vllm(path: Path, told: Mapping[str, Any]) -> list[Foreign]:
    figures = {
        "seconds": told.get("duration"),
        "requests.completed": told.get("completed"),
        "requests.failed": told.get("failed"),
        "requests_per_s": told.get("request_throughput"),
        "output_tokens_per_s": told.get("output_throughput"),
    }
    for name, theirs in (("ttft_ms", "ttft"), ("itl_ms", "itl"), ("tpot_ms", "tpot"), ("e2e_ms", "e2el")):
        for part, names in PARTS.items():
            figures[f"{name}.{part}"] = next(
                (told[key] for own in names if (key := f"{own}_{theirs}_ms") in told), None
            )
    rows = _vllm_rows(told)
    rate = told.get("request_rate")
    return [
        Foreign(
            tool="vllm bench serve", name=path.stem, model=str(told.get("model_id", "")),
            concurrency=told.get("max_concurrency"), rate=float(rate) if isinstance(rate, int | float) else None,
            figures=known(figures), rows=rows, untold=untold(figures, rows, "--save-detailed"),
        )
    ]  # fmt: skip


def _vllm_rows(told: Mapping[str, Any]) -> list[Row]:
    """`--save-detailed` keeps lists with a place for each request."""
    names = ("start_times", "ttfts", "itls", "output_lens", "input_lens", "errors", "generated_texts")
    starts, ttfts, gaps, outs, ins, errors, texts = (listed(told.get(name)) for name in names)
    if not starts or len(ttfts) != len(starts) or len(gaps) != len(starts):
        return []
    rows: list[Row] = []
    for number, start in enumerate(starts):
        error = str(errors[number] or "") if errors else ""
        steps = [] if error else [ttfts[number], *gaps[number]]
        rows.append(row_of(number, Request(
            start=start - min(starts), steps=steps, error=error, tokens=outs[number] if outs else None,
            prompt_tokens=ins[number] if ins else None, text=str(texts[number] or "") if texts else "",
        )))  # fmt: skip
    return rows


def _guidellm(path: Path, told: Mapping[str, Any]) -> list[Foreign]:
    version = at(told, "metadata", "guidellm_version") or ""
    found: list[Foreign] = []
    for own in told["benchmarks"]:
        metrics: Mapping[str, Any] = own["metrics"]
        figures: dict[str, Any] = {
            "seconds": own.get("duration"),
            "requests.completed": at(metrics, "request_totals", "successful"),
            "requests.failed": at(metrics, "request_totals", "errored"),
            "requests_per_s": at(metrics, "requests_per_second", "successful", "mean"),
            "output_tokens_per_s": at(metrics, "output_tokens_per_second", "successful", "mean"),
        }
        figures |= parts("ttft_ms", at(metrics, "time_to_first_token_ms", "successful"))
        figures |= parts("tpot_ms", at(metrics, "inter_token_latency_ms", "successful"))
        figures |= parts("e2e_ms", at(metrics, "request_latency", "successful"), 1000)
        strategy: Mapping[str, Any] = at(own, "config", "strategy") or {}
        rows = [_guidellm_row(number, request) for number, request in enumerate(_requests_of(own))]
        streams = strategy.get("streams")
        found.append(
            Foreign(
                tool=f"guidellm {version}".strip(), name=f"{path.stem}_{strategy.get('type_', 'run')}",
                concurrency=streams if isinstance(streams, int) else None, rate=strategy.get("rate"),
                figures=known(figures), rows=rows, untold=untold(figures, rows, ""),
            )
        )  # fmt: skip
    return found


def _requests_of(own: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*listed(at(own, "requests", "successful")), *listed(at(own, "requests", "errored"))]


def _guidellm_row(number: int, told: Mapping[str, Any]) -> Row:
    times: Mapping[str, Any] = at(told, "info", "timings") or {}
    names = ("request_start", "first_token_iteration", "last_token_iteration")
    moments: list[float] = [times[name] for name in names if times.get(name) is not None]
    steps = [after - before for before, after in pairwise(moments)] if "request_start" in times else []
    row = row_of(number, Request(
        start=moments[0] if moments else 0.0, steps=steps, error=str(at(told, "info", "error") or ""),
        tokens=told.get("output_tokens"), prompt_tokens=told.get("prompt_tokens"), text=str(told.get("output") or ""),
    ))  # fmt: skip
    row.gaps_ms, row.arrivals, row.events = [], 0, 0
    return row


def _aiperf(path: Path, told: Mapping[str, Any]) -> list[Foreign]:
    figures: dict[str, Any] = {
        "seconds": at(told, "benchmark_duration", "avg"),
        "requests.completed": at(told, "request_count", "avg"),
        "requests.failed": sum(int(at(own, "count") or 0) for own in listed(told.get("error_summary"))),
        "requests_per_s": at(told, "request_throughput", "avg"),
        "output_tokens_per_s": at(told, "output_token_throughput", "avg"),
    }
    for name, theirs in (
        ("ttft_ms", "time_to_first_token"), ("itl_ms", "inter_chunk_latency"), ("tpot_ms", "inter_token_latency"),
        ("e2e_ms", "request_latency"),
    ):  # fmt: skip
        figures |= parts(name, told.get(theirs))
    load: Mapping[str, Any] = at(told, "input_config", "loadgen") or {}
    models: Sequence[Any] = at(told, "input_config", "endpoint", "model_names") or []
    return [
        Foreign(
            tool="aiperf", name=path.stem, model=str(models[0]) if models else "", concurrency=load.get("concurrency"),
            rate=load.get("request_rate"), figures=known(figures), untold=untold(figures, [], "profile_export.jsonl"),
        )
    ]  # fmt: skip


def aiperf_row(number: int, told: Mapping[str, Any]) -> Row:
    metrics: Mapping[str, Any] = told.get("metrics") or {}

    def value(name: str) -> Any:
        return at(metrics, name, "value")

    first, whole, gaps = value("time_to_first_token"), value("request_latency"), value("inter_chunk_latency")
    steps = [] if first is None else [first, *(gaps or [whole - first] if whole is not None else [])]
    error: Any = told.get("error") or {}
    row = row_of(number, Request(
        start=told["metadata"]["request_start_ns"] / 1e9, steps=[own / 1000 for own in steps],
        error=str(error.get("type") or ""), tokens=value("output_sequence_length"),
        prompt_tokens=value("input_sequence_length"),
    ))  # fmt: skip
    row.gaps_ms = [*gaps] if gaps else []
    return row


def _figures(path: Path, told: Mapping[str, Any]) -> list[Foreign]:
    """An object with groups of percentiles by our names, as this package's own metrics and earlier versions of them."""
    figures: dict[str, Any] = {**mapping(told.get("throughput")), **told}
    for name in LATENCIES:
        figures |= parts(name, told.get(name))
    concurrency = at(told, "load", "concurrency") or told.get("concurrency")
    return [
        Foreign(
            tool="a file of figures", name=path.stem, model=str(told.get("model") or ""),
            concurrency=concurrency if isinstance(concurrency, int) else None, figures=known(figures),
            untold=untold(figures, [], ""),
        )
    ]  # fmt: skip


_Form = tuple[Callable[[Mapping[str, Any]], bool], Callable[[Path, Mapping[str, Any]], list[Foreign]]]
_FORMS: Sequence[_Form] = (
    (lambda told: "request_throughput" in told and "num_prompts" in told, _vllm),
    (lambda told: "guidellm_version" in (told.get("metadata") or {}) and "benchmarks" in told, _guidellm),
    (lambda told: isinstance(told.get("request_throughput"), dict) and "request_count" in told, _aiperf),
    (lambda told: any(isinstance(told.get(name), dict) for name in LATENCIES), _figures),
)
