"""Properties of flows composed at random, and of runs of them: 80 flows, the same ones every time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.unit.dsl.flows import Journal, ran, random_flow
from unified_intelligence.dsl.flow import flow_of
from unified_intelligence.entities.errors import ConfigurationError

SEEDS = range(80)


def check_order(journal: Journal, before: dict[str, frozenset[str]]) -> None:
    begun = {line.removesuffix(" begins"): place for place, line in enumerate(journal.lines) if line.endswith("begins")}
    ended = {line.removesuffix(" ends"): place for place, line in enumerate(journal.lines) if line.endswith("ends")}
    for name, place in begun.items():
        assert all(ended[earlier] < place for earlier in before[name])


@pytest.mark.parametrize("seed", SEEDS)
def test_every_task_runs_once_and_in_order(seed: int, tmp_path: Path) -> None:
    journal = Journal()
    flow, before = random_flow(journal, random.Random(seed))
    done = ran(flow, tmp_path)
    assert sorted(journal.began()) == sorted(before)
    check_order(journal, before)
    assert done.record.state == "done"
    assert done.outcome.outputs == {name: f"de {name}, ça va" for name in before}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_failure_stops_what_depends_on_it_and_nothing_else_and_a_resumed_run_does_the_rest(
    seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    journal = Journal()
    flow, before = random_flow(journal, chance)
    failing = chance.choice(sorted(before))
    journal.failing = {failing}
    dependants = {name for name, earlier in before.items() if failing in earlier}

    first = ran(flow, tmp_path)
    assert sorted(journal.began()) == sorted(before.keys() - dependants)
    assert [name for name, _ in first.outcome.failures] == [failing]
    states = {name: entry.state for name, entry in first.record.tasks.items()}
    assert states == {
        name: "failed" if name == failing else "skipped" if name in dependants else "done" for name in before
    }

    journal.failing, journal.lines = set(), []
    second = ran(flow, tmp_path, resume=first.path)
    assert sorted(journal.began()) == sorted({failing} | dependants)
    check_order(journal, {name: earlier & ({failing} | dependants) for name, earlier in before.items()})
    assert second.record.state == "done"
    assert second.outcome.outputs.keys() == before.keys()

    journal.lines = []
    ran(flow, tmp_path, resume=first.path)
    assert journal.began() == []


def test_a_task_written_twice_is_one_task(tmp_path: Path) -> None:
    journal = Journal()
    first, left, right, last = (journal.task(name) for name in ("first", "left", "right", "last"))
    ran((first >> left >> last) & (first >> right >> last), tmp_path)
    assert sorted(journal.began()) == ["first", "last", "left", "right"]
    assert (journal.began()[0], journal.began()[-1]) == ("first", "last")


def test_tasks_that_wait_for_each_other_are_refused() -> None:
    journal = Journal()
    one, two = journal.task("one"), journal.task("two")
    with pytest.raises(ConfigurationError, match=r"one >> two >> one|two >> one >> two") as refused:
        _ = one >> two >> one
    assert "task.named" in refused.value.hint


def test_two_tasks_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="Two different tasks are called same"):
        _ = Journal().task("same") & Journal().task("same")


def test_the_same_work_runs_twice_under_two_names(tmp_path: Path) -> None:
    journal = Journal()
    again = journal.task("work")
    done = ran(again >> again.named("once_more"), tmp_path)
    assert journal.began() == ["work", "work"]
    assert done.outcome.outputs.keys() == {"work", "once_more"}


def test_a_rescue_runs_after_a_failure_only_and_the_run_has_failed(tmp_path: Path) -> None:
    journal = Journal(failing={"second"})
    first, second, third, mend = (journal.task(name) for name in ("first", "second", "third", "mend"))
    flow = (first >> second).on_failure(mend) >> third
    failed = ran(flow, tmp_path)
    assert journal.began() == ["first", "second", "mend"]
    assert failed.record.state == "failed"
    assert failed.record.tasks["third"].state == "skipped"

    journal.failing, journal.lines = set(), []
    ran(flow, tmp_path, resume=failed.path)
    assert journal.began() == ["first", "second", "third"], "what was rescued from may be undone"


def test_a_rescue_waits_until_everything_it_guards_has_ended(tmp_path: Path) -> None:
    journal = Journal(failing={"quick"})
    flow = (journal.task("quick") & (journal.task("slow") >> journal.task("slower"))).on_failure(journal.task("mend"))
    ran(flow, tmp_path)
    assert journal.lines.index("slower ends") < journal.lines.index("mend begins")


def test_a_rescue_is_no_step() -> None:
    journal = Journal()
    one, mend = journal.task("one"), journal.task("mend")
    with pytest.raises(ConfigurationError, match="after a failure only"):
        _ = one.on_failure(mend) >> (mend >> journal.task("two"))
    with pytest.raises(ConfigurationError, match="rescue itself"):
        flow_of(one).on_failure(one)
