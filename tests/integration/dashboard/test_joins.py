"""Costs under limits, answers side by side, evaluations beside runs, two runs against each other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.dashboard.made import Slots, closed, run
from tests.unit.evaluation import runs as evaluated
from unified_intelligence.benchmark.cost import Use, cost_of, speed_of
from unified_intelligence.dashboard.answers import differs, pairs, texts
from unified_intelligence.dashboard.change import compared
from unified_intelligence.dashboard.curves import goodput
from unified_intelligence.dashboard.money import Priced, cheapest, offers, price
from unified_intelligence.dashboard.quality import matching, models_of, read_evaluations
from unified_intelligence.dashboard.results import Result, measured, read_folder, rows_of
from unified_intelligence.dashboard.tables import changes, knees
from unified_intelligence.dashboard.tables import runs as runs_table
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.spaces.cost import table


def by_name(folder: Path) -> dict[str, Result]:
    return {own.name: own for own in read_folder(folder).results}


def priced(own: Result, folder: Path, slo: dict[str, float], where: str = "l4x1", use: Use | None = None) -> Priced:
    good = goodput(own, rows_of(folder, own.name), slo)
    return price([(own, good)], where, use or Use(), table(), 0.95)[0]


def test_a_cost_counts_only_what_kept_the_limits(runs: Path) -> None:
    own = by_name(runs)["busy_c2"]
    loose, plain = priced(own, runs, {"ttft": 1e9}), cost_of(speed_of(own.metrics), "l4x1", Use(), table())
    assert loose.dollars == pytest.approx(plain.full_1m_tokens) and not loose.kept  # two in five failed
    half = priced(own, runs, {"ttft": 1e9}, use=Use(utilisation=0.5))
    assert half.dollars == pytest.approx(2 * (loose.dollars or 0))
    none = priced(own, runs, {"ttft": 0.0001})
    assert none.dollars is None and "No answer of busy_c2 met its limits" in none.said
    dead = priced(by_name(runs)["dead_c2"], runs, {"ttft": 1e9})
    assert dead.dollars is None and "answered nothing" in dead.said
    wrong = priced(own, runs, {"ttft": 1e9}, where="h99")
    assert wrong.dollars is None and "no price 'h99'" in wrong.said


def test_the_cheapest_is_valid_and_within_the_limits(runs: Path) -> None:
    found = by_name(runs)
    several = [
        priced(found[name], runs, {"ttft": 1e9}) for name in ("sixteen_c1", "sixteen_c16", "late_r40", "busy_c2")
    ]
    best = cheapest(several)
    assert best is not None and best.result.name == "sixteen_c16"
    assert cheapest(several[2:]) is None
    assert "l4x1" in offers(table()) and "cpu-basic" not in offers(table())


def test_a_quota_is_told_as_one(runs: Path) -> None:
    own = priced(by_name(runs)["sixteen_c4"], runs, {"ttft": 1e9}, where="zero-gpu")
    assert own.cost is not None and "never unlimited" in own.cost.notes[0]


def test_answers_are_paired_by_their_prompt(runs: Path) -> None:
    found = by_name(runs)
    first, second = found["sixteen_c16"], found["busy_c2"]
    assert differs(first, second) == ""
    pair = pairs(measured(rows_of(runs, first.name)), measured(rows_of(runs, second.name)), texts(first))
    assert [own.prompt for own in pair] == sorted({own.prompt for own in pair})
    assert pair and all(own.asked.startswith(own.first.text[:12]) for own in pair)
    assert any(own.same for own in pair) and any(own.second.error and not own.same for own in pair)
    changed = replace(first, depends_on={**first.depends_on, "prompts": {"source": "synthetic:in=5", "count": 256}})
    assert "They were asked different things: 24 of finance and 256 of synthetic" in differs(first, changed)
    assert "manifest is missing" in differs(first, replace(first, depends_on={}))
    assert texts(replace(first, depends_on={"prompts": {"source": "gone.txt", "count": 1}})) == {}


def test_one_composition_of_accents_is_as_good_as_another(tmp_path: Path) -> None:
    run(tmp_path, "nfc_c1", Slots(1, said="d\u00e9j\u00e0"), closed(1, 2))
    run(tmp_path, "nfd_c1", Slots(1, said="de\u0301ja\u0300"), closed(1, 2))
    run(tmp_path, "other_c1", Slots(1, said="deja"), closed(1, 2))
    rows = {name: measured(rows_of(tmp_path, f"{name}_c1")) for name in ("nfc", "nfd", "other")}
    assert all(own.same for own in pairs(rows["nfc"], rows["nfd"], {}))
    assert not any(own.same for own in pairs(rows["nfc"], rows["other"], {}))


def test_an_evaluation_is_of_the_same_model(runs: Path, tmp_path: Path) -> None:
    evaluated.run(tmp_path / "qwen", evaluated.suite(6), evaluated.Told(lambda question, _: question))
    evaluated.run(
        tmp_path / "later", evaluated.suite(6, name="autre"), evaluated.Told(lambda question, _: "non")
    )  # fmt: skip
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/run.json").write_text("{}", "utf-8")
    found = read_evaluations(tmp_path)
    assert len(found.broken) == 1 and "broken" in found.broken[0]
    assert {(own.suite, own.accuracy) for own in found.judged} == {("own", 1.0), ("autre", 0.0)}
    own = by_name(runs)["four-slots_c4"]
    assert matching(own, found.judged, "own") is None
    named = [replace(judged, models=frozenset({"qwen/qwen3-8b", "qwen3-8b"})) for judged in found.judged]
    right = matching(own, named, "own")
    assert right is not None and (right.accuracy, right.lo < 1.0, right.whole) == (1.0, True, True)
    assert models_of(replace(own, depends_on={"provider": {"name": "told"}})) == {"told"}
    assert matching(replace(own, depends_on={"provider": {"name": "told"}}), found.judged, "autre") is not None


def test_two_runs_are_compared_once_for_a_state_of_their_files(runs: Path) -> None:
    first = compared(runs, "sixteen_c16", "four-slots_c16")
    assert compared(runs, "sixteen_c16", "four-slots_c16") is first
    slower = next(own for own in first.changes if own.figure == "ttft_ms.p50")
    assert slower.verdict == "worse" and slower.lower > 0
    assert "model" in first.changed
    row = next(row for row in changes(first) if row["figure"] == "ttft_ms.p50")
    assert row["B − A"].startswith("+") and row["verdict"] == "worse"
    invalid = compared(runs, "sixteen_c16", "late_r40")
    assert all("INVALID" in row["verdict"] for row in changes(invalid))
    with pytest.raises(ConfigurationError):
        compared(runs, "sixteen_c16", "never")


def test_tables_say_what_is_invalid(runs: Path) -> None:
    rows = {row["run"]: row for row in runs_table(read_folder(runs).results)}
    assert (rows["late_r40"]["state"], rows["sixteen_c1"]["state"]) == ("INVALID", "valid")
    assert "the client was late" in rows["late_r40"]["why INVALID"]
    assert knees({}, {}) == []
