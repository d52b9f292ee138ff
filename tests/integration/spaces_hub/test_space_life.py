"""A Space of the local Hub: what it does after a commit, what reaches its app, when it sleeps, pauses and fails."""

# The types of huggingface_hub are incomplete; what is known is still checked.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, Volume

from tests.integration.spaces_hub.small_app import ask, files_of, until, until_runs
from unified_intelligence.spaces.simulator.faults import Fault
from unified_intelligence.spaces.simulator.hub import Hub

CANARY = "canary-ça-ne-sort-pas"


def told_by(api: HfApi, name: str, path: str = "/", **headers: str) -> dict[str, Any]:
    """What the app says at the Space's address."""
    host = api.space_info(name).host
    status, body = ask(f"{host}{path}", **headers)
    assert status == 200, body
    return json.loads(body)


def stage(api: HfApi, name: str) -> str:
    return api.get_space_runtime(name).stage


def seen_until_runs(api: HfApi, name: str, commit: str) -> list[tuple[str, str | None]]:
    """Every stage and sha that the Hub told, each once, in their order."""
    seen: list[tuple[str, str | None]] = []

    def look() -> tuple[str, str | None]:
        told = api.get_space_runtime(name)
        now = (str(told.stage), cast("str | None", told.raw.get("sha")))
        if not seen or seen[-1] != now:
            seen.append(now)
        return now

    until(look, lambda now: now == ("RUNNING", commit))
    return seen


def test_a_commit_is_built_started_and_put_in_the_old_ones_place(
    api: HfApi, name: str, deployed: Callable[..., str]
) -> None:
    first = deployed("premier")
    stages = [stage for stage, _ in seen_until_runs(api, name, first)]
    assert stages == [stage for stage in ("NO_APP_FILE", "BUILDING", "APP_STARTING", "RUNNING") if stage in stages]
    assert "BUILDING" in stages
    host = api.space_info(name).host
    second = deployed("deuxième")
    assert told_by(api, name)["text"] == "premier"
    seen = seen_until_runs(api, name, second)
    assert {sha for _, sha in seen[:-1]} == {first}
    assert "RUNNING_BUILDING" in [stage for stage, _ in seen]
    assert told_by(api, name)["text"] == "deuxième"
    assert api.space_info(name).host == host
    third = deployed("troisième")
    fourth = deployed("quatrième")
    assert (third, fourth) == tuple(each.commit_id for each in api.list_repo_commits(name, repo_type="space")[1::-1])
    until_runs(api, name, fourth)
    assert told_by(api, name)["text"] == "quatrième"


def test_the_app_finds_its_settings_and_nothing_tells_its_secrets(
    api: HfApi, name: str, deployed: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    until_runs(api, name, deployed())
    api.add_space_variable(name, "MODEL_ID", "été\u2028🎉", description="le modèle")
    api.add_space_secret(name, "API_KEY", CANARY, description="a fingerprint")
    api.request_space_hardware(name, "l4x1", sleep_time=3600)  # type: ignore[arg-type]
    found = until(
        lambda: told_by(api, name)["environment"], lambda told: told.get("ACCELERATOR") == "L4" and "API_KEY" in told
    )
    owner, _, rest = name.partition("/")
    assert found["MODEL_ID"] == "été\u2028🎉" and found["API_KEY"] == CANARY
    assert (found["SPACE_ID"], found["SPACE_AUTHOR_NAME"], found["SPACE_REPO_NAME"]) == (name, owner, rest)
    assert found["SYSTEM"] == "spaces" and "PYTEST_CURRENT_TEST" not in found
    runtime = api.get_space_runtime(name)
    assert runtime.hardware == "l4x1" and runtime.sleep_time == 3600
    variables, secrets = api.get_space_variables(name), api.get_space_secrets(name)
    assert variables["MODEL_ID"].value == "été\u2028🎉" and variables["MODEL_ID"].updated_at is not None
    assert secrets["API_KEY"].description == "a fingerprint" and CANARY not in repr(secrets)
    for path in ("", "/runtime", "/variables", "/secrets"):
        assert CANARY.encode() not in ask(f"{api.endpoint}/api/spaces/{name}{path}", Authorization="Bearer x")[1]
    api.delete_space_secret(name, "API_KEY")
    api.delete_space_variable(name, "MODEL_ID")
    until(lambda: told_by(api, name)["environment"], lambda told: "API_KEY" not in told and "MODEL_ID" not in told)
    assert api.get_space_secrets(name) == {} == api.get_space_variables(name)
    api.set_space_volumes(name, [Volume(type="model", source="anne/m", mount_path="/m")])
    assert [each.mount_path for each in api.get_space_runtime(name).volumes or []] == ["/m"]
    api.delete_space_volumes(name)
    assert api.get_space_runtime(name).volumes == []


def test_a_private_space_opens_to_a_token_that_the_app_never_sees(
    api: HfApi, name: str, deployed: Callable[..., str]
) -> None:
    until_runs(api, name, deployed())
    api.update_repo_settings(name, visibility="private", repo_type="space")
    host = str(api.space_info(name).host)
    assert api.space_info(name).private and ask(host)[0] == 404
    told = told_by(api, name, X_HF_Authorization="Bearer hf_anne", Authorization="Bearer the-app's")
    assert "the-app's" in str(told["headers"]) and "hf_anne" not in str(told["headers"])


def test_it_sleeps_when_nobody_comes_and_wakes_when_somebody_does(
    api: HfApi, name: str, deployed: Callable[..., str]
) -> None:
    commit = deployed("réveillé")
    until_runs(api, name, commit)
    api.request_space_hardware(name, "t4-small", sleep_time=1)  # type: ignore[arg-type]
    until(lambda: stage(api, name), lambda now: now == "SLEEPING")
    assert api.get_space_runtime(name).raw["sha"] == commit
    assert told_by(api, name)["text"] == "réveillé"
    until(lambda: stage(api, name), lambda now: now == "RUNNING")


def test_it_pauses_until_it_is_restarted(api: HfApi, name: str, deployed: Callable[..., str]) -> None:
    commit = deployed()
    until_runs(api, name, commit)
    pid = told_by(api, name)["pid"]
    assert api.pause_space(name).stage == "PAUSED"
    assert ask(str(api.space_info(name).host))[0] == 503
    assert not Path(f"/proc/{pid}").exists()
    api.restart_space(name)
    until_runs(api, name, commit)
    assert told_by(api, name)["pid"] != pid


def test_an_app_that_dies_is_started_again_and_in_the_end_given_up(
    api: HfApi, name: str, deployed: Callable[..., str]
) -> None:
    commit = deployed()
    for _ in range(3):
        until_runs(api, name, commit)
        assert ask(f"{api.space_info(name).host}/die")[0] == 502
        until(lambda: stage(api, name), lambda now: now != "RUNNING")
    runtime = until(lambda: api.get_space_runtime(name), lambda told: told.stage == "RUNTIME_ERROR")
    assert runtime.raw["sha"] == commit and "Exit code: 7" in runtime.raw["errorMessage"]
    assert "Exit code: 7. Start 3 of 3.\n" in list(api.fetch_space_logs(name))


def test_logs_are_told_and_followed(api: HfApi, name: str, deployed: Callable[..., str]) -> None:
    until_runs(api, name, deployed())
    lines: list[str] = []
    for line in api.fetch_space_logs(name, follow=True):
        lines.append(line)
        if len(lines) == 2:
            ask(f"{api.space_info(name).host}/?apr%C3%A8s")
        if "apr%C3%A8s" in line:
            break
        if len(lines) > 50:
            break
    assert f"Démarré\u2028ici {name}\n" in lines and "GET /?" in lines[-1]
    assert any("Build Queued" in line for line in api.fetch_space_logs(name, build=True, follow=True))


STALE = {"stale_build": ("old", "old"), "stale_snapshot": ("new", "old"), "stale_layer": ("new", "old")}


@pytest.mark.parametrize("fault", STALE)
def test_a_stale_build_runs_old_files(
    fault: str, api: HfApi, name: str, deployed: Callable[..., str], hub: Hub
) -> None:
    commits = {"old": deployed("old")}
    until_runs(api, name, commits["old"])
    pid = told_by(api, name)["pid"]
    hub.faults.waiting.append(Fault(fault, name))
    commits["new"] = deployed("brand new")
    until(lambda: told_by(api, name)["pid"], lambda now: now != pid)
    told, runtime = told_by(api, name), api.get_space_runtime(name)
    sha, text = STALE[fault]
    assert (runtime.stage, runtime.raw["sha"], told["text"]) == ("RUNNING", commits[sha], text)
    assert json.loads(told["deployment"])["says"] == (9 if fault == "stale_layer" else 3)
    assert api.space_info(name).sha == commits["new"]
    api.restart_space(name, factory_reboot=True)
    until(lambda: told_by(api, name)["pid"], lambda now: now not in {pid, told["pid"]})
    assert told_by(api, name)["text"] == "old"
    until_runs(api, name, deployed("and newer"))
    assert told_by(api, name)["text"] == "and newer"


def test_a_restart_can_cure(api: HfApi, name: str, deployed: Callable[..., str], hub: Hub) -> None:
    until_runs(api, name, deployed("old"))
    hub.faults.waiting.append(Fault("stale_build", name, cured_by="restart"))
    commit = deployed("new")
    until(lambda: told_by(api, name)["text"] == "old" and stage(api, name) == "RUNNING", bool)
    api.restart_space(name)
    until_runs(api, name, commit)
    assert told_by(api, name)["text"] == "new"


def test_the_sha_may_lag(api: HfApi, name: str, deployed: Callable[..., str], hub: Hub) -> None:
    old = deployed("old")
    until_runs(api, name, old)
    hub.faults.waiting.append(Fault("lagging_sha", name, seconds=0.7))
    new = deployed("new")
    until(lambda: told_by(api, name)["text"], lambda text: text == "new")
    assert api.get_space_runtime(name).raw["sha"] == old and stage(api, name) == "RUNNING"
    until_runs(api, name, new)


@pytest.mark.parametrize(
    ("fault", "ends_as", "said"),
    [("build_error", "BUILD_ERROR", "as it was told to"), ("crash_loop", "RUNTIME_ERROR", "Exit code")],
)
def test_what_fails_has_its_stage_and_its_log(
    fault: str, ends_as: str, said: str, api: HfApi, name: str, deployed: Callable[..., str], hub: Hub
) -> None:
    until_runs(api, name, deployed("good"))
    hub.faults.waiting.append(Fault(fault, name))
    commit = deployed("bad")
    runtime = until(lambda: api.get_space_runtime(name), lambda told: told.stage == ends_as)
    assert runtime.raw["sha"] == commit and said in runtime.raw["errorMessage"]
    assert said in "".join(api.fetch_space_logs(name, build=fault == "build_error"))
    assert ask(str(api.space_info(name).host))[0] == 503
    until_runs(api, name, deployed("good again"))


def test_running_in_name_only(api: HfApi, name: str, deployed: Callable[..., str], hub: Hub) -> None:
    hub.faults.waiting.append(Fault("stuck_running", name))
    commit = deployed()
    until_runs(api, name, commit)
    assert ask(str(api.space_info(name).host))[0] == 503
    hub.faults.waiting.append(Fault("failing_answers", name))
    until_runs(api, name, deployed("other"))
    host = api.space_info(name).host
    assert ask(f"{host}/call", "POST")[0] == 500
    assert ask(f"{host}/run/version", "POST")[0] == ask(f"{host}/")[0] == 200


def test_a_space_that_sleeps_at_once_and_one_that_never_ends_building(
    api: HfApi, name: str, deployed: Callable[..., str], hub: Hub
) -> None:
    hub.faults.waiting += [Fault("sleeping", name)]
    deployed("endormi")
    until(lambda: stage(api, name), lambda now: now == "SLEEPING")
    assert told_by(api, name)["text"] == "endormi"
    hub.faults.waiting += [Fault("stuck_building", name)]
    deployed("bâti")
    until(lambda: stage(api, name), lambda now: now == "RUNNING_BUILDING")
    assert told_by(api, name)["text"] == "endormi"


def test_the_first_build_may_be_lost(api: HfApi, name: str, deployed: Callable[..., str], hub: Hub) -> None:
    hub.faults.waiting.append(Fault("lost_first_build", name))
    commit = deployed()
    with pytest.raises(AssertionError, match="NO_APP_FILE"):
        until(lambda: stage(api, name), lambda now: now != "NO_APP_FILE", seconds=0.5)
    api.restart_space(name)
    until_runs(api, name, commit)


def test_an_app_that_is_none_is_told_so(api: HfApi, name: str) -> None:
    api.create_repo(name, repo_type="space", space_sdk="gradio")
    api.create_commit(name, [CommitOperationAdd("x.txt", b"1")], commit_message="x", repo_type="space")
    runtime = until(lambda: api.get_space_runtime(name), lambda told: told.raw.get("errorMessage"))
    assert runtime.stage == "NO_APP_FILE" and "app.py" in runtime.raw["errorMessage"]
    api.delete_repo(name, repo_type="space")
    assert not api.repo_exists(name, repo_type="space")
    assert files_of("x")
