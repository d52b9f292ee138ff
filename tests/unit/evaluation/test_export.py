"""A run in the form that the leaderboard's own program reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.evaluation.runs import Told, run, suite
from unified_intelligence.entities.errors import ConnectionFailedError, InvalidRequestError
from unified_intelligence.evaluation.compare import read
from unified_intelligence.evaluation.export import write
from unified_intelligence.evaluation.suite import Choice
from unified_intelligence.evaluation.suites import build


@pytest.mark.parametrize(("category", "group"), [("simple_python", "non_live"), ("live_simple", "live")])
def test_the_leaderboard_finds_its_file_with_the_questions_in_their_order(
    category: str, group: str, tmp_path: Path
) -> None:
    run(tmp_path, suite(12, name=f"bfcl/{category}"), Told(lambda question, _: f"{question} été 🎉"))
    path = Path(write(read(tmp_path), "bfcl", tmp_path, None))
    assert path == tmp_path / "result" / "told" / group / f"BFCL_v4_{category}_result.json"
    rows = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    assert [row["id"] for row in rows] == [f"é{n}" for n in range(12)]
    assert all(row["result"].endswith("\u2028🎉 été 🎉") and f" {n} " in row["result"] for n, row in enumerate(rows))


def test_what_has_no_answer_is_not_given_to_the_leaderboard(tmp_path: Path) -> None:
    def says(question: str, _: object) -> str | Exception:
        return ConnectionFailedError("down") if "3" in question else "no"

    run(tmp_path, suite(6, name="bfcl/irrelevance"), Told(says))
    with pytest.raises(InvalidRequestError, match="without an answer"):
        write(read(tmp_path), "bfcl", tmp_path, None)


def test_what_is_published_tells_where_the_official_rule_is_kinder(tmp_path: Path) -> None:
    cases = build(Choice(name="bfcl/small", route="prompt"))
    run(tmp_path, cases, Told(lambda question, _: ""))
    told = Path(write(read(tmp_path), "hub-yaml", tmp_path, None)).read_text("utf-8")
    assert "value: 20.00" in told and "0.00 without what was cut off, malformed or empty" in told
