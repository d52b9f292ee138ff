"""Earlier result files whose success is a rule on the length of an answer: read, and shown as what they are.

Such a file holds no answers, so nothing in it can be judged again. "Success" was a reply between half and twice as long
as expected, or had some other reason that the file does not tell.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Final, cast

from unified_intelligence.entities.errors import ConfigurationError

HEURISTIC: Final = "success is a rule on the length of the answer, not its correctness; no answer was kept"
_SHORTEST, _LONGEST = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class LengthResult:
    """One example; lengths are characters, latency is seconds, `success` is what the file says."""

    agent: str
    task: str
    success: bool
    latency: float
    generated: int
    expected: int

    @property
    def within(self) -> bool:
        """Whether the length alone would pass."""
        return _SHORTEST * self.expected <= self.generated <= _LONGEST * self.expected


@dataclass(frozen=True, slots=True)
class LengthReport:
    """`model` and `hardware` are "" where the file does not tell them."""

    source: str
    model: str
    hardware: str
    results: tuple[LengthResult, ...]

    @property
    def successes(self) -> int:
        return sum(result.success for result in self.results)

    @property
    def unexplained(self) -> int:
        """How many say otherwise than their length: the file does not tell why."""
        return sum(result.success != result.within for result in self.results)

    def by_agent(self) -> dict[str, tuple[LengthResult, ...]]:
        agents = sorted({result.agent for result in self.results})
        return {agent: tuple(one for one in self.results if one.agent == agent) for agent in agents}


def is_length_report(path: Path) -> bool:
    """Whether the file is of that form, with the figures at the top or below `evaluation_metrics`."""
    return path.suffix == ".json" and path.is_file() and _content(path) is not None


def read_length_report(path: Path) -> LengthReport:
    """Raises ConfigurationError for a file that is of another form or contradicts itself."""
    content = _content(path)
    if content is None:
        raise ConfigurationError(f"{path} has no lengths of answers.", hint="A run is shown by its name: uic eval show")
    metrics = _metrics(content)
    try:
        report = LengthReport(
            str(path),
            str(content.get("model", "")),
            str(content.get("hardware", "")),
            tuple(map(_result, metrics["detailed_results"])),
        )
        claimed = {name: float(metrics[name]) for name in ("success_rate", "avg_latency") if name in metrics}
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{path} holds an example that is none: {error!r}",
            hint="Each has agent, task_id, success, latency, generated_length and expected_length.",
        ) from error
    _agree(report, claimed)
    return report


def lines_of(report: LengthReport) -> list[str]:
    """The report for people, the warning first."""
    latencies = [result.latency for result in report.results]
    told = ", ".join(filter(None, (report.model, report.hardware))) or "model not told"
    shown = [
        f"{report.source} ({told})",
        f"Not a score: {HEURISTIC}.",
        f"success {report.successes}/{len(report.results)}, latency s {_span(latencies)}",
    ]
    if report.unexplained:
        shown.append(f"success and length disagree in {report.unexplained}; the file does not tell why")
    for agent, results in report.by_agent().items():
        ratio = fmean(one.generated / one.expected for one in results if one.expected)
        passed = sum(one.success for one in results)
        span = _span([one.latency for one in results])
        shown.append(
            f"  {agent}: success {passed}/{len(results)}, latency s {span}, length {ratio:.2f} times the expected"
        )
    shown += [
        f"    {number} {one.agent} {one.task}: {one.generated} of {one.expected} characters, {one.latency:.1f} s"
        for number, one in enumerate(report.results, 1)
    ]
    return shown


def _content(path: Path) -> Mapping[str, Any] | None:
    try:
        content: object = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    fields = cast("Mapping[str, Any]", content)
    return fields if "detailed_results" in _metrics(fields) else None


def _metrics(content: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = content.get("evaluation_metrics")
    return cast("Mapping[str, Any]", inner) if isinstance(inner, dict) else content


def _result(row: Mapping[str, Any]) -> LengthResult:
    return LengthResult(
        str(row["agent"]),
        str(row["task_id"]),
        bool(row["success"]),
        float(row["latency"]),
        int(row["generated_length"]),
        int(row["expected_length"]),
    )


def _agree(report: LengthReport, claimed: Mapping[str, float]) -> None:
    """Raises ConfigurationError where the figures at the top are not those of the examples."""
    if not report.results:
        raise ConfigurationError(f"{report.source} has no examples.", hint="There is nothing to show.")
    found = {
        "success_rate": 100 * report.successes / len(report.results),
        "avg_latency": fmean(result.latency for result in report.results),
    }
    for name, value in claimed.items():
        if abs(found[name] - value) > 0.01 * max(1.0, abs(value)):
            raise ConfigurationError(
                f"{report.source} says {name} {value:g}, but its examples say {found[name]:g}.",
                hint="The file was changed, or put together from several.",
            )


def _span(seconds: Sequence[float]) -> str:
    return f"{fmean(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
