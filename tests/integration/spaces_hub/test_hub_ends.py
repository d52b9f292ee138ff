"""However the local Hub ends, what was committed is there afterwards, and no app runs on."""

# The types of huggingface_hub are incomplete; what is known is still checked.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi

from tests.integration.spaces_hub.hub_process import hub_process
from tests.integration.spaces_hub.small_app import ask, files_of, until, until_runs
from unified_intelligence.entities.errors import ConfigurationError
from unified_intelligence.spaces.simulator.hub import Hub

NAME = "local/space"


def client(url: str) -> HfApi:
    return HfApi(endpoint=url, token="hf_x")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it ends while it is looked at
        return False


def test_what_is_deployed_outlives_the_process_and_its_app_does_not(tmp_path: Path) -> None:
    with hub_process(tmp_path) as first:
        api = client(first.url)
        api.create_repo(NAME, repo_type="space", space_sdk="gradio", space_secrets=[{"key": "K", "value": "ça"}])
        commit = api.create_commit(NAME, files_of("reste"), commit_message="x", repo_type="space").oid
        until_runs(api, NAME, commit)
        host = str(api.space_info(NAME).host)
        pid = int(ask(host)[1].partition(b'"pid": ')[2].split(b"}")[0])
        with pytest.raises(ConfigurationError, match="is running"):
            Hub(tmp_path)
        assert alive(pid)
        first.kill()
        until(lambda: alive(pid), lambda still: not still, seconds=10)
    with hub_process(tmp_path) as second:
        api = client(second.url)
        until_runs(api, NAME, commit)
        assert api.space_info(NAME).host == host and list(api.get_space_secrets(NAME)) == ["K"]
        status, body = ask(host)
        assert status == 200 and b"reste" in body
        pid = int(body.partition(b'"pid": ')[2].split(b"}")[0])
        assert second.interrupt() == 130
        assert not alive(pid)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_app_too_and_leaves_nothing(number: signal.Signals, tmp_path: Path) -> None:
    with hub_process(tmp_path, kept=False) as hub:
        api = client(hub.url)
        api.create_repo(NAME, repo_type="space", space_sdk="gradio")
        until_runs(api, NAME, api.create_commit(NAME, files_of("x"), commit_message="x", repo_type="space").oid)
        pid = int(ask(str(api.space_info(NAME).host))[1].partition(b'"pid": ')[2].split(b"}")[0])
        assert list(tmp_path.glob("uic-hub-*/spaces"))
        hub.process.send_signal(number)
        assert hub.process.wait(30) == 128 + signal.SIGTERM
        assert not alive(pid) and not list(tmp_path.glob("uic-hub-*"))


def test_killed_at_any_moment_it_loses_no_commit_that_it_told_of(tmp_path: Path) -> None:
    chance = random.Random(5)
    told: list[str] = []
    for turn in range(6):
        with hub_process(tmp_path) as hub:
            api = client(hub.url)
            api.create_repo(NAME, repo_type="space", space_sdk="static", exist_ok=True)
            commits = {each.commit_id for each in api.list_repo_commits(NAME, repo_type="space")}
            assert commits.issuperset(told)

            def write(turn: int = turn, url: str = hub.url) -> None:
                """Without the client's library, which would try a dead Hub for half a minute."""
                headers = {"Authorization": "Bearer x"}
                with suppress(httpx2.HTTPError), httpx2.Client(headers=headers, trust_env=False) as http:
                    for number in range(1000):
                        value = {"path": f"{turn}/{number}", "content": "é" * 999, "encoding": "utf-8"}
                        lines = [{"key": "header", "value": {"summary": "é"}}, {"key": "file", "value": value}]
                        body = "\n".join(json.dumps(line) for line in lines)
                        made = http.post(f"{url}/api/spaces/{NAME}/commit/main", content=body.encode())
                        told.append(made.raise_for_status().json()["commitOid"])

            writer = threading.Thread(target=write)
            writer.start()
            time.sleep(chance.uniform(0.05, 0.4))
            hub.kill()
            writer.join(30)
    assert len(told) > 6
    git = ["git", f"--git-dir={tmp_path}/spaces/{NAME}"]
    checked = subprocess.run([*git, "fsck", "--strict"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and "missing" not in checked.stdout, checked
    listed = subprocess.run([*git, "rev-list", "main"], capture_output=True, text=True, check=True).stdout.split()
    assert set(told) <= set(listed) and len(listed) <= len(told) + 1 + 6
