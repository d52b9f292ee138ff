"""What a gate asks for, and that it fails closed."""

from __future__ import annotations

import pytest

from unified_intelligence.entities.errors import InvalidRequestError
from unified_intelligence.evaluation.gate import hold, is_for, read_gate, refusal
from unified_intelligence.evaluation.record import Asking, Confidence, Metric, Model, Run
from unified_intelligence.evaluation.suite import Dataset, Scorer


def run(coverage: float = 1.0, heuristic: str = "") -> Run:
    def share(name: str, value: float, slice: str = "all") -> Metric:
        return Metric(
            name=name, slice=slice, k=value * 100, n=100, value=value, ci=Confidence(lo=value - 0.05, hi=value + 0.04)
        )

    return Run(
        run_id="1", name="r", status="complete", started_at="2030-01-01", fingerprint="f", depends_on={}, tool={},
        executor={}, model=Model(provider="p"), generation={}, heuristic=heuristic,
        dataset=Dataset(name="bfcl/simple_python", version="4", sha256="s", licence="", n=100, ids_sha256="i"),
        scorer=Scorer("s", "1"), asking=Asking(suite="bfcl/simple_python"),
        counts={"planned": 100, "right": 90, "wrong": 8, "malformed": 1, "truncated": 1, "error": 0},
        metrics=[share("accuracy", 0.9), share("accuracy", 0.7, "language:fr"), share("accuracy_official", 0.8),
                 Metric(name="coverage", k=coverage * 100, n=100, value=coverage),
                 Metric(name="mean_terms", n=90, value=2.5)],
        latency_s={"p50": 1.5, "p95": None}, cost={"usd": 0.25},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "passed"),
    [
        ("bfcl/simple_python.lower>=0.85", True),
        ("bfcl/simple_python.lower >= 0.86", False),
        ("bfcl/simple_python.upper<=94.1%", True),
        ("accuracy>0.9", False),
        ("accuracy>=90%", True),
        ("bfcl/simple_python[language:fr].accuracy>=0.7", True),
        ("bfcl/simple_python[language:fr].lower>=0.7", False),
        ("bfcl/simple_python[language:de].accuracy>=0", False),
        ("accuracy_official.lower>=0.75", True),
        ("accuracy_lenient>=0", False),
        ("mean_terms>=2.5", True),
        ("mean_terms.lower>=0", False),
        ("truncated<=1%", True),
        ("malformed<1%", False),
        ("latency_p50<=1.5", True),
        ("latency_p95<=1000", False),
        ("cost_usd<0.3", True),
        ("coverage>=0.99", True),
        ("accuracy>=9E-1", True),
        ("simple.accuracy>=0.9", True),
    ],
)
def test_a_figure_that_is_not_there_passes_nothing(written: str, passed: bool) -> None:
    assert hold(read_gate(written), run()).passed is passed


@pytest.mark.parametrize(
    "written",
    [
        "",
        "accuracy",
        "accuracy>=",
        "accuracy>=x",
        "accurracy>=0.5",
        "accuracy=>1",
        ">=0.5",
        "lower>=1.2.3",
        "truncated<=5",
        "accuracy>=92",
        "coverage>=-1",
        "accuracy_official.lower>=101%",
    ],
)
def test_what_is_no_gate_is_refused(written: str) -> None:
    with pytest.raises(InvalidRequestError):
        read_gate(written)


def test_no_gate_for_a_run_that_proves_nothing() -> None:
    assert refusal(run()) == ""
    assert "98.9% answered" in refusal(run(coverage=0.989))
    assert "no correctness" in refusal(run(heuristic="lengths were compared"))


def test_a_suite_goes_by_its_other_names_too() -> None:
    assert all(is_for(read_gate(f"{name}accuracy>0"), run()) for name in ("", "simple.", "bfcl/simple.", "r."))
    assert not is_for(read_gate("multiple.accuracy>0"), run())
