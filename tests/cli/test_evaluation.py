"""`uic eval` as people type it: what they see, in success and in failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.uic_program import SRC, Run

LENGTHS = [
    {
        "task_id": "t",
        "agent": "coder",
        "success": True,
        "latency": 13.6,
        "generated_length": 2516,
        "expected_length": 2137,
    },
    {
        "task_id": "t",
        "agent": "tester",
        "success": True,
        "latency": 13.9,
        "generated_length": 900,
        "expected_length": 2222,
    },
]
GENERATOR = """
def rows(choice):
    for number in range(3):
        yield {"id": f"é{number}", "question": f"Dis\\u2028 « {number} » 🎉", "expect": {"contains": [str(number)]}}
"""


def test_the_first_run_of_a_fresh_installation(uic: Run, home: Path) -> None:
    assert "arithmetic" in uic("eval", "list").out
    assert "There is no run" in uic("eval", "show").err
    first = uic("eval", "run", "arithmetic", "--provider", "embedded", "--limit", "6")
    assert first.code == 0, first.err
    assert "arithmetic-embedded: complete" in first.out and "6/6" in first.out and "6 of 40 questions" in first.out
    again = uic("eval", "run", "arithmetic", "--provider", "embedded", "--limit", "6")
    assert again.code == 0 and "nothing was asked" in again.err
    assert "arithmetic-embedded" in uic("eval", "show").out
    folder = home / ".local/share/unified-intelligence/evaluation/arithmetic-embedded"
    assert {path.name for path in folder.iterdir()} == {"run.json", "samples.jsonl", "questions.jsonl", "lock"}
    one = json.loads((folder / "samples.jsonl").read_text("utf-8").splitlines()[0])["sample_id"]
    told = json.loads(uic("eval", "show", "arithmetic-embedded", "--sample", one).out)
    assert told["attempts"][0]["sample_id"] == one and told["question"]["messages"]


def test_slices_stand_below_their_figure_and_a_broken_run_hides_no_other(uic: Run, home: Path) -> None:
    ran = uic("eval", "run", "arithmetic", "--provider", "embedded", "--name", "good")
    names = [line.split()[0] for line in ran.out.partition("FIGURE")[2].splitlines()[1:7]]
    assert names == ["accuracy", "en", "fr", "percent", "product", "coverage"]
    broken = home / ".local/share/unified-intelligence/evaluation/broken"
    broken.mkdir()
    (broken / "run.json").write_text("{", "utf-8")
    shown = uic("eval", "show")
    assert shown.code == 0 and "good" in shown.out and "broken" in shown.err


def test_identical_runs_do_not_differ(uic: Run) -> None:
    for name in ("a", "b"):
        assert uic("eval", "run", "arithmetic", "--provider", "embedded", "--limit", "10", "--name", name).code == 0
    found = uic("eval", "compare", "a", "b", "--json")
    told = json.loads(found.out)
    assert found.code == 0 and told["lost"] == told["gained"] == [] and {row["p"] for row in told["rows"]} == {1.0}


def test_a_worse_provider_is_a_regression(uic: Run) -> None:
    uic("eval", "run", "arithmetic", "--provider", "embedded", "--name", "good")
    uic("eval", "run", "arithmetic", "--provider", "echo", "--name", "bad")
    worse = uic("eval", "compare", "good", "bad")
    assert worse.code == 1 and "40 lost" in worse.out and "None gained" in worse.out and "worse" in worse.out
    better = uic("eval", "compare", "bad", "good")
    assert better.code == 0 and "40 gained" in better.out
    gate = uic("eval", "gate", "bad", "--min", "coverage>=0.99", "--baseline", "good")
    assert gate.code == 1 and "significantly worse than good" in gate.out
    passed = uic("eval", "gate", "good", "--min", "arithmetic.lower>=0.9", "--baseline", "bad", "--json")
    assert passed.code == 0 and json.loads(passed.out)["passed"]
    assert uic("eval", "gate", "good", "--min", "arithmetic.lower>=0.95").code == 1
    assert uic("eval", "gate", "good", "--min", "nonsense").code == 2
    assert "Did you mean lower?" in uic("eval", "gate", "good", "--min", "arithmetic.lowr>=0.9").err
    assert uic("eval", "gate", "good").code == 2
    assert uic("eval", "gate", "good", "--min", "finance/smoke.lower>=0.1").code == 2
    uic("eval", "run", "arithmetic", "--provider", "embedded", "--name", "part", "--limit", "4")
    part = uic("eval", "gate", "part", "--min", "accuracy>=0.9")
    few = uic("eval", "gate", "part", "--baseline", "good")
    assert few.code == 0 and "Only 4 of 40 questions have an answer in both good and part" in few.err
    assert part.code == 0 and "part asked 4 of the 40 questions of arithmetic" in part.err
    nearest = uic("eval", "gate", "goood", "--min", "accuracy>0")
    assert nearest.code == 3 and "Did you mean good?" in nearest.err


def test_other_data_is_not_compared(uic: Run) -> None:
    uic("eval", "run", "arithmetic", "--provider", "echo", "--limit", "4", "--name", "one")
    uic("eval", "run", "arithmetic", "--provider", "echo", "--limit", "4", "--name", "two", "--suite-seed", "9")
    refused = uic("eval", "compare", "one", "two")
    assert refused.code == 2 and "Their data differs" in refused.err
    forced = uic("eval", "compare", "one", "two", "--force")
    assert forced.code == 0 and "may not be the model's" in forced.err


def test_epochs_count_a_sample_once(uic: Run) -> None:
    ran = uic("eval", "run", "arithmetic", "--provider", "embedded", "--limit", "4", "--epochs", "3", "--json")
    told = json.loads(ran.out)
    assert told["counts"]["planned"] == told["counts"]["right"] == 12
    metrics = {own["name"]: own for own in told["metrics"] if own.get("slice", "all") == "all"}
    assert metrics["accuracy"]["ci"]["lo"] < 0.52
    assert metrics["right_in_every_epoch"]["k"] == 4


def test_rescore_asks_no_model(uic: Run, home: Path) -> None:
    path = home / "work/own.jsonl"
    row = {"id": "é", "question": "Répète 🎉", "expect": {"equals": "Répète"}}
    path.write_text(json.dumps(row) + "\n", "utf-8")
    wrong = uic("eval", "run", "own.jsonl", "--name", "r", "--json")
    assert json.loads(wrong.out)["counts"]["wrong"] == 1
    folder = home / ".local/share/unified-intelligence/evaluation/r"
    told = json.loads((folder / "samples.jsonl").read_text("utf-8"))
    (folder / "samples.jsonl").write_text(json.dumps({**told, "text": "répète"}) + "\n", "utf-8")
    again = uic("eval", "rescore", "r", "--json")
    assert again.code == 0, again.err
    assert json.loads(again.out)["changed"] == [{"sample_id": "é", "epoch": 1, "before": "wrong", "after": "right"}]
    path.write_text(json.dumps({**row, "expect": {"equals": "autre"}}) + "\n", "utf-8")
    other = uic("eval", "rescore", "r")
    assert other.code == 3 and "has other data now" in other.err


def test_a_suite_of_an_installed_package(uic: Run, tmp_path: Path, environment: dict[str, str]) -> None:
    metadata = tmp_path / "site/uic_asked-1.0.dist-info"
    metadata.mkdir(parents=True)
    (tmp_path / "site/uic_asked.py").write_text(GENERATOR, "utf-8")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: uic-asked\nVersion: 1.0\n")
    entries = "[unified_intelligence.suites]\nmine/asked = uic_asked:rows\nmine/broken = uic_asked:nothing\n"
    (metadata / "entry_points.txt").write_text(entries)
    environment["PYTHONPATH"] = f"{SRC}:{tmp_path / 'site'}"
    assert "from uic_asked:rows" in uic("eval", "list").out
    ran = uic("eval", "run", "mine/asked", "--json")
    assert ran.code == 0 and json.loads(ran.out)["counts"]["right"] == 3
    broken = uic("eval", "run", "mine/broken")
    assert broken.code == 3 and "cannot be loaded from uic_asked:nothing" in broken.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run"], 2, "Missing argument"),
        (["run", "arithmetik"], 3, "Did you mean arithmetic?"),
        (["run", "nowhere.jsonl"], 3, "cannot be read"),
        (["run", "arithmetic", "--limit", "0"], 2, "--limit is a whole number from 1"),
        (["run", "arithmetic", "--think", "on"], 2, "There is no option --think. Did you mean --thinking?"),
        (["run", "arithmetic", "--thinking", "--provider", "embedded"], 3, "cannot switch thinking"),
        (["run", "arithmetic", "--provider", "nobody"], 3, "There is no provider"),
        (["run", "arithmetic", "--language", "de"], 2, "--language is en or fr"),
        (["run", "arithmetic", "--price", "1,-2"], 2, "--price is a number from 0"),
        (["run", "arithmetic", "--price", "1"], 2, "--price is two numbers"),
        (["run", "arithmetic", "--usd-per-hour", "-3"], 2, "--usd-per-hour is a number from 0"),
        (["run", "arithmetic", "--temperature", "nan"], 2, "--temperature is a number from 0"),
        (["run", "arithmetic", "--name", "../elsewhere"], 2, "--name is one word"),
        (["run", "arithmetic", "--route", "chat-tools"], 3, "There is no route"),
        (["show", "nothing"], 3, "There is no run"),
        (["export", "nothing", "--to", "parquet"], 3, "There is no run"),
        (["frobnicate"], 2, "uic eval has no command 'frobnicate'"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(uic: Run, arguments: list[str], code: int, said: str) -> None:
    ran = uic("eval", *arguments)
    assert ran.code == code and said in ran.err, ran.err
    assert "Traceback" not in ran.err


def test_results_that_only_tell_lengths_are_shown_as_that(uic: Run, home: Path) -> None:
    for name, told in (("a.json", {"success_rate": 100, "detailed_results": LENGTHS}),
                       ("b.json", {"evaluation_metrics": {"detailed_results": LENGTHS}})):  # fmt: skip
        (home / "work" / name).write_text(json.dumps(told), "utf-8")
        shown = uic("eval", "show", name)
        assert shown.code == 0 and "Not a score" in shown.out
        assert "success 2/2" in shown.out and "disagree in 1;" in shown.out and "coder: success 1/1" in shown.out
        assert uic("eval", "gate", name, "--min", "accuracy>=0").code == 3


def test_exports(uic: Run, home: Path) -> None:
    uic("eval", "run", "arithmetic", "--provider", "embedded", "--name", "r")
    folder = home / ".local/share/unified-intelligence/evaluation/r"
    assert uic("eval", "export", "r", "--to", "hub-yaml").code == 0
    assert "value: 100.00" in (folder / "arithmetic.yaml").read_text("utf-8")
    assert uic("eval", "export", "r", "--to", "bfcl").code == 2
    assert uic("eval", "export", "r", "--to", "csv").code == 2
    uic("eval", "run", "arithmetic", "--provider", "embedded", "--name", "part", "--limit", "3")
    nowhere = uic("eval", "report", "r", "--html", str(folder / "run.json" / "page.html"))
    assert nowhere.code == 3 and "cannot be written" in nowhere.err
    nowhere = uic("eval", "export", "r", "--to", "hub-yaml", "--out", str(folder / "run.json" / "x.yaml"))
    assert nowhere.code == 3 and "cannot be written" in nowhere.err
    assert uic("eval", "report", "r", "--html", str(home / "new" / "page.html")).code == 0
    assert "only a part" in uic("eval", "export", "part", "--to", "hub-yaml").err


def test_the_view_of_a_terminal_and_the_lines_of_a_pipe(uic: Run, terminal: Run) -> None:
    piped = uic("eval", "run", "arithmetic", "--provider", "embedded")
    assert "right [" in piped.err and "/s" in piped.err and "\x1b" not in piped.err
    shown = terminal("eval", "run", "arithmetic", "--provider", "echo")
    assert shown.code == 0 and "arithmetic-echo: complete" in shown.out
