"""Whether a run's figures are good enough: what is asked of them, read from a text, and held against a run.

    bfcl/simple_python.lower>=0.92          the suite's name, a figure, a comparison
    finance/parametric[fr].accuracy>=0.8    the same of a slice
    accuracy_official>0.9                    without a suite: of whichever run is held against it

`lower` and `upper` are the ends of the accuracy's interval, `accuracy_NAME.lower` those of another verdict's.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.entities.nearest import meant, nearest
from unified_intelligence.evaluation.metrics import coverage, is_complete
from unified_intelligence.evaluation.outcome import OUTCOMES
from unified_intelligence.evaluation.record import Metric, Run
from unified_intelligence.evaluation.suites import ALIASES
from unified_intelligence.figures.gate import Held, Limit, read_limit

_PLAIN = frozenset({"accuracy", "lower", "upper", "coverage", "latency_p50", "latency_p95", "cost_usd", *OUTCOMES})
_LISTED = f"{', '.join(sorted(_PLAIN))}, accuracy_NAME, mean_NAME"
_NO_SHARES = ("latency_", "cost_", "mean_")
_FIGURE = rf"(?:accuracy|mean)_\w+|right_in_(?:any|every)_epoch|{'|'.join(sorted(_PLAIN))}"
_PATH = re.compile(
    rf"(?:(?P<suite>[^\[\]]+?)(?:\[(?P<slice>[^\]]+)\])?\.)??(?P<figure>{_FIGURE})(?:\.(?P<end>lower|upper))?"
)


class Gate(NamedTuple):
    """`suite` "" is any; `end` is "lower" or "upper", or "" for the value itself."""

    limit: Limit
    suite: str
    slice: str
    figure: str
    end: str


def read_gate(written: str) -> Gate:
    """Raises InvalidRequestError for what cannot be a gate."""
    hint = 'Such as: --min "bfcl/simple_python.lower>=0.92"'
    limit = read_limit(written)
    path = limit and _PATH.fullmatch(limit.figure)
    if not limit or not path:
        known = _known(limit.figure) if limit else f"Figures: {_LISTED}."
        raise InvalidRequestError(f"{written!r} is no gate: [SUITE.]FIGURE>=NUMBER.", hint=f"{hint} {known}")
    figure, end = path["figure"], path["end"] or ""
    if figure in {"lower", "upper"}:
        figure, end = "accuracy", figure
    if not figure.startswith(_NO_SHARES) and not 0 <= limit.value <= 1:
        meant = f"Did you mean {limit.number}%?" if 1 < limit.value <= 100 else hint
        raise InvalidRequestError(f"{written!r}: {figure} is a share, from 0 to 1 or 0% to 100%.", hint=meant)
    return Gate(limit, path["suite"] or "", path["slice"] or "all", figure, end)


def _known(path: str) -> str:
    """The figure that was meant by the last word of a path, or all there are."""
    return meant(nearest(path.rpartition(".")[2], _PLAIN, least=0.7)) or f"Figures: {_LISTED}."


def is_for(gate: Gate, run: Run) -> bool:
    """Whether the gate means this run: by its own name, or by its suite's or another name of that."""
    asked = {"", run.asking.suite, run.dataset.name, run.name}
    return gate.suite in asked or ALIASES.get(gate.suite) in asked


def hold(gate: Gate, run: Run) -> Held:
    """A figure that is not there passes no gate; nor does one of an incomplete run, which is for the caller to say."""
    return gate.limit.hold(_figure(gate, run))


def refusal(run: Run) -> str:
    """Why no gate can be held against this run; "" where one can."""
    if not is_complete(run):
        return f"{run.name} is incomplete: {coverage(run):.1%} answered, at least 99 % are needed."
    if run.heuristic:
        return f"{run.name} tells no correctness: {run.heuristic}"
    return ""


def _figure(gate: Gate, run: Run) -> float | None:
    if gate.figure in OUTCOMES:
        planned = run.counts.get("planned", 0)
        return run.counts[gate.figure] / planned if planned and gate.slice == "all" else None
    if gate.figure.startswith("latency_"):
        return run.latency_s.get(gate.figure.removeprefix("latency_"))
    if gate.figure == "cost_usd":
        usd = run.cost.get("usd")
        return float(usd) if isinstance(usd, int | float) else None
    return _end(run.metric(gate.figure, gate.slice), gate.end)


def _end(metric: Metric | None, end: str) -> float | None:
    if metric is None or metric.value is None:
        return None
    if not end:
        return metric.value
    if metric.ci is None:
        return None
    return metric.ci.lo if end == "lower" else metric.ci.hi
