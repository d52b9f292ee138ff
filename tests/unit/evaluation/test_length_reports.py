"""Earlier result files: read, told for what they are, and refused where they contradict themselves."""

import json
from pathlib import Path
from typing import Any

import pytest

from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.evaluation.length_reports import HEURISTIC, is_length_report, lines_of, read_length_report


def row(agent: str, generated: int, *, success: bool = True, latency: float = 10.0) -> dict[str, Any]:
    lengths = {"generated_length": generated, "expected_length": 1000}
    return {"agent": agent, "task_id": "tâche_1", "success": success, "latency": latency, **lengths}


ROWS = [row("coder", 900), row("coder", 2400, success=False, latency=14.0), row("tester", 1100, success=False)]


def written(folder: Path, content: object) -> Path:
    path = folder / "evaluation_results_é.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_both_forms_are_read(tmp_path: Path) -> None:
    metrics = {"success_rate": 33.33, "avg_latency": 11.33, "min_latency": 10.0, "detailed_results": ROWS}
    flat = read_length_report(written(tmp_path, {"model": "Qwen3-8B", "hardware": "H200", **metrics}))
    nested = read_length_report(written(tmp_path, {"evaluation_metrics": metrics, "timestamp": "2025-10-02"}))
    assert flat.results == nested.results and (flat.model, nested.model) == ("Qwen3-8B", "")
    assert (flat.successes, flat.unexplained) == (1, 1)
    assert [result.within for result in flat.results] == [True, False, True]
    assert {agent: len(results) for agent, results in flat.by_agent().items()} == {"coder": 2, "tester": 1}


def test_people_are_told_what_it_is(tmp_path: Path) -> None:
    lines = lines_of(read_length_report(written(tmp_path, {"model": "m", "detailed_results": ROWS})))
    assert HEURISTIC in lines[1] and lines[1].startswith("Not a score")
    assert "success 1/3, latency s 11.33 (10.00 to 14.00)" in lines
    assert "success and length disagree in 1; the file does not tell why" in lines
    assert "  coder: success 1/2, latency s 12.00 (10.00 to 14.00), length 1.65 times the expected" in lines
    assert lines[-1] == "    3 tester tâche_1: 1100 of 1000 characters, 10.0 s"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"detailed_results": ROWS, "success_rate": 100.0}, "says success_rate 100, but its examples say 33.3333"),
        ({"detailed_results": ROWS, "avg_latency": 20.1}, "says avg_latency 20.1"),
        ({"detailed_results": []}, "has no examples"),
        ({"detailed_results": [{"agent": "coder"}]}, "an example that is none"),
        ({"schema": "uic.eval/1"}, "has no lengths of answers"),
        ([1], "has no lengths of answers"),
    ],
)
def test_what_is_none_is_refused(content: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=said) as refused:
        read_length_report(written(tmp_path, content))
    assert refused.value.hint


def test_what_is_no_such_file(tmp_path: Path) -> None:
    absent = tmp_path / "none.json"
    assert not is_length_report(absent) and not is_length_report(tmp_path)
    with pytest.raises(ConfigurationError, match="no lengths"):
        read_length_report(absent)
    (tmp_path / "half.json").write_text('{"detailed_results": [')
    assert not is_length_report(tmp_path / "half.json")
    assert is_length_report(written(tmp_path, {"evaluation_metrics": {"detailed_results": ROWS}}))
