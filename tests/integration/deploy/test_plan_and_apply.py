"""What a plan says and what an apply does, against a Hub that keeps real commits."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.integration.deploy.conftest import PAGE, SPACE, LocalHub, Page
from unified_intelligence.entities.errors import ConfigurationError, DeploymentError, StalePlanError
from unified_intelligence.entities.space import AddFile, DeleteFile, NewCommit, NewSecret, NewSpace
from unified_intelligence.spaces.actions import Plan
from unified_intelligence.spaces.apply import Applied, apply
from unified_intelligence.spaces.plan import make_plan
from unified_intelligence.spaces.render import RenderedSpace
from unified_intelligence.spaces.secret_values import SecretValues

VALUE = "canary of é secret"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")  # of the client's own upload by LFS


def deployed(local: LocalHub, rendered: RenderedSpace, secrets: SecretValues | None = None, **named: Any) -> Applied:
    plan = make_plan(local.host, rendered, secrets, **named)
    return apply(local.host, plan, rendered, secrets, sleep=lambda _: None)


def planned(local: LocalHub, rendered: RenderedSpace, secrets: SecretValues | None = None, **named: Any) -> list[str]:
    return [f"{action.mark} {action.told()}" for action in make_plan(local.host, rendered, secrets, **named).actions]


def test_a_new_space_is_created_with_everything_and_then_there_is_nothing_to_do(local: LocalHub, page: Page) -> None:
    rendered = page(
        variables={"MODEL": "acme/é", "N": 5},
        secrets={"API_KEY": "env:KEY"},
        hardware="l4x1",
        sleep_time="1h",
        volumes=[{"source": "acme/model", "mount_path": "/model"}],
    )
    secrets = SecretValues({"API_KEY": VALUE})
    assert [line[:35] for line in planned(local, rendered, secrets)] == [
        f"+ Space {SPACE} (static, private",
        "+ one commit: 3 added",
    ]
    applied = deployed(local, rendered, secrets)
    content = local.content()
    content.pop(".gitattributes")
    assert content == dict(rendered.files)
    assert (applied.sha, applied.committed) == (local.commits()[0], True)
    assert {name: each.value for name, each in local.host.variables(SPACE).items()} == {"MODEL": "acme/é", "N": "5"}
    runtime = local.host.runtime(SPACE)
    assert (runtime.wanted_hardware, runtime.sleep_time, len(runtime.volumes)) == ("l4x1", 3600, 1)
    assert local.host.info(SPACE).visibility == "private"
    plan = make_plan(local.host, rendered, secrets)
    assert plan.is_empty and plan.price_after == plan.price_before == 0.8
    again = apply(local.host, plan, rendered, secrets)
    assert (again.sha, again.committed, len(local.commits())) == (applied.sha, False, 2)


def test_every_difference_is_one_action_in_the_safe_order(local: LocalHub, page: Page) -> None:
    before = page(
        variables={"KEPT": "1", "CHANGED": "old", "GONE": "x", "MOVES": "open"}, secrets={"OLD": "env:O"},
        visibility="private",
    )  # fmt: skip
    deployed(local, before, SecretValues({"OLD": VALUE}))
    after = page(
        {"index.html": b"new", "data/\xc3\xa9.bin".encode("latin-1").decode(): b"\0" * 10},
        variables={"KEPT": "1", "CHANGED": "new", "NEW": "n"}, secrets={"MOVES": "env:M"}, visibility="public",
        hardware="t4-small", sleep_time="30m",
    )  # fmt: skip
    secrets = SecretValues({"MOVES": VALUE})
    assert planned(local, after, secrets) == [
        "- variable MOVES: 'open' is not in the spec",
        "~ variable CHANGED: 'old' -> 'new'",
        "+ variable NEW: 'n'",
        "+ secret MOVES from env:M",
        "~ hardware: cpu-basic -> t4-small, sleeps after 30 min",
        "~ one commit: 1 added, 3 changed",
        "- variable GONE: 'x' is not in the spec",
        "- secret OLD: it is not in the spec any more",
        "~ visibility: private -> public",
    ]
    deployed(local, after, secrets)
    assert planned(local, after, secrets) == []
    assert set(local.host.variables(SPACE)) == {"KEPT", "CHANGED", "NEW"}
    assert set(local.host.secrets(SPACE)) == {"MOVES"}
    closing = page({"index.html": b"newer"}, visibility="private", hardware="t4-small", sleep_time="30m")
    assert planned(local, closing)[0] == "~ visibility: public -> private"


def test_a_secret_is_compared_without_being_read(local: LocalHub, page: Page) -> None:
    rendered = page(secrets={"KEY": "env:K"})
    deployed(local, rendered, SecretValues({"KEY": VALUE}, key="ours"))
    assert planned(local, rendered, SecretValues({"KEY": VALUE}, key="ours")) == []
    changed = "~ secret KEY from env:K: the value is another one"
    assert planned(local, rendered, SecretValues({"KEY": "another"}, key="ours")) == [changed]
    assert planned(local, rendered, SecretValues({"KEY": VALUE}, key="theirs")) == [changed]
    local.host.set_secret(SPACE, NewSecret("KEY", VALUE, "by hand"))
    local.host.set_secret(SPACE, NewSecret("OTHER", "not ours"))
    unknown = "~ secret KEY from env:K: what the Hub has was not set by uic"
    assert planned(local, rendered, SecretValues({"KEY": VALUE})) == [unknown]
    plan = make_plan(local.host, rendered, SecretValues(problems={"KEY": ConfigurationError("K is not set.")}))
    assert plan.is_empty
    assert "OTHER is on the Hub and not in the spec" in plan.notes[0] and "K is not set." in plan.notes[1]


def test_a_hub_that_keeps_descriptions_to_itself_makes_no_plan_endless(local: LocalHub, page: Page) -> None:
    rendered, secrets = page(secrets={"KEY": "env:K", "OLD": "env:O"}), SecretValues({"KEY": VALUE, "OLD": VALUE})
    deployed(local, rendered, secrets)
    for name in ("KEY", "OLD"):
        local.host.set_secret(SPACE, NewSecret(name, VALUE))  # as such a Hub would tell them
    plan = make_plan(local.host, rendered, secrets)
    assert plan.is_empty and "KEY, OLD: taken to be the same. --secrets sends them." in plan.notes[0]
    assert len(planned(local, rendered, secrets, resend=True)) == 2
    assert planned(local, page(secrets={"KEY": "env:K"}), secrets)[-1] == "- secret OLD: it is not in the spec any more"


def test_a_secret_that_cannot_be_read_stops_an_apply_before_anything_is_changed(local: LocalHub, page: Page) -> None:
    deployed(local, page())
    rendered = page(secrets={"KEY": "env:K"}, variables={"A": "1"})
    secrets = SecretValues(problems={"KEY": ConfigurationError("K is not set.")})
    with pytest.raises(ConfigurationError, match="K is not set"):
        deployed(local, rendered, secrets)
    assert local.host.variables(SPACE) == {}


def test_a_space_of_somebody_else_is_left_alone(local: LocalHub, page: Page) -> None:
    local.host.create(NewSpace(SPACE, "static"))
    rendered = page()
    assert planned(local, rendered) == ["~ one commit: 2 added, 1 changed"]  # only what the Hub itself put there
    parent = local.host.info(SPACE).sha
    local.host.commit(SPACE, NewCommit("by hand", (AddFile("theirs.txt", b"x"),), parent))
    with pytest.raises(DeploymentError, match="was not deployed with uic") as raised:
        make_plan(local.host, rendered)
    assert "--adopt" in raised.value.hint
    deployed(local, rendered, adopt=True)
    assert planned(local, rendered) == []
    assert "theirs.txt" not in local.host.tree(SPACE)


def test_that_the_files_come_from_another_commit_is_no_change(local: LocalHub, page: Page) -> None:
    from unified_intelligence.spaces.render import render

    spec = page().spec
    deployed(local, render(spec, PAGE, source="a" * 40))
    assert planned(local, render(spec, PAGE, source="b" * 40)) == []


def test_of_two_applies_one_wins_and_the_other_is_told_before_it_changes_anything(local: LocalHub, page: Page) -> None:
    deployed(local, page())
    one, other = page({"index.html": b"one"}), page({"index.html": b"other"}, variables={"A": "other's"})
    plans = [make_plan(local.host, each) for each in (one, other)]
    apply(local.host, plans[0], one)
    with pytest.raises(StalePlanError, match="the plan was made for") as raised:
        apply(local.host, plans[1], other)
    assert raised.value.exit_code == 12 and "uic space plan" in raised.value.hint
    assert local.host.read(SPACE, "index.html") == b"one"
    assert local.host.variables(SPACE) == {}


def test_of_two_that_create_one_wins(local: LocalHub, page: Page) -> None:
    rendered = page()
    plans = [make_plan(local.host, rendered) for _ in range(2)]
    apply(local.host, plans[0], rendered, sleep=lambda _: None)
    with pytest.raises(StalePlanError, match="409"):
        apply(local.host, plans[1], rendered, sleep=lambda _: None)


def test_files_that_the_hub_ignores_are_found(local: LocalHub, page: Page) -> None:
    ignoring = {**PAGE, ".gitignore": b"*.secret\n"}
    deployed(local, page(ignoring))
    for _ in range(2):  # and are not taken for done by the next apply
        with pytest.raises(DeploymentError, match=r"a\.secret is missing"):
            deployed(local, page({**ignoring, "a.secret": b"x"}))


def test_a_plan_above_the_budget_is_refused(local: LocalHub, page: Page) -> None:
    with pytest.raises(DeploymentError, match=r"\$0\.80 an hour, more than the \$0\.50"):
        make_plan(local.host, page(hardware="l4x1", budget={"usd_per_hour_max": 0.5}))
    with pytest.raises(ConfigurationError, match="no hardware 'l4x9'") as raised:
        make_plan(local.host, page(hardware="l4x9"))
    assert "l4x" in raised.value.hint
    assert "$19.20 a day" in make_plan(local.host, page(hardware="l4x1")).notes[0]


def some_files(random_: random.Random) -> dict[str, bytes]:
    names = [
        "index.html",
        "é/ü 😀.txt",
        "a b/c#d%25.txt",
        "日本/語.md",
        "x+y.bin",
        "deep/er/still/f",
        "large.bin",
        "ﬁ.txt",
    ]
    chosen = random_.sample(names, random_.randint(1, len(names)))
    files = {name: random_.randbytes(random_.choice([0, 1, 100, 5000])) for name in chosen}
    if "large.bin" in files:
        files["large.bin"] = random_.randbytes(11 * 1024 * 1024)  # more than git takes: it goes by LFS
    return files


@pytest.mark.parametrize("seed", range(4))
def test_a_plan_after_an_apply_is_empty_whatever_the_files(seed: int, local: LocalHub, page: Page) -> None:
    random_ = random.Random(seed)
    for _ in range(4):
        rendered = page(some_files(random_))
        deployed(local, rendered)
        plan = make_plan(local.host, rendered)
        assert plan.is_empty, plan.as_json()
        content = local.content()
        content.pop(".gitattributes")
        assert content == dict(rendered.files)


def test_the_tree_that_was_planned_is_told_file_by_file(local: LocalHub, page: Page) -> None:
    deployed(local, page({"index.html": b"old", "gone.txt": b"12345"}))
    plan: Plan = make_plan(local.host, page({"index.html": b"newer", "more.txt": b"1"}))
    assert plan.commit is not None
    told = {(each.kind, each.path, each.before, each.after) for each in plan.commit.files}
    assert {("removed", "gone.txt", 5, None), ("changed", "index.html", 3, 5), ("added", "more.txt", None, 1)} <= told
    assert plan.as_json()["changes"] is True


def test_a_file_deleted_by_hand_is_put_back(local: LocalHub, page: Page) -> None:
    rendered = page()
    deployed(local, rendered)
    local.host.commit(SPACE, NewCommit("by hand", (DeleteFile("index.html"),), local.host.info(SPACE).sha))
    assert planned(local, rendered) == ["+ one commit: 1 added"]
    deployed(local, rendered)
    assert local.host.read(SPACE, "index.html") == PAGE["index.html"]
