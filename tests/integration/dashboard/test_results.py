"""What is read from a folder, and what is said of files that are not whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.dashboard.made import SAID, Slots, closed, run
from unified_intelligence.dashboard.results import asked_of, read_folder, rows_of
from unified_intelligence.entities.errors import ConfigurationError


@pytest.fixture
def copied(runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs, tmp_path / "ça là 🎉"))


def test_whole_runs_are_grouped_by_what_was_measured(runs: Path) -> None:
    found = read_folder(runs)
    assert found.broken == () and found.failed == ()
    own = {result.name: result for result in found.results}
    assert own["sixteen_c16"].configuration == "sixteen"
    assert (own["late_r40"].configuration, own["late_r40"].place) == ("late", 40)
    assert own["late_r40"].label == "late_r40 · INVALID"
    assert "the client was late" in own["late_r40"].why
    assert own["sixteen_c1"].model == "Qwen3-8B-Q4"


@pytest.mark.parametrize("text", ["", "{", '{"schema": "other"}', "\x00\x01"])
def test_a_broken_file_is_told_and_the_others_are_read(copied: Path, text: str) -> None:
    (copied / "sixteen_c4_metrics.json").write_text(text, "utf-8")
    found = read_folder(copied)
    assert len(found.results) == 8
    (said,) = found.broken
    assert "sixteen_c4_metrics.json is no result of uic bench" in said
    assert said.endswith("Run it again, or move its files away.")


def test_a_folder_that_is_not_there_has_no_runs(tmp_path: Path) -> None:
    found = read_folder(tmp_path / "nowhere")
    assert (found.results, found.broken) == ((), ())


def test_rows_that_are_not_there_are_told_with_what_to_do(copied: Path) -> None:
    rows = copied / "sixteen_c4_responses.jsonl"
    rows.write_text(rows.read_text("utf-8") + '{"number": ', "utf-8")
    with pytest.raises(ConfigurationError, match=r"sixteen_c4_responses.jsonl is broken: .* Run sixteen_c4 again"):
        rows_of(copied, "sixteen_c4")
    rows.write_text("", "utf-8")
    with pytest.raises(ConfigurationError, match=r"is empty\. Run it again"):
        rows_of(copied, "sixteen_c4")
    rows.unlink()
    with pytest.raises(ConfigurationError, match="Copy it there, or run it again"):
        rows_of(copied, "sixteen_c4")
    assert asked_of(copied, "sixteen_c4") == {}


def test_a_run_that_is_made_again_is_read_again(tmp_path: Path) -> None:
    run(tmp_path, "same_c1", Slots(1), closed(1, 4))
    before = len(rows_of(tmp_path, "same_c1"))
    run(tmp_path, "same_c1", Slots(1), closed(1, 7))
    assert (before, len(rows_of(tmp_path, "same_c1"))) == (5, 8)
    assert read_folder(tmp_path).results[0].metrics.counts["measured"] == 7


def test_a_manifest_says_the_sweep_and_its_gpus(copied: Path) -> None:
    manifest = copied / "sixteen_c4_manifest.json"
    told = json.loads(manifest.read_text("utf-8"))
    told["sweep"] = {"name": "été", "configuration": "tp2_len1024_batch24", "gpus": 2, "attempt": 1}
    manifest.write_text(json.dumps(told), "utf-8")
    own = next(result for result in read_folder(copied).results if result.name == "sixteen_c4")
    assert (own.configuration, own.group, own.gpus) == ("été/tp2_len1024_batch24", "été", 2)
    manifest.unlink()
    own = next(result for result in read_folder(copied).results if result.name == "sixteen_c4")
    assert (own.configuration, own.group, own.gpus, own.model) == ("sixteen", "", 0, "")


def test_servers_of_a_sweep_that_never_answered_are_told(tmp_path: Path) -> None:
    attempts = [
        {"configuration": "a", "attempt": 1, "state": "failed", "failure": "port", "said": "stale"},
        {"configuration": "a", "attempt": 2, "state": "ended", "failure": ""},
        {"configuration": "b", "attempt": 1, "state": "failed", "failure": "memory", "said": "Zu wenig — 🙂"},
    ]
    (tmp_path / "été_sweep.json").write_text(json.dumps({"name": "été", "plan": [], "attempts": attempts}), "utf-8")
    (tmp_path / "x_sweep.json").write_text("[]", "utf-8")
    found = read_folder(tmp_path)
    assert [(own.sweep, own.configuration, own.failure, own.said) for own in found.failed] == [
        ("été", "b", "memory", "Zu wenig — 🙂")
    ]
    assert len(found.broken) == 1 and "x_sweep.json is no sweep" in found.broken[0]


def test_answers_come_through_whole(runs: Path) -> None:
    row = next(row for row in rows_of(runs, "sixteen_c1") if not row.error)
    assert SAID in row.text and "\u2028" in row.text
